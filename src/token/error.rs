use super::claims::ClaimsError;
use super::numeric_date::NumericDate;
use crate::jose::{Algorithm, JsonError, JwsError, SignatureError};
use crate::redact::{Excerpt, Excerpts};

/// What is wrong with a token, for logs and tests.
///
/// It holds what was found and, where it is not a constant of the crate, what was expected. Anybody may have written what was
/// found, so only an [`Excerpt`] of it is kept. Clients never see it: to them every one of these is the same `invalid_token`
/// (RFC 6750 §3.1).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Longer than a token may be.
    #[error("{length} octets, where {limit} are the most")]
    TooLong {
        /// Its length in octets.
        length: usize,
        /// The most there may be.
        limit: usize,
    },
    /// Not a signed JWT.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// The payload is not an acceptable JSON object, or a registered claim has the wrong type.
    #[error("the payload: {0}")]
    Payload(#[source] JsonError),
    /// A required claim is absent or empty (RFC 9068 §2.2).
    #[error("the claim {claim:?} is missing")]
    Missing {
        /// Its name.
        claim: &'static str,
    },
    /// The issuer is not one that is trusted (RFC 9068 §4).
    #[error("the issuer {found:?} is not trusted")]
    Issuer {
        /// The `iss`.
        found: Excerpt,
    },
    /// The algorithm is not one that this issuer may use (RFC 8725 §3.1).
    #[error("the issuer may not sign with {found}")]
    Algorithm {
        /// The `alg`.
        found: Algorithm,
    },
    /// The header's `typ` is not that of an access token (RFC 9068 §4).
    #[error("the type {found:?} is not that of an access token")]
    Type {
        /// The `typ`, if there is one.
        found: Option<Excerpt>,
    },
    /// A claim tells that this is another kind of token, such as an ID token (RFC 8725 §3.12).
    #[error("the claim {claim:?} is not one of an access token")]
    NotAnAccessToken {
        /// Its name.
        claim: &'static str,
    },
    /// The token is bound to a key that the request did not prove to hold (RFC 7800 §3.1, RFC 9449 §7.2).
    #[error("the token is bound to a key (cnf), and no binding is configured")]
    Bound,
    /// The token is for somebody else (RFC 9068 §4).
    #[error("the audience {found:?} has none of {expected:?}")]
    Audience {
        /// The `aud`.
        found: Excerpts,
        /// Who this is.
        expected: Excerpts,
    },
    /// The token was issued to a client whose tokens are not for this server.
    #[error("the client {found:?} is none of {expected:?}")]
    Client {
        /// The client.
        found: Excerpt,
        /// Those whose tokens are.
        expected: Excerpts,
    },
    /// The tenant that the token names is not that of its issuer.
    #[error("the tenant {found:?} is not {expected:?}, whom the issuer stands for")]
    Tenant {
        /// The `tid`.
        found: Excerpt,
        /// The tenant in the `iss`.
        expected: Excerpt,
    },
    /// The `sub` is none of those that are let in; it is not told, because it may be a person's.
    #[error("the subject is none of those that are let in")]
    Subject,
    /// Past its `exp` (RFC 7519 §4.1.4).
    #[error("expired at {exp}, and it is {now}")]
    Expired {
        /// The `exp`.
        exp: NumericDate,
        /// When the token was judged.
        now: NumericDate,
    },
    /// Before its `nbf` (RFC 7519 §4.1.5).
    #[error("not valid before {nbf}, and it is {now}")]
    NotYetValid {
        /// The `nbf`.
        nbf: NumericDate,
        /// When the token was judged.
        now: NumericDate,
    },
    /// Its `iat` lies in the future (FAPI 2.0 §5.3.2.1).
    #[error("issued at {iat}, and it is {now}")]
    IssuedInTheFuture {
        /// The `iat`.
        iat: NumericDate,
        /// When the token was judged.
        now: NumericDate,
    },
    /// The issuer has no key of that name (RFC 7515 §4.1.4).
    #[error("the issuer has no key {kid:?}")]
    UnknownKey {
        /// The `kid`.
        kid: Option<Excerpt>,
    },
    /// The token names no key, and none of the issuer's that was tried made the signature (RFC 7515 §4.1.4, appendix D).
    #[error("no kid: {tried} of {fitting} keys tried, and none made the signature")]
    NoKid {
        /// How many keys were tried: at most 17.
        tried: usize,
        /// How many keys of the issuer are for the algorithm.
        fitting: usize,
    },
    /// The issuer's key is not one for the token's algorithm (RFC 8725 §3.1), or not one for the token's tenant.
    #[error("the issuer's key is not one for {algorithm}, or not for this tenant")]
    KeyMismatch {
        /// The `alg`.
        algorithm: Algorithm,
    },
    /// No key of the issuer made the signature (RFC 7515 §5.2).
    #[error("the signature is not one of the issuer's")]
    Signature,
    /// The claims are not what the application asked for.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
}

impl TokenError {
    /// A word for it that stays the same, for logs and as the label of a metric.
    ///
    /// `too_long`, `malformed`, `payload`, `missing_claim`, `issuer`, `algorithm`, `type`, `other_kind`, `bound`, `audience`,
    /// `client`, `tenant`, `subject`, `expired`, `not_yet_valid`, `issued_in_the_future`, `unknown_key`, `no_kid`,
    /// `key_mismatch`, `signature` or `claims`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::Jws(_) => "malformed",
            Self::Payload(_) => "payload",
            Self::Missing { .. } => "missing_claim",
            Self::Issuer { .. } => "issuer",
            Self::Algorithm { .. } => "algorithm",
            Self::Type { .. } => "type",
            Self::NotAnAccessToken { .. } => "other_kind",
            Self::Bound => "bound",
            Self::Audience { .. } => "audience",
            Self::Client { .. } => "client",
            Self::Tenant { .. } => "tenant",
            Self::Subject => "subject",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::IssuedInTheFuture { .. } => "issued_in_the_future",
            Self::UnknownKey { .. } => "unknown_key",
            Self::NoKid { .. } => "no_kid",
            Self::KeyMismatch { .. } => "key_mismatch",
            Self::Signature => "signature",
            Self::Claims(_) => "claims",
        }
    }

    /// Why a signature by `algorithm` does not count.
    pub(crate) fn of_signature(error: SignatureError, algorithm: Algorithm) -> Self {
        match error {
            SignatureError::NoKey => Self::KeyMismatch { algorithm },
            SignatureError::Mismatch | SignatureError::NoBudget => Self::Signature,
            SignatureError::NoKid { tried, fitting } => Self::NoKid { tried, fitting },
        }
    }

    /// Whether the token may hold characters that no JWT has: it was refused before all of them were looked at, or for them.
    pub(crate) fn concerns_spelling(&self) -> bool {
        matches!(self, Self::TooLong { .. } | Self::Jws(JwsError::Parts { .. } | JwsError::Encoding))
    }
}
