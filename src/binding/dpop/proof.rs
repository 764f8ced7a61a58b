use std::fmt;

use super::proof_claims::ProofClaims;
use super::proof_error::ProofError;
use crate::jose::{Algorithm, EmbeddedKey, JwsWithKey, Scratch, Thumbprint};
use crate::token::NumericDate;

/// The maximum length of a proof, in bytes. A proof by ES256 has about 600, and one by RSA with 8192 bits less than 4,000.
const MAX_LENGTH: usize = 4 * 1024;
/// The same for ML-DSA, whose keys and signatures are larger: a proof by ML-DSA-87 has about 11,400 bytes (FIPS 204 §4, table 2). A
/// longer text is not parsed.
const MAX_LENGTH_OF_ML_DSA: usize = 12 * 1024;

/// A parsed DPoP proof (RFC 9449 §4.2). Nothing in it has been verified.
///
/// Only [`CheckedProof`](super::CheckedProof) verifies its signature, after the rules about the request.
pub(crate) struct UnverifiedProof {
    key: EmbeddedKey,
    claims: ProofClaims,
    signing_input: Box<str>,
    signature: Box<[u8]>,
}

impl UnverifiedProof {
    /// Parses the value of a `DPoP` header: a JWS in compact form, its header, its claims, and its key as far as that is cheap.
    ///
    /// RFC 9449 §4.3, rules 2 to 5 and 7. `kid`, `x5c` and other members that name or bring a key select nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, ProofError> {
        check_length(text, MAX_LENGTH_OF_ML_DSA)?;
        let mut scratch = Scratch::default();
        let jws = JwsWithKey::parse(text, &mut scratch).map_err(ProofError::Jws)?;
        check_length(text, max_length(jws.header.algorithm))?;
        if !jws.header.is_of_type("dpop+jwt") {
            return Err(ProofError::Type { found: jws.header.typ.map(Into::into) });
        }
        let claims = ProofClaims::parse(jws.payload)?;
        let jwk = jws.jwk.ok_or(ProofError::NoKey)?;
        let key = EmbeddedKey::from_jwk(jwk, jws.header.algorithm).map_err(ProofError::Key)?;
        Ok(Self { key, claims, signing_input: jws.signing_input.into(), signature: jws.signature.into() })
    }

    /// The algorithm of the proof (`alg`).
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// The thumbprint of the key in the header (RFC 7638).
    pub(crate) fn thumbprint(&self) -> &Thumbprint {
        self.key.thumbprint()
    }

    /// The identifier of the proof (`jti`): 1 to 128 bytes.
    pub(crate) fn jti(&self) -> &str {
        &self.claims.jti
    }

    /// The method that was signed (`htm`).
    pub(crate) fn htm(&self) -> &str {
        &self.claims.htm
    }

    /// The target URI that was signed (`htu`), as it is written.
    pub(crate) fn htu(&self) -> &str {
        &self.claims.htu
    }

    /// When the proof was made, by the client's clock (`iat`).
    pub(crate) fn issued_at(&self) -> NumericDate {
        self.claims.iat
    }

    /// The hash of the access token that was signed (`ath`).
    pub(crate) fn ath(&self) -> &str {
        &self.claims.ath
    }

    /// The nonce of a server (`nonce`). It may be empty.
    pub(crate) fn nonce(&self) -> Option<&str> {
        self.claims.nonce.as_deref()
    }

    pub(super) fn key(&self) -> &EmbeddedKey {
        &self.key
    }

    pub(super) fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

fn check_length(text: &str, limit: usize) -> Result<(), ProofError> {
    if text.len() > limit { Err(ProofError::TooLong { length: text.len(), limit }) } else { Ok(()) }
}

const fn max_length(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::MlDsa44 | Algorithm::MlDsa65 | Algorithm::MlDsa87 => MAX_LENGTH_OF_ML_DSA,
        _ => MAX_LENGTH,
    }
}

/// Shows the key's thumbprint, and neither the proof nor its claims.
impl fmt::Debug for UnverifiedProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedProof").field("key", &self.key).finish_non_exhaustive()
    }
}
