use std::time::Duration;

use crate::jose::{Algorithm, JsonError, JwsError, SignatureError};
use crate::redact::{Excerpt, Excerpts};
use crate::token::{ClaimsError, NotAnAccessToken, NumericDate};

/// What is wrong with a token, for logs and tests.
///
/// It holds what was found and, unless that is a constant of the crate, what was expected. A stranger may have written what was found, so only an
/// [`Excerpt`] of it is kept. Clients never see this error: they only get `invalid_token` (RFC 6750 §3.1).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The token is too long.
    #[error("the token has {length} bytes, expected at most {limit}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The maximum length in bytes.
        limit: usize,
    },
    /// The token is not a signed JWT.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// The payload is not an acceptable JSON object, or a registered claim has the wrong type.
    #[error("the payload is not acceptable JSON: {0}")]
    Payload(JsonError),
    /// The issuer says that the token is not active: it has expired, it was revoked, or the issuer does not know it (RFC 7662 §2.2).
    #[error("the issuer says that the token is not active")]
    Inactive,
    /// The token, its session, its subject, its client or all tokens of its issuer are [revoked](crate::revocation).
    #[error("the token is revoked")]
    Revoked,
    /// The token lives longer than revocations are remembered.
    #[error("the token lives for {lifetime} s, expected at most {limit} s, for which revocations are remembered")]
    LivesTooLong {
        /// `exp` − `iat`, in seconds.
        lifetime: f64,
        /// The largest lifetime, in seconds.
        limit: f64,
    },
    /// A required claim is absent or empty (RFC 9068 §2.2).
    #[error("the claim {claim:?} is missing or empty")]
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
    #[error("the algorithm {found} is not allowed for this issuer")]
    Algorithm {
        /// The `alg`.
        found: Algorithm,
    },
    /// The header's `typ` is not one that access tokens have (RFC 9068 §4).
    #[error("the typ of the header is {}, expected that of an access token", shown(.found.as_ref()))]
    Type {
        /// The `typ`, if there is one.
        found: Option<Excerpt>,
    },
    /// A claim shows that this is another kind of token, such as an ID token (RFC 8725 §3.12).
    #[error("the claim {claim:?} shows that this is not an access token")]
    NotAnAccessToken {
        /// Its name.
        claim: &'static str,
    },
    /// A claim about delegation or grants is malformed (RFC 8693 §4.1, RFC 9396 §2).
    #[error("the claim {claim:?} is malformed: expected {expected}, found {found}")]
    MalformedClaim {
        /// Its name.
        claim: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What is wrong with it.
        found: &'static str,
    },
    /// The token is bound to a key in a way that this server does not check (RFC 7800 §3.1), because it is configured for another binding or none.
    #[error("the token is bound to a key (cnf) in a way that this server is not configured to check")]
    Bound,
    /// The token is bound to a key but came without a proof: with a scheme other than `DPoP`, from a source other than `Authorization`, or outside a
    /// request (RFC 9449 §7.2).
    #[error("the token is bound to a key, but came without a proof: expected the scheme DPoP in Authorization")]
    BoundWithoutProof,
    /// The token is not bound to a key but came with the scheme `DPoP`, or to a server that requires a binding (RFC 9449 §7.1, RFC 9700 §2.2.1).
    #[error("the token is not bound to a key, expected a jkt in its cnf")]
    NotBound,
    /// The token is for another audience (RFC 9068 §4).
    #[error("the audience is {found:?}, expected one of {expected:?}")]
    Audience {
        /// The `aud`.
        found: Excerpts,
        /// The audiences of this server.
        expected: Excerpts,
    },
    /// The token was issued to a client whose tokens are not for this server.
    #[error("the client is {found:?}, expected one of {expected:?}")]
    Client {
        /// The client.
        found: Excerpt,
        /// The clients that this server accepts.
        expected: Excerpts,
    },
    /// The tenant that the token names is not its issuer's.
    #[error("the tenant in tid is {found:?}, expected {expected:?} as in iss")]
    Tenant {
        /// The `tid`.
        found: Excerpt,
        /// The tenant in the `iss`.
        expected: Excerpt,
    },
    /// The tenant that issued the token does not fit the request (feature `tenants`).
    #[error("the tenant does not fit the request")]
    TenantMismatch,
    /// The `sub` is not one of the allowed subjects. It is not shown, because it may identify a person.
    #[error("the subject is not one of the allowed subjects")]
    Subject,
    /// The claim that identifies the issuer's callers has a value that is not allowed.
    #[error("the claim {claim:?} is {found:?}, which is not one of the allowed values")]
    Caller {
        /// Its name.
        claim: &'static str,
        /// Its value; empty if it is not a string.
        found: Excerpt,
    },
    /// The token was issued by another user flow of Azure AD B2C.
    #[error("the user flow in tfp is {}, expected {expected:?}", shown(.found.as_ref()))]
    UserFlow {
        /// The `tfp`, or the `acr` instead.
        found: Option<Excerpt>,
        /// The user flow that is trusted.
        expected: Excerpt,
    },
    /// The subject is not the SPIFFE ID of a workload in the trust domain (JWT-SVID §3.1).
    #[error("the trust domain of the subject is {}, expected {expected:?}", shown(.found.as_ref()))]
    TrustDomain {
        /// The trust domain of the `sub`, if that is the SPIFFE ID of a workload.
        found: Option<Excerpt>,
        /// The trust domain whose keys are used.
        expected: Excerpt,
    },
    /// The token has expired (RFC 7519 §4.1.4).
    #[error("expired {} s ago (exp {exp}, leeway {} s)", seconds(*now, *exp), .leeway.as_secs_f64())]
    Expired {
        /// The `exp`.
        exp: NumericDate,
        /// When the token was validated.
        now: NumericDate,
        /// The leeway of the server.
        leeway: Duration,
    },
    /// The token is not valid yet (RFC 7519 §4.1.5).
    #[error("not valid for another {} s (nbf {nbf}, leeway {} s)", seconds(*nbf, *now), .leeway.as_secs_f64())]
    NotYetValid {
        /// The `nbf`.
        nbf: NumericDate,
        /// When the token was validated.
        now: NumericDate,
        /// The leeway of the server.
        leeway: Duration,
    },
    /// The token was issued in the future (FAPI 2.0 §5.3.2.1).
    #[error("issued {} s in the future (iat {iat}, leeway {} s)", seconds(*iat, *now), .leeway.as_secs_f64())]
    IssuedInTheFuture {
        /// The `iat`.
        iat: NumericDate,
        /// When the token was validated.
        now: NumericDate,
        /// The leeway of the server.
        leeway: Duration,
    },
    /// The issuer has no key with this `kid` (RFC 7515 §4.1.4).
    #[error("the issuer has no key {}", with_kid(.kid.as_ref()))]
    UnknownKey {
        /// The `kid`.
        kid: Option<Excerpt>,
    },
    /// The token names no key, and none of the issuer's keys that were tried made the signature (RFC 7515 §4.1.4, appendix D).
    #[error("no kid: {tried} of {fitting} keys tried, and none of them made the signature")]
    NoKid {
        /// How many keys were tried: at most 17.
        tried: usize,
        /// How many keys of the issuer are for the algorithm.
        fitting: usize,
    },
    /// The issuer's key is not for the token's algorithm (RFC 8725 §3.1), or not for the token's tenant.
    #[error("the issuer's key with this kid is not for {algorithm}, or not for this tenant")]
    KeyMismatch {
        /// The `alg`.
        algorithm: Algorithm,
    },
    /// No key of the issuer made the signature (RFC 7515 §5.2).
    #[error("the signature is not valid for the issuer's key")]
    Signature,
    /// The claims do not parse as the application's type.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
}

