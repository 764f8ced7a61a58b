use std::time::Duration;

use crate::jose::{Algorithm, JsonError, JwsError, SignatureError};
use crate::redact::{Excerpt, Excerpts};
use crate::token::NumericDate;

/// Why a JWT is not an answer of an introspection endpoint to this server (RFC 9701 §5).
///
/// It does not mean that the token in question is bad.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedAnswerError {
    /// The answer is not text, so it is not a JWT.
    #[error("the answer is not UTF-8")]
    NotUtf8,
    /// The answer is not a signed JWT in the compact form.
    #[error("{0}")]
    Jws(JwsError),
    /// The header has another `typ`.
    #[error("expected the typ token-introspection+jwt, and found {}", shown(.found.as_ref()))]
    Type {
        /// The `typ`.
        found: Option<Excerpt>,
    },
    /// The algorithm is not one of the issuer's.
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
    /// The answer is from another issuer.
    #[error("expected the iss {expected:?}, and found {found:?}")]
    Issuer {
        /// The issuer that was asked.
        expected: Excerpt,
        /// The `iss`.
        found: Excerpt,
    },
    /// The answer is for another server.
    #[error("expected an aud that names this server, and found {found:?}")]
    Audience {
        /// The `aud`.
        found: Excerpts,
    },
    /// The answer is too old, so it may be replayed.
    #[error("expected an iat at most 60 s ago, and found {iat} at {now}, with a leeway of {leeway:?}")]
    Old {
        /// The `iat`.
        iat: NumericDate,
        /// The current time.
        now: NumericDate,
        /// The leeway.
        leeway: Duration,
    },
    /// The answer is from the future.
    #[error("expected an iat in the past, and found {iat} at {now}, with a leeway of {leeway:?}")]
    Early {
        /// The `iat`.
        iat: NumericDate,
        /// The current time.
        now: NumericDate,
        /// The leeway.
        leeway: Duration,
    },
    /// The answer has expired.
    #[error("expected an exp in the future, and found {exp} at {now}, with a leeway of {leeway:?}")]
    Expired {
        /// The `exp`.
        exp: NumericDate,
        /// The current time.
        now: NumericDate,
        /// The leeway.
        leeway: Duration,
    },
    /// The claim `token_introspection` is not an object.
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
    /// The allowed number of signature verifications has been used up.
    #[error("the number of keys that may be tried is used up for now")]
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
