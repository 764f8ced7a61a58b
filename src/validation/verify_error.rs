use std::time::Duration;

use super::token_error::TokenError;
use crate::binding::certificate::CertificateError;
use crate::binding::dpop::ProofError;

/// Why [`ResourceServer::verify`](crate::ResourceServer::verify) does not return an [`AccessToken`](crate::AccessToken).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is bad.
    #[error("the token is refused: {0}")]
    Token(TokenError),
    /// The token is good, but the proof that came with it is not.
    #[error("the proof is refused: {0}")]
    Proof(ProofError),
    /// The token is good, but the client certificate that it is bound to did not come with it (RFC 8705 §3).
    #[error("the client certificate is refused: {0}")]
    Certificate(CertificateError),
    /// The token may be good, but the issuer's keys are unavailable.
    #[error("the issuer's keys are unavailable, retry in {} s", .retry_after.as_secs_f64())]
    KeysUnavailable {
        /// How long to wait before another attempt.
        retry_after: Duration,
    },
    /// The token may be good, but it could not be resolved whether its issuer is a tenant (feature `tenants`).
    #[error("it could not be resolved whether the issuer is a tenant, retry in {} s", .retry_after.as_secs_f64())]
    TenantUnavailable {
        /// How long to wait before another attempt.
        retry_after: Duration,
    },
    /// The token may be good, but its issuer did not answer the introspection (RFC 7662).
    #[error("the issuer did not answer about the token, retry in {} s", .retry_after.as_secs_f64())]
    IntrospectionUnavailable {
        /// How long to wait before another attempt.
        retry_after: Duration,
    },
    /// Token and proof may be good, but the store that detects replayed proofs is full or does not answer.
    #[error("the replay store is full or does not answer, retry in {} s", .retry_after.as_secs_f64())]
    ReplayStoreUnavailable {
        /// How long to wait before another attempt.
        retry_after: Duration,
    },
    /// The token may be good, but revocations may be missing: a feed has been silent for longer than its limit.
    #[error("revocations may be missing, retry in {} s", .retry_after.as_secs_f64())]
    RevocationsUnavailable {
        /// How long to wait before another attempt.
        retry_after: Duration,
    },
    /// The token may be good, but a limit of this server has been reached: on requests that wait for a key or a tenant, on
    /// tenants that are loaded, on verifications of tokens without `kid`, or on proofs by one key.
    #[error("a limit of this server has been reached, retry in {} s", .retry_after.as_secs_f64())]
    TooManyRequests {
        /// How long to wait before another attempt.
        retry_after: Duration,
    },
}

impl VerifyError {
    /// The constant word for why a token, its proof or its certificate is bad: see [`TokenError::reason`],
    /// [`ProofError::reason`] and [`CertificateError::reason`]. `None` if they may be good.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Token(error) => Some(error.reason()),
            Self::Proof(error) => Some(error.reason()),
            Self::Certificate(error) => Some(error.reason()),
            Self::KeysUnavailable { .. }
            | Self::TenantUnavailable { .. }
            | Self::IntrospectionUnavailable { .. }
            | Self::ReplayStoreUnavailable { .. }
            | Self::RevocationsUnavailable { .. }
            | Self::TooManyRequests { .. } => None,
        }
    }
}

impl From<TokenError> for VerifyError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<ProofError> for VerifyError {
    fn from(error: ProofError) -> Self {
        Self::Proof(error)
    }
}

impl From<CertificateError> for VerifyError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}
