use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::cache::{Cache, Decision, Flight};
use super::source::{FetchError, FetchedKeys, KeySource};
use crate::clock::Clock;
use crate::jose::JwkSet;

/// The most that one fetch may take, discovery included.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// When to come back if there is no runtime to fetch on.
const SOON: Duration = Duration::from_secs(1);

/// One issuer's keys: a snapshot that anybody may read without waiting, and at most one fetch at a time, detached from the
/// requests that want it.
#[derive(Clone)]
pub(crate) struct KeyStore(Arc<Shared>);

struct Shared {
    issuer: Box<str>,
    source: Arc<dyn KeySource>,
    clock: Arc<dyn Clock>,
    snapshot: ArcSwap<Snapshot>,
    state: Mutex<State>,
}

struct Snapshot {
    keys: JwkSet,
    /// Until then a known key needs no decision.
    fresh_until: Instant,
}

struct State {
    cache: Cache,
    /// Closes when the fetch under way ends, however it ends.
    landing: watch::Receiver<()>,
}

/// What there is to say about the key of one token.
pub(crate) enum Lookup {
    /// Look among these.
    Keys(Keys),
    /// There is no such key.
    Unknown,
    /// Ask again when this ends.
    Wait(Waiting),
    /// There are no keys, and there will be none for a while.
    Unavailable { retry_after: Duration },
}

impl KeyStore {
    pub(crate) fn new(issuer: &str, source: Arc<dyn KeySource>, clock: Arc<dyn Clock>) -> Self {
        let now = clock.monotonic();
        let state = State { cache: Cache::new(now), landing: watch::channel(()).1 };
        Self(Arc::new(Shared {
            issuer: issuer.into(),
            source,
            clock,
            snapshot: ArcSwap::from_pointee(Snapshot { keys: JwkSet::empty(), fresh_until: now }),
            state: Mutex::new(state),
        }))
    }

    /// Looks for the key of a token that `arrived` with `kid`. Never waits; a fetch that is needed is started.
    pub(crate) fn look_up(&self, kid: Option<&str>, arrived: Instant) -> Lookup {
        let now = self.0.clock.monotonic();
        let snapshot = self.0.snapshot.load();
        if now < snapshot.fresh_until && snapshot.keys.knows(kid) {
            return Lookup::Keys(Keys(snapshot));
        }
        drop(snapshot);

        let mut state = self.0.state();
        // Read again: what the snapshot holds changes only under this lock.
        let snapshot = self.0.snapshot.load();
        let decision = state.cache.decide(kid, snapshot.keys.knows(kid), arrived, now);
        let launched = match decision {
            Decision::UseAndRefresh(flight) | Decision::Wait(Some(flight)) => self.launch(state, flight),
            Decision::Wait(None) => Some(Waiting(state.landing.clone())),
            _ => None,
        };
        match decision {
            Decision::Use | Decision::UseAndRefresh(_) => Lookup::Keys(Keys(snapshot)),
            Decision::Wait(_) => launched.map_or(Lookup::Unavailable { retry_after: SOON }, Lookup::Wait),
            Decision::Refuse => Lookup::Unknown,
            Decision::Unavailable { retry_after } => Lookup::Unavailable { retry_after },
        }
    }

    /// Starts a fetch on the current runtime; without one there is nobody to carry it out.
    fn launch(&self, mut state: MutexGuard<'_, State>, flight: Flight) -> Option<Waiting> {
        let Ok(runtime) = Handle::try_current() else {
            state.cache.abandoned(flight.number);
            return None;
        };
        let (landing, landed) = watch::channel(());
        state.landing = landed.clone();
        // A runtime that is shutting down drops the pilot at once, and that takes the lock.
        drop(state);
        let pilot = Pilot { shared: Arc::clone(&self.0), number: flight.number, _landing: landing };
        runtime.spawn(pilot.fly(flight.starts_at));
        Some(Waiting(landed))
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").field("issuer", &self.0.issuer).finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way, so a poisoned lock still holds a consistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn landed(&self, number: u64, fetched: FetchedKeys) {
        let FetchedKeys { keys, lifetime } = fetched;
        let mut state = self.state();
        let previous = self.snapshot.load();
        if previous.keys.skipped() != keys.skipped() {
            for skipped in keys.skipped() {
                tracing::warn!(issuer = %self.issuer, %skipped, "a key of the issuer is not used");
            }
        }
        let differ = !previous.keys.same_keys(&keys);
        if state.cache.landed(number, lifetime, differ)
            && let Some(fresh_until) = state.cache.fresh_until()
        {
            tracing::debug!(issuer = %self.issuer, keys = keys.keys().len(), changed = differ, "keys fetched");
            self.snapshot.store(Arc::new(Snapshot { keys, fresh_until }));
        }
    }

    fn failed(&self, number: u64, error: &FetchError) {
        tracing::warn!(issuer = %self.issuer, %error, "the issuer's keys could not be fetched");
        self.state().cache.failed(number, self.clock.monotonic());
    }
}

/// Carries out one fetch. However it ends, its waiters wake: when this is dropped, the channel closes.
struct Pilot {
    shared: Arc<Shared>,
    number: u64,
    _landing: watch::Sender<()>,
}

impl Pilot {
    async fn fly(self, starts_at: Instant) {
        let shared = &self.shared;
        tokio::time::sleep(starts_at.saturating_duration_since(shared.clock.monotonic())).await;
        shared.state().cache.began(self.number, shared.clock.monotonic());
        match tokio::time::timeout(FETCH_TIMEOUT, shared.source.fetch()).await {
            Ok(Ok(fetched)) => shared.landed(self.number, fetched),
            Ok(Err(error)) => shared.failed(self.number, &error),
            Err(_) => shared.failed(self.number, &FetchError::TimedOut),
        }
    }
}

impl Drop for Pilot {
    /// A flight that is still open here broke off: its source panicked, which counts as a failure, or its runtime ended,
    /// and then whoever comes next starts another.
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if std::thread::panicking() {
            state.cache.failed(self.number, self.shared.clock.monotonic());
        } else {
            state.cache.abandoned(self.number);
        }
    }
}

/// The keys at hand.
pub(crate) struct Keys(Guard<Arc<Snapshot>>);

impl Deref for Keys {
    type Target = JwkSet;

    fn deref(&self) -> &JwkSet {
        &self.0.keys
    }
}

/// A fetch that somebody waits for.
pub(crate) struct Waiting(watch::Receiver<()>);

impl Waiting {
    /// Ends when the fetch has ended.
    pub(crate) async fn landed(mut self) {
        // Nothing is ever sent: the channel closes.
        while self.0.changed().await.is_ok() {}
    }
}
