use std::borrow::Cow;

use serde::de::MapAccess;

use super::proof_error::ProofError;
use crate::jose::{Member, Members, read_object};
use crate::token::NumericDate;

/// The maximum length of a `jti`, in bytes. Those of libraries have 16 to 36 bytes. A longer one costs more to hash and identifies a
/// proof no better.
const MAX_JTI_LENGTH: usize = 128;

/// The claims of a proof for a resource server (RFC 9449 §4.2), typed and not verified.
pub(super) struct ProofClaims {
    /// 1 to 128 bytes.
    pub(super) jti: Box<str>,
    pub(super) htm: Box<str>,
    pub(super) htu: Box<str>,
    pub(super) iat: NumericDate,
    pub(super) ath: Box<str>,
    pub(super) nonce: Option<Box<str>>,
}

impl ProofClaims {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, ProofError> {
        let mut raw = RawClaims::default();
        read_object(payload, &mut raw).map_err(ProofError::Payload)?;
        let jti = required("jti", raw.jti)?;
        if !(1..=MAX_JTI_LENGTH).contains(&jti.len()) {
            return Err(ProofError::JtiLength { length: jti.len(), limit: MAX_JTI_LENGTH });
        }
        Ok(Self {
            jti,
            htm: required("htm", raw.htm)?,
            htu: required("htu", raw.htu)?,
            iat: raw.iat.ok_or(ProofError::Missing { claim: "iat" })?,
            ath: required("ath", raw.ath)?,
            nonce: raw.nonce.map(Into::into),
        })
    }
}

fn required(claim: &'static str, value: Option<Cow<'_, str>>) -> Result<Box<str>, ProofError> {
    value.map(Into::into).ok_or(ProofError::Missing { claim })
}

#[derive(Default)]
struct RawClaims<'t> {
    jti: Option<Cow<'t, str>>,
    htm: Option<Cow<'t, str>>,
    htu: Option<Cow<'t, str>>,
    iat: Option<NumericDate>,
    ath: Option<Cow<'t, str>>,
    nonce: Option<Cow<'t, str>>,
}

impl<'de> Members<'de> for RawClaims<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        match name {
            "jti" => self.jti = Some(member.text()?),
            "htm" => self.htm = Some(member.text()?),
            "htu" => self.htu = Some(member.text()?),
            "iat" => self.iat = Some(member.read()?),
            "ath" => self.ath = Some(member.text()?),
            "nonce" => self.nonce = Some(member.text()?),
            // RFC 9449 §4.2: a proof may have other claims, and those that are not understood are ignored.
            _ => member.skip()?,
        }
        Ok(())
    }
}
