use std::time::Duration;

use super::token_error::TokenError;

/// Why [`ResourceServer::verify`](crate::ResourceServer::verify) returns no [`AccessToken`](crate::AccessToken).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is bad.
    #[error("the token is refused: {0}")]
    Token(TokenError),
    /// The token may be good, but the issuer's keys are unavailable.
    #[error("the issuer's keys are unavailable, retry in {} s", .retry_after.as_secs_f64())]
    KeysUnavailable {
        /// When another attempt makes sense.
        retry_after: Duration,
    },
    /// The token may be good, but a bound of this server is reached: on requests that wait for a key, or on verifications of
    /// tokens without `kid`.
    #[error("a bound of this server is reached, retry in {} s", .retry_after.as_secs_f64())]
    TooManyRequests {
        /// When another attempt makes sense.
        retry_after: Duration,
    },
}

impl From<TokenError> for VerifyError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}
