//! Validation of a signed JWT with the keys of its issuer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::evidence::Evidence;
use super::outcome::{Outcome, Pending};
use super::server_context::ServerContext;
use super::token_error::TokenError;
use super::unverified_token::CheckedToken;
use crate::clock::Moment;
use crate::jose::SignatureError;
use crate::keys::{KeyStore, Lookup, TokenTimes};
use crate::token::TimePolicy;

/// When to retry if as many verifications were made as are allowed.
const RETRY_AFTER_VERIFICATIONS: Duration = Duration::from_secs(1);

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
    let mut lookup = store.look_up(token.kid(), times, now);
    loop {
        let keys = match lookup {
            Lookup::Keys(keys) => keys,
            Lookup::Unknown => return Err(TokenError::UnknownKey { kid: token.kid().map(Into::into) }),
            Lookup::Wait(pending) => return Ok(Outcome::Wait(Pending::Keys(pending))),
            Lookup::Unavailable { retry_after } => return Ok(Outcome::unavailable(retry_after)),
            Lookup::Busy { retry_after } => return Ok(Outcome::too_many_requests(retry_after)),
        };
        let verified = token.verify(&keys, || store.last_verified(algorithm), || store.try_another_key(now));
        let (verified, key) = match verified {
            Ok((verified, key)) => (verified, key.identity()),
            Err(SignatureError::NoBudget) => return Ok(Outcome::too_many_requests(RETRY_AFTER_VERIFICATIONS)),
            Err(SignatureError::NoKid { tried, fitting }) => {
                // The keys have no kid either, so a new one may have made the signature.
                lookup = match store.look_beyond(&keys, times, now) {
                    Lookup::Unknown => return Err(TokenError::NoKid { tried, fitting }),
                    other => other,
                };
                continue;
            }
            Err(error @ (SignatureError::NoKey | SignatureError::Mismatch)) => {
                store.on_signature_mismatch(now);
                return Err(TokenError::of_signature(error, algorithm));
            }
        };
        if token.kid().is_none() {
            store.verified(algorithm, key);
        }
        let time = TimePolicy { clock: Arc::clone(&server.clock), leeway };
        let token = token.into_access_token(&verified, time, server)?;
        return Ok(Outcome::Accepted(token, Evidence::Key(key)));
    }
}
