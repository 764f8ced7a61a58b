use std::borrow::Cow;

use serde::de::MapAccess;

use crate::jose::{Member, Members, has_form_of_jwt, jws_payload, read_object};

/// What a token is by its form alone, before anything in it can be believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenForm {
    /// Only its issuer knows what it says.
    Opaque,
    /// Some reader might take it for a JWT. The issuer is the one that its payload names, if it can be read strictly.
    Jwt { issuer: Option<Box<str>> },
}

impl TokenForm {
    /// Whatever could be validated as a JWT has the second form: no such token is sent to anybody but its issuer.
    pub(crate) fn of(token: &str) -> Self {
        if !has_form_of_jwt(token) {
            return Self::Opaque;
        }
        Self::Jwt { issuer: jws_payload(token).and_then(|payload| issuer(&payload)) }
    }
}

fn issuer(payload: &[u8]) -> Option<Box<str>> {
    let mut issuer = Issuer(None);
    read_object(payload, &mut issuer).ok()?;
    issuer.0.map(Into::into)
}

struct Issuer<'t>(Option<Cow<'t, str>>);

impl<'de> Members<'de> for Issuer<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        match name {
            "iss" => self.0 = Some(member.text()?),
            _ => member.skip()?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::encode_base64url;

    fn form(header: &str, payload: &str) -> TokenForm {
        TokenForm::of(&format!("{}.{}.c2ln", encode_base64url(header), encode_base64url(payload)))
    }

    fn jwt(issuer: Option<&str>) -> TokenForm {
        TokenForm::Jwt { issuer: issuer.map(Into::into) }
    }

    /// Row N9.
    #[test]
    fn a_compact_jws_names_its_issuer_whatever_else_is_wrong_with_it() {
        assert_eq!(form(r#"{"alg":"ES256"}"#, r#"{"iss":"https://a.test","sub":"x"}"#), jwt(Some("https://a.test")));
        assert_eq!(form(r#"{"alg":"HS256"}"#, r#"{"iss":"https://a.test"}"#), jwt(Some("https://a.test")));
        assert_eq!(form(r#" {"alg":"none"}"#, r#"{"iss":"https://a.test"}"#), jwt(Some("https://a.test")));
        assert_eq!(form("{", "{}"), jwt(None));
        assert_eq!(form("{}", r#"{"iss":1}"#), jwt(None));
        assert_eq!(form("{}", r#"{"iss":"a","iss":"b"}"#), jwt(None));
        assert_eq!(form("{}", "no JSON"), jwt(None));
        assert_eq!(TokenForm::of(&format!("{}.$.", encode_base64url("{}"))), jwt(None));
    }

    #[test]
    fn everything_else_is_opaque() {
        for opaque in ["", "a", "2YotnFZFEjr1zCsicMWpAA", "ory_at_x.y", "a.b.c", "..", "e30.e30", "e30"] {
            assert_eq!(TokenForm::of(opaque), TokenForm::Opaque, "{opaque}");
        }
        // A JWE: its issuer cannot be read, so nobody is asked about it.
        let five = format!("{}.a.b.c.d", encode_base64url(r#"{"alg":"dir","enc":"A128GCM"}"#));
        assert_eq!(TokenForm::of(&five), jwt(None));
    }
}
