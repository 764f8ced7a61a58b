use std::borrow::Cow;

use serde::de::MapAccess;

use super::confirmation::Confirmation;
use super::text::Text;
use crate::jose::{Member, Members, decode_base64url};

/// The claim `cnf` (RFC 7800 §3.1), as a payload states it: the key whose possession the holder of the token has to prove.
#[derive(Default)]
pub(crate) struct CnfClaim<'t> {
    jkt: Option<Cow<'t, str>>,
    x5t_s256: Option<Cow<'t, str>>,
    /// What is wrong with the claim.
    fault: Option<&'static str>,
}

impl<'t> CnfClaim<'t> {
    pub(super) fn read<A: MapAccess<'t>>(member: Member<'_, 't, A>) -> Result<Self, A::Error> {
        let mut claim = Self::default();
        // A value of another type has no members.
        member.object(&mut claim)?;
        if claim.jkt.is_none() && claim.x5t_s256.is_none() {
            claim.fault.get_or_insert("neither jkt nor x5t#S256");
        }
        Ok(claim)
    }

    /// What is wrong with the claim. Without a fault it has at least one of the two thumbprints, and nothing else.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        self.fault
    }

    /// The thumbprint of the key that signs DPoP proofs (RFC 9449 §6.1).
    pub(crate) fn jkt(&self) -> Option<&str> {
        self.jkt.as_deref()
    }

    /// The SHA-256 hash of the client's certificate (RFC 8705 §3.1).
    pub(crate) fn x5t_s256(&self) -> Option<&str> {
        self.x5t_s256.as_deref()
    }

    /// The same, for a token with this payload.
    pub(super) fn keep(self, payload: &[u8]) -> Confirmation<Text> {
        let kept = |text| Text::new(text, payload);
        Confirmation { jkt: self.jkt.map(kept), x5t_s256: self.x5t_s256.map(kept) }
    }

    /// A hash that is not well formed is kept: whatever is compared with it differs.
    fn hash<A: MapAccess<'t>>(
        &mut self,
        member: Member<'_, 't, A>,
        fault: &'static str,
    ) -> Result<Option<Cow<'t, str>>, A::Error> {
        let text = member.strings()?.into_one().unwrap_or_default();
        if decode_base64url(&*text).is_none_or(|bytes| bytes.len() != 32) {
            self.fault.get_or_insert(fault);
        }
        Ok(Some(text))
    }
}

impl<'t> Members<'t> for CnfClaim<'t> {
    fn member<A: MapAccess<'t>>(&mut self, name: &str, member: Member<'_, 't, A>) -> Result<(), A::Error> {
        match name {
            "jkt" => self.jkt = self.hash(member, "a jkt that is not the base64url form of 32 bytes")?,
            "x5t#S256" => {
                self.x5t_s256 = self.hash(member, "an x5t#S256 that is not the base64url form of 32 bytes")?;
            }
            // A confirmation that cannot be checked is not ignored: the issuer meant the token to be good with it only.
            _ => {
                self.fault.get_or_insert("a member other than jkt and x5t#S256");
                member.skip()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::jose::{JsonError, decode_base64url};
    use crate::token::RegisteredClaims;

    const HASH: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    fn fault(cnf: &str) -> Option<&'static str> {
        let payload = format!(r#"{{"cnf":{cnf}}}"#);
        let claims = RegisteredClaims::parse(payload.as_bytes()).unwrap();
        assert!(claims.has_cnf, "{cnf}");
        claims.confirmation.unwrap().fault()
    }

    #[test]
    fn either_thumbprint_or_both_confirm() {
        let payload = format!(r#"{{"cnf":{{"jkt":"{HASH}","x5t#S256":"{HASH}"}}}}"#);
        let claims = RegisteredClaims::parse(payload.as_bytes()).unwrap();
        let confirmation = claims.confirmation.unwrap();
        assert_eq!((confirmation.jkt(), confirmation.x5t_s256()), (Some(HASH), Some(HASH)));
        assert_eq!(confirmation.fault(), None);
        assert_eq!(fault(&format!(r#"{{"jkt":"{HASH}"}}"#)), None);
        assert_eq!(fault(&format!(r#"{{"x5t#S256":"{HASH}"}}"#)), None);
        assert!(RegisteredClaims::parse(b"{}").unwrap().confirmation.is_none());
    }

    #[test]
    fn a_confirmation_that_cannot_be_checked_has_a_fault() {
        let neither = Some("neither jkt nor x5t#S256");
        for cnf in ["null", "{}", "[]", "1", "true", "\"jkt\"", r#"[{"jkt":"x"}]"#] {
            assert_eq!(fault(cnf), neither, "{cnf}");
        }
        let other = Some("a member other than jkt and x5t#S256");
        for member in ["jwk", "jwe", "kid", "jku", "x5t", "JKT", "x5t#s256", "jkt#S256", ""] {
            assert_eq!(fault(&format!(r#"{{"jkt":"{HASH}","{member}":null}}"#)), other, "{member}");
            assert_eq!(fault(&format!(r#"{{"{member}":"{HASH}"}}"#)), other, "{member}");
        }
    }

    #[test]
    fn a_thumbprint_is_the_one_spelling_of_32_bytes() {
        let short = &HASH[..42];
        for bad in
            ["\"\"".to_owned(), format!("{short:?}"), format!("\"{HASH}=\""), format!("\"{short}J\""), "1".into()]
        {
            for name in ["jkt", "x5t#S256"] {
                assert!(fault(&format!(r#"{{"{name}":{bad}}}"#)).unwrap().contains(name), "{bad}");
            }
        }
        // The base64url form of 30, 31 and 33 bytes.
        for other in [&HASH[..40], &format!("{}A", &HASH[..41]), &format!("{HASH}A")] {
            assert!(decode_base64url(other).is_some_and(|bytes| bytes.len() != 32), "{other}");
            assert!(fault(&format!(r#"{{"jkt":"{other}"}}"#)).is_some(), "{other}");
        }
        assert!(fault(&format!(r#"{{"jkt":["{HASH}"]}}"#)).is_some());
        assert!(fault(&format!(r#"{{"jkt":{{"jkt":"{HASH}"}}}}"#)).is_some());
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused_with_the_payload() {
        let payload = format!(r#"{{"cnf":{{"jkt":"{HASH}","jkt":"{HASH}"}}}}"#);
        let error = RegisteredClaims::parse(payload.as_bytes()).err();
        assert_eq!(error, Some(JsonError::Duplicate { name: "jkt".into() }));
    }
}
