use std::borrow::Cow;

use serde::de::MapAccess;

use super::algorithm::Algorithm;
use super::jws_error::JwsError;
use super::strict_json::{Member, Members, read_object};

/// The members of a JOSE header that are used. All others are ignored (RFC 7515 §4), also those that would bring a key along:
/// `jku`, `jwk`, `x5u` and `x5c` select nothing (RFC 8725 §3.10). Only [`parse_with_jwk`](Self::parse_with_jwk) reads `jwk`.
pub(crate) struct Header<'t> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<Cow<'t, str>>,
    pub(crate) typ: Option<Cow<'t, str>>,
}

impl<'t> Header<'t> {
    pub(super) fn parse(header: &'t [u8]) -> Result<Self, JwsError> {
        let mut raw = RawHeader::default();
        read_object(header, &mut raw).map_err(JwsError::Header)?;
        Self::check(raw)
    }

    /// Like [`parse`](Self::parse), and the JSON of the header's `jwk` (RFC 7515 §4.1.3), which is checked as the rest of the header
    /// is.
    pub(super) fn parse_with_jwk(header: &'t [u8]) -> Result<(Self, Option<&'t str>), JwsError> {
        let mut raw = RawHeaderWithJwk::default();
        read_object(header, &mut raw).map_err(JwsError::Header)?;
        Ok((Self::check(raw.header)?, raw.jwk))
    }

    fn check(raw: RawHeader<'t>) -> Result<Self, JwsError> {
        refuse_extensions(&raw)?;
        refuse_nested_tokens(&raw)?;
        let name = raw.alg.ok_or(JwsError::NoAlgorithm)?;
        let algorithm = name.parse().map_err(|_| JwsError::Algorithm { found: name.into() })?;
        Ok(Self { algorithm, kid: raw.kid, typ: raw.typ })
    }

    /// Whether `typ` is this media type, which is written without `application/`. Media types are compared ignoring case.
    pub(crate) fn is_of_type(&self, media_type: &str) -> bool {
        self.typ.as_deref().is_some_and(|typ| without_application(typ).eq_ignore_ascii_case(media_type))
    }
}

/// RFC 7515 §4.1.9: a media type without a slash is short for one with `application/` before it.
fn without_application(media_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match media_type.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => media_type,
    }
}

/// No extension is understood, so a header that marks any as critical is refused (RFC 7515 §4.1.11). A JWT must not have an
/// unencoded payload, whether that is marked as critical or not (RFC 7797 §7).
fn refuse_extensions(header: &RawHeader<'_>) -> Result<(), JwsError> {
    if header.has_crit {
        return Err(JwsError::Critical);
    }
    if header.unencoded { Err(JwsError::UnencodedPayload) } else { Ok(()) }
}

/// A JWT within a JWT is not unwrapped (RFC 7519 §5.2), and `enc` marks a JWE (RFC 7516 §9).
fn refuse_nested_tokens(header: &RawHeader<'_>) -> Result<(), JwsError> {
    let nested = |cty: &str| cty.eq_ignore_ascii_case("jwt") || cty.eq_ignore_ascii_case("application/jwt");
    if header.cty.as_deref().is_some_and(nested) {
        return Err(JwsError::Nested);
    }
    if header.has_enc { Err(JwsError::Encrypted) } else { Ok(()) }
}

#[derive(Default)]
struct RawHeader<'t> {
    alg: Option<Cow<'t, str>>,
    kid: Option<Cow<'t, str>>,
    typ: Option<Cow<'t, str>>,
    cty: Option<Cow<'t, str>>,
    has_crit: bool,
    has_enc: bool,
    unencoded: bool,
}

impl<'de> Members<'de> for RawHeader<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        match name {
            "alg" => self.alg = Some(member.text()?),
            "kid" => self.kid = Some(member.text()?),
            "typ" => self.typ = Some(member.text()?),
            "cty" => self.cty = Some(member.text()?),
            "b64" => self.unencoded = !member.read::<bool>()?,
            "crit" => {
                self.has_crit = true;
                member.skip()?;
            }
            "enc" => {
                self.has_enc = true;
                member.skip()?;
            }
            _ => member.skip()?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct RawHeaderWithJwk<'t> {
    header: RawHeader<'t>,
    jwk: Option<&'t str>,
}

impl<'de> Members<'de> for RawHeaderWithJwk<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        if name == "jwk" {
            self.jwk = Some(member.json()?);
            return Ok(());
        }
        self.header.member(name, member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<Header<'_>, JwsError> {
        Header::parse(header.as_bytes())
    }

    /// Row E6.
    #[test]
    fn alg_is_a_string_that_is_known() {
        assert_eq!(parse("{}").err(), Some(JwsError::NoAlgorithm));
        for wrong in ["null", "[]", "[\"ES256\"]", "1", "{}"] {
            assert!(matches!(parse(&format!(r#"{{"alg":{wrong}}}"#)), Err(JwsError::Header(_))), "{wrong}");
        }
        for unknown in ["none", "HS256", "rs256", "RS256 ", ""] {
            let error = parse(&format!(r#"{{"alg":"{unknown}"}}"#)).err();
            assert_eq!(error, Some(JwsError::Algorithm { found: unknown.into() }));
        }
        assert_eq!(parse(r#"{"\u0061lg":"ES256"}"#).map(|header| header.algorithm), Ok(Algorithm::ES256));
    }

    /// Rows E7, E8.
    #[test]
    fn no_extension_is_understood() {
        for crit in [r#"["b64"]"#, r#"["exp"]"#, "[]", "null", "\"b64\"", r#"["alg"]"#] {
            let header = format!(r#"{{"alg":"ES256","b64":true,"crit":{crit}}}"#);
            assert_eq!(parse(&header).err(), Some(JwsError::Critical), "{crit}");
        }
        assert_eq!(parse(r#"{"alg":"ES256","b64":false}"#).err(), Some(JwsError::UnencodedPayload));
    }

    /// Row E12.
    #[test]
    fn unknown_members_are_ignored() {
        assert!(parse(r#"{"alg":"ES256","x5t":"abc","jku":"https://evil.example","new":{"a":[1]}}"#).is_ok());
    }

    /// Row E30.
    #[test]
    fn nested_and_encrypted_tokens_are_refused() {
        for cty in ["JWT", "jwt", "application/jwt"] {
            assert_eq!(parse(&format!(r#"{{"alg":"ES256","cty":"{cty}"}}"#)).err(), Some(JwsError::Nested));
        }
        assert_eq!(parse(r#"{"alg":"ES256","enc":"A256GCM"}"#).err(), Some(JwsError::Encrypted));
    }
}
