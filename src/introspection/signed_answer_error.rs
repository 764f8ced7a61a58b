use std::time::Duration;

use crate::jose::{Algorithm, JsonError, JwsError, SignatureError};
use crate::redact::{Excerpt, Excerpts};
use crate::token::NumericDate;

/// Why a JWT is no answer of an introspection endpoint to this server (RFC 9701 §5).
///
/// It says nothing about the token that was asked about.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedAnswerError {
    /// Not text, so not a JWT.
    #[error("the answer is not UTF-8")]
    NotUtf8,
    /// Not a signed JWT in the compact form.
    #[error("{0}")]
    Jws(JwsError),
    /// The header has another `typ`.
    #[error("expected the typ token-introspection+jwt, and found {}", shown(.found.as_ref()))]
    Type {
        /// The `typ`.
        found: Option<Excerpt>,
    },
    /// The issuer does not sign with this algorithm.
    #[error("expected an algorithm that the issuer may use, and found {found}")]
    Algorithm {
        /// The `alg`.
        found: Algorithm,
    },
    /// The payload is not an acceptable JSON object.
    #[error("the payload is malformed: {0}")]
    Payload(JsonError),
    /// A claim that RFC 9701 §5 requires is absent.
    #[error("the claim {claim} is missing")]
    Missing {
        /// Its name.
        claim: &'static str,
    },
    /// Another issuer made it.
    #[error("expected the iss {expected:?}, and found {found:?}")]
    Issuer {
        /// The issuer that was asked.
        expected: Excerpt,
        /// The `iss`.
        found: Excerpt,
    },
    /// It is for another server.
    #[error("expected an aud that names this server, and found {found:?}")]
    Audience {
        /// The `aud`.
        found: Excerpts,
    },
    /// It is too old, so it may be a recorded one.
    #[error("expected an iat at most 60 s ago, and found {iat} at {now}, with a leeway of {leeway:?}")]
    Old {
        /// The `iat`.
        iat: NumericDate,
        /// The time.
        now: NumericDate,
        /// The leeway.
        leeway: Duration,
    },
    /// It is from the future.
    #[error("expected an iat in the past, and found {iat} at {now}, with a leeway of {leeway:?}")]
    Early {
        /// The `iat`.
        iat: NumericDate,
        /// The time.
        now: NumericDate,
        /// The leeway.
        leeway: Duration,
    },
    /// It has expired.
    #[error("expected an exp in the future, and found {exp} at {now}, with a leeway of {leeway:?}")]
    Expired {
        /// The `exp`.
        exp: NumericDate,
        /// The time.
        now: NumericDate,
        /// The leeway.
        leeway: Duration,
    },
    /// Its member `token_introspection` is not an object.
    #[error("expected an object in the claim token_introspection, and found another value")]
    NotAnObject,
    /// The issuer has no key with this `kid` for this algorithm.
    #[error("expected the kid of a key of the issuer, and found {}", shown(.kid.as_ref()))]
    UnknownKey {
        /// The `kid`.
        kid: Option<Excerpt>,
    },
    /// No key of the issuer made the signature.
    #[error("expected a signature by a key of the issuer, and found another one")]
    Signature,
    /// As many verifications were made as are allowed.
    #[error("as many keys were tried as are allowed for now")]
    NoBudget,
}

impl SignedAnswerError {
    /// The error for a signature that no key has verified.
    pub(crate) fn of_signature(error: SignatureError, kid: Option<&str>) -> Self {
        match error {
            SignatureError::NoKey => Self::UnknownKey { kid: kid.map(Into::into) },
            SignatureError::NoKid { fitting: 0, .. } => Self::UnknownKey { kid: None },
            SignatureError::Mismatch | SignatureError::NoKid { .. } => Self::Signature,
            SignatureError::NoBudget => Self::NoBudget,
        }
    }
}

fn shown(found: Option<&Excerpt>) -> String {
    found.map_or("none".to_owned(), |found| format!("{found:?}"))
}
