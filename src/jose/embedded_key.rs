#[cfg(test)]
use std::cell::Cell;
use std::fmt;

use aws_lc_rs::signature::ParsedPublicKey;

use super::algorithm::Algorithm;
use super::jwk::read_public_key;
use super::key::{Material, Thumbprint};
use super::unusable_jwk::UnusableJwk;

/// The public key that a JWS brings along in its header (`jwk`, RFC 7515 §4.1.3), for the algorithm of that JWS.
///
/// It satisfies the rules for an entry of a JWK Set, except that the cryptographic library has not parsed it yet: that costs more
/// than the rest, and a caller knows by the [thumbprint](Self::thumbprint) whether the key is the expected one.
pub(crate) struct EmbeddedKey {
    algorithm: Algorithm,
    material: Material,
    thumbprint: Thumbprint,
}

impl EmbeddedKey {
    /// Reads the JSON of a JWK, in which no name occurs twice.
    pub(crate) fn from_jwk(jwk: &str, algorithm: Algorithm) -> Result<Self, UnusableJwk> {
        let (material, declared) = read_public_key(jwk)?;
        let kind = material.check()?;
        if kind != algorithm.key_kind() || declared.is_some_and(|declared| !declared.same_scheme(algorithm)) {
            return Err(UnusableJwk::AlgorithmMismatch { declared: algorithm });
        }
        Ok(Self { algorithm, thumbprint: material.thumbprint(), material })
    }

    /// The algorithm of the JWS, which is the only one that the key is used for.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The thumbprint of the key material (RFC 7638).
    pub(crate) fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The key, ready to verify. Here a point that is not on its NIST curve is refused.
    pub(crate) fn parse(&self) -> Result<ParsedKey, UnusableJwk> {
        #[cfg(test)]
        PARSED.set(PARSED.get() + 1);
        Ok(ParsedKey { key: self.material.parse(self.algorithm)? })
    }
}

/// A key that verifies signatures of one algorithm.
pub(crate) struct ParsedKey {
    key: ParsedPublicKey,
}

impl ParsedKey {
    /// Whether `signature` is this key's over `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        #[cfg(test)]
        VERIFIED.set(VERIFIED.get() + 1);
        self.key.verify_sig(message, signature).is_ok()
    }
}

/// Shows the thumbprint, not the material.
impl fmt::Debug for EmbeddedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedKey")
            .field("algorithm", &self.algorithm)
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
thread_local! {
    static PARSED: Cell<usize> = const { Cell::new(0) };
    static VERIFIED: Cell<usize> = const { Cell::new(0) };
}

/// How many keys this thread has parsed, and how many signatures it has verified with such keys.
#[cfg(test)]
pub(crate) fn parsed_and_verified() -> (usize, usize) {
    (PARSED.get(), VERIFIED.get())
}
