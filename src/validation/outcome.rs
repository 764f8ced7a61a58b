use std::time::Duration;

use super::provenance::Provenance;
use super::token_error::TokenError;
use super::verify_error::VerifyError;
use crate::AccessToken;
use crate::keys::PendingLookup;

/// What validation knows of a token so far.
pub(crate) enum Outcome {
    Accepted(AccessToken, Provenance),
    Refused(VerifyError),
    /// The token can be validated once this completes.
    Wait(PendingLookup),
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
