use std::borrow::Cow;

use serde::de::MapAccess;

use crate::jose::{JsonError, Member, Members, jws_header, jws_payload, may_contain_jwt, read_object};

/// What a token is by its form alone, before anything in it can be believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenForm {
    /// Only its issuer knows what it says.
    Opaque,
    /// Some reader might take it for a JWT, or find one in it. The issuer is the one that its payload names, if header and payload can
    /// be read strictly, and the header does not say that it is something else than an access token.
    Jwt { issuer: Option<Box<str>> },
}

impl TokenForm {
    /// Whatever could be validated as a JWT has the second form: no such token is sent to anybody but its issuer.
    pub(crate) fn of(token: &str) -> Self {
        if !may_contain_jwt(token) {
            return Self::Opaque;
        }
        let may_be_access_token = jws_header(token).is_some_and(|header| may_be_access_token(&header));
        let payload = may_be_access_token.then(|| jws_payload(token)).flatten();
        Self::Jwt { issuer: payload.and_then(|payload| text_of("iss", &payload).ok()?) }
    }
}

/// RFC 8725 §3.11: a logout token, a security event and others are signed by the same issuer, which may call them active.
fn may_be_access_token(header: &[u8]) -> bool {
    let Ok(typ) = text_of("typ", header) else { return false };
    let typ = typ.as_deref().unwrap_or("JWT");
    let typ = typ.rsplit_once('/').map_or(typ, |(_, name)| name);
    ["JWT", "at+jwt", "JOSE"].iter().any(|expected| typ.eq_ignore_ascii_case(expected))
}

/// The member of this name, if there is one.
fn text_of(name: &str, json: &[u8]) -> Result<Option<Box<str>>, JsonError> {
    let mut text = TextOf { name, found: None };
    read_object(json, &mut text)?;
    Ok(text.found.map(Into::into))
}

struct TextOf<'n, 't> {
    name: &'n str,
    found: Option<Cow<'t, str>>,
}

impl<'de> Members<'de> for TextOf<'_, 'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        if name == self.name {
            self.found = Some(member.text()?);
            return Ok(());
        }
        member.skip()
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
        for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt", "JOSE"] {
            let header = format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#);
            assert_eq!(form(&header, r#"{"iss":"a"}"#), jwt(Some("a")), "{typ}");
        }
        for other in ["logout+jwt", "token-introspection+jwt", "secevent+jwt", "dpop+jwt", "", "x"] {
            let header = format!(r#"{{"alg":"ES256","typ":"{other}"}}"#);
            assert_eq!(form(&header, r#"{"iss":"a"}"#), jwt(None), "{other}");
        }
        assert_eq!(form(r#"{"typ":1}"#, r#"{"iss":"a"}"#), jwt(None));
        assert_eq!(form("{", "{}"), jwt(None));
        assert_eq!(form("{}", r#"{"iss":1}"#), jwt(None));
        assert_eq!(form("{}", r#"{"iss":"a","iss":"b"}"#), jwt(None));
        assert_eq!(form("{}", "no JSON"), jwt(None));
        assert_eq!(TokenForm::of(&format!("{}.$.", encode_base64url("{}"))), jwt(None));
    }

    #[test]
    fn everything_else_is_opaque() {
        for opaque in [
            "",
            "a",
            "2YotnFZFEjr1zCsicMWpAA",
            "ory_at_x.y",
            "a.b.c",
            "..",
            "e30",
            "e30.e30",
            "eyJhIjoxfQ",
            "eyJhIjoxfQ.c2ln",
        ] {
            assert_eq!(TokenForm::of(opaque), TokenForm::Opaque, "{opaque}");
        }
        // A JWT behind something is a secret of another issuer.
        let [header, payload] = [r#"{"alg":"ES256"}"#, r#"{"iss":"a"}"#].map(encode_base64url);
        for damaged in [format!("A{header}.{payload}.c2ln"), format!("x.{header}.{payload}.c2ln")] {
            assert_eq!(TokenForm::of(&damaged), jwt(None), "{damaged}");
        }
        // Encoded once more.
        let jws = format!("{header}.{payload}.c2ln");
        let spaced = format!("{}.{payload}.c2ln", encode_base64url(r#"{ "alg":"ES256"}"#));
        let again = encode_base64url(&jws);
        for encoded in [&again, &format!("{again}=="), &encode_base64url(format!("{jws}.")), &encode_base64url(spaced)]
        {
            assert_eq!(TokenForm::of(encoded), jwt(None), "{encoded}");
        }
        for opaque in ["ZX", "ZXlK", "ZXlKLg", &encode_base64url("eyJhIjoxfQ.c2ln")] {
            assert_eq!(TokenForm::of(opaque), TokenForm::Opaque, "{opaque}");
        }
        // A JWE: its issuer cannot be read, so nobody is asked about it.
        let five = format!("{}.a.b.c.d", encode_base64url(r#"{"alg":"dir","enc":"A128GCM"}"#));
        assert_eq!(TokenForm::of(&five), jwt(None));
    }
}
