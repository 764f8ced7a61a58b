use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::fetch_error::FetchError;
use super::schedule::{Fetch, UNANSWERED};
use super::source::{FetchRequest, Fetched};
use super::store::Shared;

/// The most that one fetch may take, discovery included. [`RemoteKeys`](super::RemoteKeys) ends its own half a second sooner, and
/// then its error names the URL.
const FETCH_TIMEOUT: Duration = Duration::from_millis(5500);

/// A task that carries out one fetch, and then those that keep the keys fresh. However a fetch ends, those who wait for it are
/// told.
pub(super) struct RefreshTask {
    pub(super) shared: Arc<Shared>,
    pub(super) fetch: Fetch,
}

impl RefreshTask {
    /// One fetch after the other, each when it is due, until another task has taken over or the store is gone.
    pub(super) async fn run(self) {
        let number = self.fetch.number;
        keep_fresh(self.run_once().await, number).await;
    }

    async fn run_once(self) -> Arc<Shared> {
        let (shared, Fetch { number, starts_at, bypass_caches }) = (Arc::clone(&self.shared), self.fetch);
        let pause = shared.now().until(starts_at);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let now = shared.now();
        if !shared.on_begin(number, now) {
            return shared;
        }
        let validators = shared.validators();
        let request = FetchRequest { validators: validators.as_ref(), now: now.monotonic, bypass_caches };
        let fetched = async {
            let fetched = tokio::time::timeout(FETCH_TIMEOUT, shared.source.fetch(request)).await;
            fetched.unwrap_or(Err(FetchError::TimedOut))
        };
        match self.answered(without_panic(fetched)).await {
            Ok(fetched) => shared.on_fetched(number, fetched),
            // Then it is not the issuer that failed but this runtime's I/O, and the fetch is cancelled.
            Err(_) if runtime_is_ending().await => {}
            Err(error) => shared.on_failed(number, &error),
        }
        shared
    }

    /// Waits for the end of the fetch, and tells when it is unanswered.
    async fn answered(
        &self,
        fetched: impl Future<Output = Result<Fetched, FetchError>>,
    ) -> Result<Fetched, FetchError> {
        let mut fetched = pin!(fetched);
        loop {
            let began = self.shared.now();
            if let Ok(fetched) = tokio::time::timeout(UNANSWERED, fetched.as_mut()).await {
                return fetched;
            }
            // A second that took much longer is that of a process or a runtime that stood still, and the answer may be there.
            if self.shared.now().since(began) < 2 * UNANSWERED {
                self.shared.on_unanswered(self.fetch.number);
                return fetched.await;
            }
        }
    }
}

/// Makes the fetches that are due after fetch `number`, until another task has taken over or the store is gone.
async fn keep_fresh(mut shared: Arc<Shared>, mut number: u64) {
    let mut newest = shared.newest.subscribe();
    while *newest.borrow_and_update() == number {
        let Some(pause) = shared.until_next_fetch() else { return };
        let weak = Arc::downgrade(&shared);
        // A handle that was kept here would keep the store alive.
        drop(shared);
        if tokio::time::timeout(pause, newest.changed()).await.is_ok() {
            return;
        }
        let Some(again) = weak.upgrade() else { return };
        shared = match again.start_refresh() {
            Some(fetch) => {
                number = fetch.number;
                RefreshTask { shared: again, fetch }.run_once().await
            }
            None => again,
        };
    }
}

/// A source that panics has failed. Caught here, because a task that is dropped with the runtime of a call that panics looks
/// the same from its `Drop`, and that is no fault of the issuer.
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
    /// A fetch that is still open here broke off because its runtime ended. Whoever comes next starts another.
    fn drop(&mut self) {
        self.shared.on_cancelled(self.fetch.number);
    }
}
