#[cfg(feature = "tenants")]
use std::pin::Pin;
#[cfg(feature = "tenants")]
use std::sync::Arc;
use std::time::Duration;

use super::evidence::Evidence;
#[cfg(feature = "introspection")]
use super::introspection::PendingAnswer;
use super::token_error::TokenError;
#[cfg(feature = "tenants")]
use super::trusted_issuer::TrustedIssuer;
use super::verify_error::VerifyError;
use crate::AccessToken;
use crate::keys::PendingLookup;

/// What validation knows of a token so far.
pub(crate) enum Outcome {
    Accepted(AccessToken, Evidence),
    Refused(VerifyError),
    /// The token can be validated once this completes.
    Wait(Pending),
}

/// What the validation of a token waits for.
pub(crate) enum Pending {
    /// The keys of its issuer. The token is validated again once there is news of them.
    Keys(PendingLookup),
    /// Its issuer, which is resolved at run time. The token is validated then.
    #[cfg(feature = "tenants")]
    Issuer(PendingIssuer),
    /// The answer of its issuer, which is the verdict.
    #[cfg(feature = "introspection")]
    Answer(PendingAnswer),
}

/// The issuer of a token, once it is known.
#[cfg(feature = "tenants")]
pub(crate) type PendingIssuer = Pin<Box<dyn Future<Output = Result<Arc<TrustedIssuer>, VerifyError>> + Send>>;

impl Pending {
    /// Whether the token is validated again after the wait.
    pub(crate) fn needs_token(&self) -> bool {
        match self {
            Self::Keys(_) => true,
            #[cfg(feature = "tenants")]
            Self::Issuer(_) => true,
            #[cfg(feature = "introspection")]
            Self::Answer(_) => false,
        }
    }
}

impl Outcome {
    pub(super) fn unavailable(retry_after: Duration) -> Self {
        Self::Refused(VerifyError::KeysUnavailable { retry_after })
    }

    pub(super) fn too_many_requests(retry_after: Duration) -> Self {
        Self::Refused(VerifyError::TooManyRequests { retry_after })
    }
}

impl From<TokenError> for Outcome {
    fn from(error: TokenError) -> Self {
        Self::Refused(VerifyError::Token(error))
    }
}
