//! Validation of a signed JWT with the keys of its issuer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::evidence::Evidence;
use super::outcome::{Outcome, Pending};
use super::server_context::ServerContext;
use super::token_error::TokenError;
use super::unverified_token::CheckedToken;
use crate::clock::Moment;
use crate::keys::{KeyStore, TokenTimes, Verification};
use crate::token::TimePolicy;

/// Looks for the key that signed `token`, and verifies the signature.
pub(super) fn validate(
    token: CheckedToken<'_>,
    store: &KeyStore,
    leeway: Duration,
    arrived: Instant,
    now: Moment,
    server: &ServerContext,
) -> Result<Outcome, TokenError> {
    let times = TokenTimes { arrived, issued: token.issued_at(), leeway };
    let algorithm = token.algorithm();
    let verification = store.verify(token.kid(), algorithm, times, now, |keys, trial| {
        let (verified, key) = token.verify(keys, || trial.first(), || trial.try_another())?;
        Ok((verified, key.identity()))
    });
    match verification {
        Verification::Verified(verified, key) => {
            let time = TimePolicy { clock: Arc::clone(&server.clock), leeway };
            let token = token.into_access_token(&verified, time, server)?;
            Ok(Outcome::Accepted(token, Evidence::Key(key)))
        }
        Verification::Wait(pending) => Ok(Outcome::Wait(Pending::Keys(pending))),
        Verification::Unavailable { retry_after } => Ok(Outcome::unavailable(retry_after)),
        Verification::Busy { retry_after } => Ok(Outcome::too_many_requests(retry_after)),
        Verification::UnknownKey => Err(TokenError::UnknownKey { kid: token.kid().map(Into::into) }),
        Verification::Refused(error) => Err(TokenError::of_signature(error, algorithm)),
    }
}
