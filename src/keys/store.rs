use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::{ArcSwap, Guard};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::cache::{Cache, Decision, Flight};
use super::fetch::{FetchError, Fetched, KeySource, Validators};
use super::pilot::Pilot;
use super::status::IssuerStatus;
use super::waiting_room::{Waiting, WaitingRoom};
use crate::clock::Clock;
use crate::jose::{JwkSet, KeyIdentity};
use crate::metrics;

/// When to come back if there is no runtime to fetch on.
const SOON: Duration = Duration::from_secs(1);

/// One issuer's keys: a snapshot that anybody may read without waiting, and at most one fetch at a time, detached from the
/// requests that want it.
///
/// Whoever finds that a fetch is needed spawns a task for it, the [`Pilot`]. It stays to refresh the keys in time, until a
/// later pilot takes over or the last handle to the store is dropped.
#[derive(Clone)]
pub(crate) struct KeyStore(Arc<Shared>);

/// What the handles and the pilots have in common.
pub(super) struct Shared {
    issuer: Box<str>,
    pub(super) source: Arc<dyn KeySource>,
    pub(super) clock: Arc<dyn Clock>,
    /// Names stand for themselves only within one store, so that nobody can make two collide.
    names: RandomState,
    keys: ArcSwap<JwkSet>,
    /// Until then a known key needs no decision, in nanoseconds since `origin`.
    settled_until: AtomicU64,
    origin: Instant,
    state: Mutex<State>,
    /// The number of the newest flight. Older pilots leave when it changes, and all when it closes.
    pub(super) newest: watch::Sender<u64>,
}

