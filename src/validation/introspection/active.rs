use serde::de::MapAccess;

use crate::jose::{JsonError, Member, Members, read_object};

/// Whether an answer says that the token is active. Anything but a literal `true` says that it is not (RFC 7662 §2.2).
///
/// # Errors
///
/// The answer is no JSON object, or one with a name twice.
pub(crate) fn is_active(answer: &[u8]) -> Result<bool, JsonError> {
    let mut active = Active(false);
    read_object(answer, &mut active)?;
    Ok(active.0)
}

struct Active(bool);

impl<'de> Members<'de> for Active {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        match name {
            "active" => self.0 = member.json()? == "true",
            _ => member.skip()?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row N2.
    #[test]
    fn only_a_literal_true_is_active() {
        for (answer, expected) in [
            (r#"{"active":true}"#, Ok(true)),
            (r#"{"scope":"a","active" : true , "exp":1}"#, Ok(true)),
            (r#"{"\u0061ctive":true}"#, Ok(true)),
            (r#"{"active":false}"#, Ok(false)),
            (r#"{"active":"true"}"#, Ok(false)),
            (r#"{"active":1}"#, Ok(false)),
            (r#"{"active":null}"#, Ok(false)),
            (r#"{"active":[true]}"#, Ok(false)),
            (r#"{"active":{"active":true}}"#, Ok(false)),
            (r#"{"Active":true}"#, Ok(false)),
            (r#"{"token_introspection":{"active":true}}"#, Ok(false)),
            ("{}", Ok(false)),
        ] {
            assert_eq!(is_active(answer.as_bytes()), expected, "{answer}");
        }
        for malformed in [
            "",
            "true",
            "[]",
            r#"[{"active":true}]"#,
            "<html>",
            r#"{"active":true"#,
            r#"{"active":true}{"active":true}"#,
            r#"{"active":false,"active":true}"#,
            r#"{"active":true,"sub":"a","sub":"b"}"#,
            r#"{"active":true,"\u0061ctive":true}"#,
        ] {
            assert!(is_active(malformed.as_bytes()).is_err(), "{malformed}");
        }
    }
}
