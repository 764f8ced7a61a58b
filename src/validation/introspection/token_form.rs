use std::borrow::Cow;

use serde::de::MapAccess;

use crate::jose::{Member, Members, decode_base64url, read_object};

/// What a token is by its form alone, before anything in it can be believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenForm {
    /// Only its issuer knows what it says.
    Opaque,
    /// A compact JWS (RFC 7515 §7.1), and the issuer that its payload names. `None` if it names none, or not in readable form.
    Jws { issuer: Option<Box<str>> },
}

impl TokenForm {
    /// Whatever could be validated as a JWT has the second form: no such token is sent to anybody but its issuer.
    pub(crate) fn of(token: &str) -> Self {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Self::Opaque;
        };
        let is_object = decode_base64url(header)
            .is_some_and(|header| header.trim_ascii_start().first().is_some_and(|first| *first == b'{'));
        if !is_object {
            return Self::Opaque;
        }
        Self::Jws { issuer: decode_base64url(payload).and_then(|payload| issuer(&payload)) }
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

    fn jws(issuer: Option<&str>) -> TokenForm {
        TokenForm::Jws { issuer: issuer.map(Into::into) }
    }

    /// Row N9.
    #[test]
    fn a_compact_jws_names_its_issuer_whatever_else_is_wrong_with_it() {
        assert_eq!(form(r#"{"alg":"ES256"}"#, r#"{"iss":"https://a.test","sub":"x"}"#), jws(Some("https://a.test")));
        assert_eq!(form(r#"{"alg":"HS256"}"#, r#"{"iss":"https://a.test"}"#), jws(Some("https://a.test")));
        assert_eq!(form(r#" {"alg":"none"}"#, r#"{"iss":"https://a.test"}"#), jws(Some("https://a.test")));
        assert_eq!(form("{", "{}"), jws(None));
        assert_eq!(form("{}", r#"{"iss":1}"#), jws(None));
        assert_eq!(form("{}", r#"{"iss":"a","iss":"b"}"#), jws(None));
        assert_eq!(form("{}", "no JSON"), jws(None));
        assert_eq!(TokenForm::of(&format!("{}.$.", encode_base64url("{}"))), jws(None));
    }

    #[test]
    fn everything_else_is_opaque() {
        let five = format!("{}.a.b.c.d", encode_base64url(r#"{"alg":"dir","enc":"A128GCM"}"#));
        for opaque in ["", "a", "2YotnFZFEjr1zCsicMWpAA", "ory_at_x.y", "a.b.c", "..", "e30.e30", "e30", &*five] {
            assert_eq!(TokenForm::of(opaque), TokenForm::Opaque, "{opaque}");
        }
    }
}
