use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::decision::Wait;

/// The maximum number of requests of one server that wait for keys while none may be used, as at the start. Further requests get
/// 429.
pub const MAX_PENDING_REQUESTS: usize = 4096;
/// The maximum number of requests of one server that wait for a key that the held keys lack. Further requests get 429.
///
/// Anyone can cause such requests. If a small server accepts 64 requests at once, this leaves half of them to others.
pub const MAX_PENDING_UNKNOWN_KEYS: usize = 32;

/// The bounds of one server on requests that wait for a fetch, for all its issuers together. A request over the bound is refused;
/// one that waits is never displaced.
#[derive(Clone, Debug)]
pub(crate) struct PendingLookups {
    keys: Arc<Semaphore>,
    unknown_keys: Arc<Semaphore>,
}

impl Default for PendingLookups {
    fn default() -> Self {
        Self {
            keys: Arc::new(Semaphore::new(MAX_PENDING_REQUESTS)),
            unknown_keys: Arc::new(Semaphore::new(MAX_PENDING_UNKNOWN_KEYS)),
        }
    }
}

impl PendingLookups {
    /// `None` if the bound is reached. `news` changes when the lookup should be repeated.
    pub(super) fn wait(&self, wait: Wait, news: watch::Receiver<u64>) -> Option<PendingLookup> {
        let bound = match wait {
            Wait::Keys | Wait::Refresh => &self.keys,
            Wait::UnknownKey => &self.unknown_keys,
        };
        let permit = Arc::clone(bound).try_acquire_owned().ok()?;
        Some(PendingLookup { news, _permit: permit })
    }

    /// How many wait.
    #[cfg(test)]
    fn pending(&self) -> usize {
        MAX_PENDING_REQUESTS + MAX_PENDING_UNKNOWN_KEYS
            - self.keys.available_permits()
            - self.unknown_keys.available_permits()
    }
}

/// The place of a request that waits for a fetch. Dropping it frees the place.
pub(crate) struct PendingLookup {
    news: watch::Receiver<u64>,
    _permit: OwnedSemaphorePermit,
}

impl PendingLookup {
    /// Returns when the lookup should be repeated.
    pub(crate) async fn news(mut self) {
        // An error means that the store is gone, and the next lookup reports that.
        drop(self.news.changed().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_kind_of_wait_has_a_bound_and_gives_its_place_back() {
        let pending = PendingLookups::default();
        let (ended, receiver) = watch::channel(0);
        let wait = |wait| pending.wait(wait, receiver.clone());
        let unknown: Vec<_> = std::iter::from_fn(|| wait(Wait::UnknownKey)).collect();
        assert_eq!(unknown.len(), MAX_PENDING_UNKNOWN_KEYS);
        let refresh = wait(Wait::Refresh);
        let keys: Vec<_> = std::iter::from_fn(|| wait(Wait::Keys)).collect();
        assert_eq!(keys.len() + 1, MAX_PENDING_REQUESTS, "they share a bound");
        assert!(refresh.is_some() && wait(Wait::Refresh).is_none());
        assert_eq!(pending.pending(), MAX_PENDING_REQUESTS + MAX_PENDING_UNKNOWN_KEYS);

        ended.send_replace(1);
        for lookup in unknown.into_iter().chain(keys) {
            lookup.news().await;
        }
        drop(refresh);
        assert_eq!(pending.pending(), 0);
    }
}