impl TokenError {
    /// A constant word for the error, for logs and as the label of a metric. It does not change between versions.
    ///
    /// `too_long`, `malformed`, `payload`, `missing_claim`, `issuer`, `algorithm`, `type`, `other_kind`, `malformed_claim`, `bound`,
    /// `bound_without_proof`, `not_bound`, `audience`, `client`, `tenant`, `tenant_mismatch`, `subject`, `caller`, `user_flow`, `trust_domain`, `expired`, `not_yet_valid`,
    /// `issued_in_the_future`, `unknown_key`, `no_kid`, `key_mismatch`, `signature`, `claims`, `inactive`, `revoked` or `lives_too_long`.
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
            Self::MalformedClaim { .. } => "malformed_claim",
            Self::Inactive => "inactive",
            Self::Revoked => "revoked",
            Self::LivesTooLong { .. } => "lives_too_long",
            Self::Bound => "bound",
            Self::BoundWithoutProof => "bound_without_proof",
            Self::NotBound => "not_bound",
            Self::Audience { .. } => "audience",
            Self::Client { .. } => "client",
            Self::Tenant { .. } => "tenant",
            Self::TenantMismatch => "tenant_mismatch",
            Self::Subject => "subject",
            Self::Caller { .. } => "caller",
            Self::UserFlow { .. } => "user_flow",
            Self::TrustDomain { .. } => "trust_domain",
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