struct State {
    cache: Cache,
    room: WaitingRoom,
    validators: Option<Validators>,
    fetches: u64,
    failures: u64,
    last_error: Option<FetchError>,
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
        let names = RandomState::new();
        let mut cache = Cache::new(now, names.hash_one("jitter"));
        let seed = source.seed();
        if seed.is_some() {
            cache.seeded(now);
        }
        let state =
            State { cache, room: WaitingRoom::default(), validators: None, fetches: 0, failures: 0, last_error: None };
        Self(Arc::new(Shared {
            issuer: issuer.into(),
            source,
            clock,
            names,
            keys: ArcSwap::from_pointee(seed.unwrap_or_else(JwkSet::empty)),
            settled_until: AtomicU64::new(0),
            origin: now,
            state: Mutex::new(state),
            newest: watch::channel(0).0,
        }))
    }

    /// Looks for the key of a token that `arrived` with `kid`. Never waits; a fetch that is needed is started.
    pub(crate) fn look_up(&self, kid: Option<&str>, arrived: Instant) -> Lookup {
        let shared = &self.0;
        let now = shared.clock.monotonic();
        // In this order: what is settled holds for the keys of that moment and for all later ones.
        if shared.is_settled(now) {
            let keys = shared.keys.load();
            if keys.knows(kid) {
                return Lookup::Keys(Keys(keys));
            }
        }

        let name = shared.names.hash_one(kid);
        let mut state = shared.state();
        // Read again: the keys change only under this lock.
        let keys = shared.keys.load();
        let decision = state.cache.decide(name, keys.knows(kid), arrived, now);
        let waiting = matches!(decision, Decision::Wait(_)).then(|| state.room.seat(name));
        let flight = match decision {
            Decision::UseAndRefresh(flight) | Decision::Wait(Some(flight)) => Some(flight),
            _ => None,
        };
        let launched = self.launch(state, flight, now);
        match (decision, waiting) {
            (Decision::Use | Decision::UseAndRefresh(_), _) => Lookup::Keys(Keys(keys)),
            (Decision::Wait(_), Some(waiting)) if launched => Lookup::Wait(waiting),
            (Decision::Wait(_), _) => Lookup::Unavailable { retry_after: SOON },
            (Decision::Refuse, _) => Lookup::Unknown,
            (Decision::Unavailable { retry_after }, _) => Lookup::Unavailable { retry_after },
        }
    }

    /// Whether `key` may be used for a token that it has verified before: it is one of the keys at hand `now`, and they are not
    /// too old. Never waits; a fetch that is due is started as by any other look.
    pub(crate) fn still_holds(&self, key: KeyIdentity, now: Instant) -> bool {
        let shared = &self.0;
        // In this order, as above.
        let is_settled = shared.is_settled(now);
        let keys = shared.keys.load();
        // A key that has gone is no reason to fetch: what its token costs is for a full look to say.
        let Some(found) = keys.get(key) else { return false };
        is_settled || matches!(self.look_up(found.id(), now), Lookup::Keys(keys) if keys.get(key).is_some())
    }

    /// A token's signature did not fit the key that it names. Starts the fetch, if there may be one, that finds out whether
    /// the issuer has a new key under the old name. Nobody waits for it.
    pub(crate) fn doubt(&self) {
        let now = self.0.clock.monotonic();
        let mut state = self.0.state();
        let flight = state.cache.second_look(now);
        self.launch(state, flight, now);
    }

    /// The keys at hand, whether or not they may be used.
    pub(crate) fn at_hand(&self) -> Keys {
        Keys(self.0.keys.load())
    }

    /// Waits until there are usable keys, however long that takes.
    pub(crate) async fn ready(&self) {
        loop {
            match self.look_up(None, self.0.clock.monotonic()) {
                // To a token without a name no key is unknown.
                Lookup::Keys(_) | Lookup::Unknown => return,
                // Displaced or not, there is news.
                Lookup::Wait(waiting) => drop(waiting.landed().await),
                Lookup::Unavailable { retry_after } => tokio::time::sleep(retry_after).await,
            }
        }
    }

    pub(crate) fn status(&self) -> IssuerStatus {
        let now = self.0.clock.monotonic();
        let state = self.0.state();
        let keys = self.0.keys.load();
        let (age, lifetime) = state.cache.age(now).unzip();
        IssuerStatus {
            issuer: self.0.issuer.clone(),
            is_usable: state.cache.is_usable(now),
            age,
            lifetime,
            key_ids: keys.keys().iter().filter_map(|key| key.id().map(Into::into)).collect(),
            skipped: keys.skipped().to_vec(),
            fetches: state.fetches,
            failures: state.failures,
            last_error: state.last_error.clone(),
        }
    }

    /// Starts the flight, if there is one, on the current runtime. Returns whether it is under way: not if there is no
    /// runtime, because then nobody can carry it out.
    fn launch(&self, mut state: MutexGuard<'_, State>, flight: Option<Flight>, now: Instant) -> bool {
        let runtime = flight.and_then(|flight| Some((flight, Handle::try_current().ok()?)));
        if let (Some(flight), None) = (flight, &runtime) {
            state.cache.abandoned(flight.number, now);
            state.room.empty();
        }
        self.0.settle(&state, now);
        // A runtime that is shutting down drops the pilot at once, and that takes the lock.
        drop(state);
        let Some((flight, runtime)) = runtime else { return flight.is_none() };
        self.0.newest.send_replace(flight.number);
        runtime.spawn(Pilot { shared: Arc::clone(&self.0), flight }.stay());
        true
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

    fn is_settled(&self, now: Instant) -> bool {
        self.nanoseconds(now) < self.settled_until.load(Ordering::Acquire)
    }

    /// To be called whenever the state has changed, before its lock is given back.
    fn settle(&self, state: &State, now: Instant) {
        let until = state.cache.settled_until(now);
        self.settled_until.store(until.map_or(0, |until| self.nanoseconds(until)), Ordering::Release);
    }

    fn nanoseconds(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn until_next_fetch(&self) -> Option<Duration> {
        let next = self.state().cache.next_fetch();
        next.map(|at| at.saturating_duration_since(self.clock.monotonic()))
    }

    pub(super) fn begin_refresh(&self) -> Option<Flight> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let flight = state.cache.refresh(now);
        self.settle(&state, now);
        drop(state);
        if let Some(flight) = flight {
            self.newest.send_replace(flight.number);
        }
        flight
    }

    /// The request is about to be made, unless this returns that the flight had been given up.
    pub(super) fn begin(&self, number: u64, now: Instant) -> bool {
        let mut state = self.state();
        let counts = state.cache.began(number, now);
        state.fetches += u64::from(counts);
        counts
    }

    /// What came with the keys that are held.
    pub(super) fn validators(&self) -> Option<Validators> {
        self.state().validators.clone()
    }

    // Nothing foreign is called under the lock: no clock, and whoever hears an event may ask for the status.

    pub(super) fn landed(&self, number: u64, fetched: Fetched) {
        let Fetched { keys, lifetime, validators, age: _ } = fetched;
        if keys.is_none() && self.keys.load().keys().is_empty() {
            return self.failed(number, &FetchError::NothingHeld);
        }
        let now = self.clock.monotonic();
        let mut state = self.state();
        let held = self.keys.load_full();
        let changed = keys.as_ref().is_some_and(|keys| !held.same_keys(keys));
        if !state.cache.landed(number, lifetime, changed) {
            return;
        }
        if let Some(mut keys) = keys {
            keys.take_over(&held);
            state.validators = validators;
            self.keys.store(Arc::new(keys));
        }
        let recovered = state.last_error.take().is_some();
        let age = state.cache.age(now).map_or(Duration::ZERO, |(age, _)| age);
        self.end_flight(state, now);

        let keys = self.keys.load();
        let as_of = self.clock.now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        metrics::keys_fetched(&self.issuer, keys.keys().len(), as_of);
        tracing::debug!(issuer = %self.issuer, changed, "the issuer's keys were fetched");
        if recovered {
            tracing::info!(issuer = %self.issuer, "the issuer's keys can be fetched again");
        }
        if changed {
            tracing::info!(issuer = %self.issuer, keys = keys.keys().len(), "the issuer's keys have changed");
        }
        if held.skipped() != keys.skipped() {
            for skipped in keys.skipped() {
                tracing::warn!(issuer = %self.issuer, %skipped, "a key of the issuer is not used");
            }
        }
    }

    pub(super) fn failed(&self, number: u64, error: &FetchError) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        if !state.cache.failed(number, now) {
            return;
        }
        let is_stale = state.cache.age(now).is_some_and(|(age, lifetime)| age >= lifetime);
        let is_usable = state.cache.is_usable(now);
        state.failures += 1;
        state.last_error = Some(error.clone());
        self.end_flight(state, now);
        metrics::keys_not_fetched(&self.issuer);
        tracing::warn!(issuer = %self.issuer, %error, is_stale, is_usable, "the issuer's keys could not be fetched");
    }

    pub(super) fn abandoned(&self, number: u64) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        if state.cache.abandoned(number, now) {
            self.end_flight(state, now);
        }
    }

    fn end_flight(&self, mut state: MutexGuard<'_, State>, now: Instant) {
        state.room.empty();
        self.settle(&state, now);
    }
}

/// The keys at hand.
pub(crate) struct Keys(Guard<Arc<JwkSet>>);

impl Deref for Keys {
    type Target = JwkSet;

    fn deref(&self) -> &JwkSet {
        &self.0
    }
}
