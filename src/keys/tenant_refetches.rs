use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::token_bucket::TokenBucket;

/// How often a tenant may refetch its keys because of a token, whatever is asked of other tenants.
const OWN_INTERVAL: Duration = Duration::from_secs(60);

/// The fetches that tokens may cause before they are verified, of all tenants of a server together.
#[derive(Clone, Debug)]
pub(crate) struct FetchBudget(Arc<Mutex<TokenBucket>>);

impl FetchBudget {
    /// `burst` fetches at once, and one more after each `interval`.
    pub(crate) fn new(burst: u32, interval: Duration, now: Instant) -> Self {
        Self(Arc::new(Mutex::new(TokenBucket::new(burst, interval, now))))
    }

    /// Counts a fetch, or returns how far off the next one is.
    pub(crate) fn try_take(&self, now: Instant) -> Result<(), Duration> {
        // No code panics between two changes of the bucket.
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bucket.try_take(now) { Ok(()) } else { Err(bucket.next(now).saturating_duration_since(now)) }
    }
}

/// Bounds the refetches of one tenant because of unknown kids and bad signatures, which anybody can send, beyond the intervals of any issuer.
///
/// One a minute is the tenant's own, so that a new key is noticed whatever strangers send about other tenants, and when hundreds of tenants change
/// their keys at the same time. The others come from the budget of the server, so that strangers who name thousands of tenants cause few.
#[cfg_attr(test, derive(Clone))]
pub(super) struct TenantRefetches {
    own: TokenBucket,
    of_server: FetchBudget,
}

impl TenantRefetches {
    /// Those of a tenant whose keys are fetched now.
    pub(super) fn new(of_server: FetchBudget, now: Instant) -> Self {
        let mut own = TokenBucket::new(1, OWN_INTERVAL, now);
        own.take(now);
        Self { own, of_server }
    }

    /// Counts a refetch, or returns how far off the next one is.
    pub(super) fn try_take(&mut self, now: Instant) -> Result<(), Duration> {
        if self.own.try_take(now) {
            return Ok(());
        }
        let own = self.own.next(now).saturating_duration_since(now);
        self.of_server.try_take(now).map_err(|of_server| of_server.min(own))
    }
}