    /// Why a signature of `algorithm` is not valid.
    pub(crate) fn of_signature(error: SignatureError, algorithm: Algorithm) -> Self {
        match error {
            SignatureError::NoKey => Self::KeyMismatch { algorithm },
            SignatureError::Mismatch | SignatureError::NoBudget => Self::Signature,
            SignatureError::NoKid { tried, fitting } => Self::NoKid { tried, fitting },
        }
    }

    /// Whether the token may contain characters that no JWT has: it was refused before all of them were checked, or for them.
    pub(crate) fn concerns_spelling(&self) -> bool {
        matches!(self, Self::TooLong { .. } | Self::Jws(JwsError::Parts { .. } | JwsError::Encoding))
    }
}

impl From<NotAnAccessToken> for TokenError {
    fn from(error: NotAnAccessToken) -> Self {
        match error {
            NotAnAccessToken::Missing(claim) => Self::Missing { claim },
            NotAnAccessToken::Claims(error) => Self::Claims(error),
        }
    }
}

/// The time from `earlier` to `later`, in whole seconds.
fn seconds(later: NumericDate, earlier: NumericDate) -> f64 {
    (later.seconds() - earlier.seconds()).ceil()
}

fn with_kid(kid: Option<&Excerpt>) -> String {
    kid.map_or("for a token without kid".to_owned(), |kid| format!("with the kid {kid:?}"))
}

fn shown(text: Option<&Excerpt>) -> String {
    text.map_or("absent".to_owned(), |text| format!("{text:?}"))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn messages_say_what_was_found_and_by_how_much() {
        let at = |seconds: u64| NumericDate::from(UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 500));
        let (now, leeway) = (at(2000), Duration::from_secs(30));
        let rows = [
            (TokenError::Expired { exp: at(1900), now, leeway }, "expired 100 s ago (exp 1900.5, leeway 30 s)"),
            (
                TokenError::NotYetValid { nbf: at(2100), now, leeway },
                "not valid for another 100 s (nbf 2100.5, leeway 30 s)",
            ),
            (
                TokenError::IssuedInTheFuture { iat: at(2200), now, leeway },
                "issued 200 s in the future (iat 2200.5, leeway 30 s)",
            ),
            (TokenError::UnknownKey { kid: None }, "the issuer has no key for a token without kid"),
            (TokenError::UnknownKey { kid: Some("a\n".into()) }, r#"the issuer has no key with the kid "a\n""#),
        ];
        for (error, message) in rows {
            assert_eq!(error.to_string(), message);
        }
    }
}
