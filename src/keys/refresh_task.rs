use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::decision::Fetch;
use super::fetch_error::FetchError;
use super::issuer_keys::IssuerKeys;
use super::schedule::UNANSWERED;
use super::source::{FetchRequest, Fetched};

/// The maximum time limit of a source. It is less than the time after which a fetch counts as lost, and so short that a failed attempt
/// is evidence until the next one has ended.
const MAX_TIME_LIMIT: Duration = Duration::from_millis(9500);

/// A task that carries out one fetch, and then the refreshes after it. However a fetch ends, the requests that wait for it are
/// notified.
pub(super) struct RefreshTask {
    pub(super) keys: Arc<IssuerKeys>,
    pub(super) fetch: Fetch,
}

impl RefreshTask {
    /// One fetch after the other, each when it is due, until another task has taken over or the store is dropped.
    pub(super) async fn run(self) {
        let number = self.fetch.number;
        keep_fresh(self.run_once().await, number).await;
    }

    async fn run_once(self) -> Arc<IssuerKeys> {
        let (keys, Fetch { number, starts_at, bypass_caches }) = (Arc::clone(&self.keys), self.fetch);
        let pause = keys.now().until(starts_at);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let now = keys.now();
        if !keys.on_begin(number, now) {
            return keys;
        }
        let validators = keys.validators();
        let request = FetchRequest { validators: validators.as_ref(), now: now.monotonic, bypass_caches };
        let fetched = async {
            let limit = keys.source.time_limit().min(MAX_TIME_LIMIT);
            let fetched = tokio::time::timeout(limit, keys.source.fetch(request)).await;
            fetched.unwrap_or(Err(FetchError::TimedOut { limit }))
        };
        match self.answered(without_panic(fetched)).await {
            Ok(fetched) => keys.on_fetched(number, fetched),
            // The runtime's I/O has failed, not the issuer: the fetch counts as cancelled.
            Err(_) if runtime_is_ending().await => {}
            Err(error) => keys.on_failed(number, &error),
        }
        keys
    }

    /// Waits for the end of the fetch, and reports that it is unanswered after a second.
    async fn answered(
        &self,
        fetched: impl Future<Output = Result<Fetched, FetchError>>,
    ) -> Result<Fetched, FetchError> {
        let mut fetched = pin!(fetched);
        loop {
            let began = self.keys.now();
            if let Ok(fetched) = tokio::time::timeout(UNANSWERED, fetched.as_mut()).await {
                return fetched;
            }
            // If the second took much longer, the process or the runtime stood still, and the answer may have arrived.
            if self.keys.now().since(began) < 2 * UNANSWERED {
                self.keys.on_unanswered(self.fetch.number);
                return fetched.await;
            }
        }
    }
}

/// Carries out the refreshes after fetch `number`, until another task has taken over or the store is dropped.
async fn keep_fresh(mut keys: Arc<IssuerKeys>, mut number: u64) {
    let mut newest = keys.newest.subscribe();
    while *newest.borrow_and_update() == number {
        let Some(pause) = keys.until_next_fetch() else { return };
        let weak = Arc::downgrade(&keys);
        // A strong reference would keep the store alive.
        drop(keys);
        if tokio::time::timeout(pause, newest.changed()).await.is_ok() {
            return;
        }
        let Some(again) = weak.upgrade() else { return };
        keys = match again.start_refresh() {
            Some(fetch) => {
                number = fetch.number;
                RefreshTask { keys: again, fetch }.run_once().await
            }
            None => again,
        };
    }
}

/// Turns a panic of the source into an error. It is caught here because `Drop` cannot tell it from the end of the runtime, which
/// is no failure of the source.
async fn without_panic(fetch: impl Future<Output = Result<Fetched, FetchError>>) -> Result<Fetched, FetchError> {
    let mut fetch = pin!(fetch);
    poll_fn(|context| {
        // It is not polled again after a panic.
        catch_unwind(AssertUnwindSafe(|| fetch.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(FetchError::Other { reason: "the source panicked".into() })))
    })
    .await
}

/// A runtime that is ending takes no more tasks.
async fn runtime_is_ending() -> bool {
    tokio::spawn(std::future::ready(())).await.is_err()
}

impl Drop for RefreshTask {
    /// A fetch that has not ended by now was cancelled with its runtime. The next lookup starts another.
    fn drop(&mut self) {
        self.keys.on_cancelled(self.fetch.number);
    }
}
