use std::sync::Arc;
use std::time::Duration;

use super::cache::Flight;
use super::fetch::{FetchError, FetchRequest};
use super::store::Shared;

/// The most that one fetch may take, discovery included.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Carries out one fetch. However it ends, those who wait for it are let go.
pub(super) struct Pilot {
    pub(super) shared: Arc<Shared>,
    pub(super) flight: Flight,
}

impl Pilot {
    /// One flight after the other, each when it is due, until another pilot has taken over or the store is gone.
    pub(super) async fn stay(self) {
        let mut newest = self.shared.newest.subscribe();
        let mut number = self.flight.number;
        let mut shared = self.fly().await;
        while *newest.borrow_and_update() == number {
            let Some(pause) = shared.until_next_fetch() else { return };
            let weak = Arc::downgrade(&shared);
            // A handle that was kept here would keep the store alive.
            drop(shared);
            if tokio::time::timeout(pause, newest.changed()).await.is_ok() {
                return;
            }
            let Some(again) = weak.upgrade() else { return };
            shared = match again.begin_refresh() {
                Some(flight) => {
                    number = flight.number;
                    Self { shared: again, flight }.fly().await
                }
                None => again,
            };
        }
    }

    async fn fly(self) -> Arc<Shared> {
        let (shared, number) = (Arc::clone(&self.shared), self.flight.number);
        let pause = self.flight.starts_at.saturating_duration_since(shared.clock.monotonic());
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let now = shared.clock.monotonic();
        if !shared.begin(number, now) {
            return shared;
        }
        let validators = shared.validators();
        let request = FetchRequest { validators: validators.as_ref(), now, bypass_caches: false };
        match tokio::time::timeout(FETCH_TIMEOUT, shared.source.fetch(request)).await {
            Ok(Ok(fetched)) => shared.landed(number, fetched),
            // Then it is not the issuer that failed but this runtime's I/O, and the flight is abandoned.
            Ok(Err(_)) if runtime_is_ending().await => {}
            Ok(Err(error)) => shared.failed(number, &error),
            Err(_) => shared.failed(number, &FetchError::TimedOut),
        }
        shared
    }
}

/// A runtime that is ending takes no more tasks.
async fn runtime_is_ending() -> bool {
    tokio::spawn(std::future::ready(())).await.is_err()
}

impl Drop for Pilot {
    /// A flight that is still open here broke off: its source panicked, which counts as a failure, or its runtime ended,
    /// and then whoever comes next starts another.
    fn drop(&mut self) {
        let number = self.flight.number;
        if std::thread::panicking() {
            self.shared.failed(number, &FetchError::Other { reason: "the source panicked".into() });
        } else {
            self.shared.abandoned(number);
        }
    }
}
