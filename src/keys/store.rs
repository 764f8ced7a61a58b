use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, Guard};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::fetch_error::FetchError;
use super::key_trials::KeyTrials;
use super::pending::{PendingLookup, PendingLookups};
use super::refresh_task::RefreshTask;
use super::schedule::{Decision, Document, Fetch, Reception, RefreshSchedule, TokenTimes, Wait};
use super::source::{Fetched, KeySource, Validators};
use super::status::IssuerStatus;
use crate::clock::{Clock, Moment};
use crate::jose::{Algorithm, JwkSet, KeyIdentity};
use crate::metrics;

/// When to look again if there is no runtime to fetch on, no room to wait, or perhaps nobody who carries the fetch out.
const SOON: Duration = Duration::from_secs(1);

/// One issuer's keys: a snapshot that anybody may read without waiting, and at most one fetch at a time, detached from the
/// requests that want it.
///
/// Whoever finds that a fetch is needed spawns a task for it, the [`RefreshTask`]. It stays to refresh the keys in time, until a
/// later task takes over or the last handle to the store is dropped.
#[derive(Clone)]
pub(crate) struct KeyStore(Arc<Shared>);

/// What the handles and the tasks have in common.
pub(super) struct Shared {
    issuer: Box<str>,
    pub(super) source: Arc<dyn KeySource>,
    clock: Arc<dyn Clock>,
    pending: PendingLookups,
    trials: KeyTrials,
    /// The keys never change, so there is nothing to decide.
    is_fixed: bool,
    keys: ArcSwap<JwkSet>,
    settled: SettledUntil,
    state: Mutex<State>,
    /// The number of the newest fetch. Older tasks leave when it changes, and all when it closes.
    pub(super) newest: watch::Sender<u64>,
    /// The number of fetches that have ended, for those who wait.
    ended: watch::Sender<u64>,
    /// The same for those who wait for a refresh of keys that are at hand: it also counts the fetches that are unanswered.
    refreshed: watch::Sender<u64>,
}

struct State {
    schedule: RefreshSchedule,
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
    /// Look again when this has news.
    Wait(PendingLookup),
    /// There are no keys, and there will be none for a while.
    Unavailable { retry_after: Duration },
    /// Too many wait already, or the next fetch is too far off to wait for it.
    Busy { retry_after: Duration },
}

impl KeyStore {
    pub(crate) fn new(
        issuer: &str,
        source: Arc<dyn KeySource>,
        clock: Arc<dyn Clock>,
        pending: PendingLookups,
    ) -> Self {
        let now = Moment::of(&*clock);
        let mut schedule = RefreshSchedule::new(now, RandomState::new().hash_one("jitter"));
        let fixed = source.fixed();
        let is_fixed = fixed.is_some();
        let seed = fixed.or_else(|| source.seed());
        if seed.as_ref().is_some_and(|seed| !seed.keys().is_empty()) {
            schedule.seeded(now);
        }
        let state = State { schedule, validators: None, fetches: 0, failures: 0, last_error: None };
        Self(Arc::new(Shared {
            issuer: issuer.into(),
            source,
            clock,
            pending,
            trials: KeyTrials::new(now.monotonic),
            is_fixed,
            keys: ArcSwap::from_pointee(seed.unwrap_or_else(JwkSet::empty)),
            settled: SettledUntil::never(now),
            state: Mutex::new(state),
            newest: watch::channel(0).0,
            ended: watch::channel(0).0,
            refreshed: watch::channel(0).0,
        }))
    }

    /// Looks for the key of a token that names `kid`, or any key if it names none. Never waits; a fetch that is needed is started.
    pub(crate) fn look_up(&self, kid: Option<&str>, token: TokenTimes, now: Moment) -> Lookup {
        let shared = &self.0;
        // In this order: what is settled holds for the keys of that moment and for all later ones.
        if shared.is_settled(now) {
            let keys = shared.keys.load();
            if keys.knows(kid) {
                return Lookup::Keys(Keys(keys));
            }
        }
        if shared.is_fixed {
            return Lookup::Unknown;
        }
        let mut state = shared.state();
        // Read again: the keys change only under this lock.
        let keys = shared.keys.load();
        let decision =
            if keys.knows(kid) { state.schedule.decide(now) } else { state.schedule.decide_unknown(token, now) };
        self.carry_out(state, decision, keys, now)
    }

    /// Looks for keys that came after `tried`, none of which verified a token that names no key. Never waits; a fetch that is
    /// needed is started.
    pub(crate) fn look_beyond(&self, tried: &Keys, token: TokenTimes, now: Moment) -> Lookup {
        let shared = &self.0;
        if shared.is_fixed {
            return Lookup::Unknown;
        }
        let mut state = shared.state();
        let keys = shared.keys.load();
        if !Arc::ptr_eq(&keys, &tried.0) {
            return Lookup::Keys(Keys(keys));
        }
        let decision = state.schedule.decide_unknown(token, now);
        self.carry_out(state, decision, keys, now)
    }

    /// Whether `key` may be used for a token that it has verified before: it is one of the keys at hand `now`, and they are not
    /// too old. Never waits; a fetch that is due is started as by any other look.
    pub(crate) fn still_holds(&self, key: KeyIdentity, now: Moment) -> bool {
        let shared = &self.0;
        // In this order, as above.
        let is_settled = shared.is_settled(now);
        // A key that is gone is no reason to fetch: what its token costs is for a full look to say.
        if shared.keys.load().get(key).is_none() {
            return false;
        }
        is_settled || matches!(self.any_key(now), Lookup::Keys(keys) if keys.get(key).is_some())
    }

    /// A token's signature does not fit the key that it names. Starts the fetch, if there may be one, that finds out whether the
    /// issuer has a new key under the old name. Nobody waits for it.
    pub(crate) fn on_signature_mismatch(&self, now: Moment) {
        if self.0.is_fixed {
            return;
        }
        let mut state = self.0.state();
        let fetch = state.schedule.on_signature_mismatch(now);
        self.start(state, fetch, now);
    }

    /// The key to try first for a token of `algorithm` that names none.
    pub(crate) fn last_verified(&self, algorithm: Algorithm) -> Option<KeyIdentity> {
        self.0.trials.last(algorithm)
    }

    /// A token of `algorithm` that names no key was verified by `key`.
    pub(crate) fn verified(&self, algorithm: Algorithm, key: KeyIdentity) {
        self.0.trials.verified(algorithm, key);
    }

    /// Whether a further key may be tried for a token that names none.
    pub(crate) fn try_another_key(&self, now: Moment) -> bool {
        self.0.trials.try_another(now.monotonic)
    }

    /// The keys at hand, whether or not they may be used.
    pub(crate) fn at_hand(&self) -> Keys {
        Keys(self.0.keys.load())
    }

    /// Whether tokens can be validated now. A fetch that is needed for that is started, as a request would.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.any_key(self.0.now()), Lookup::Keys(_))
    }

    /// Waits until there are usable keys, however long that takes.
    pub(crate) async fn ready(&self) {
        loop {
            let mut ended = self.0.ended.subscribe();
            match self.any_key(self.0.now()) {
                // To a token without a name no key is unknown.
                Lookup::Keys(_) | Lookup::Unknown => return,
                // A fetch that was given up has no end that anybody is told of.
                Lookup::Wait(pending) => drop(tokio::time::timeout(SOON, pending.news()).await),
                Lookup::Unavailable { retry_after } | Lookup::Busy { retry_after } => {
                    drop(tokio::time::timeout(retry_after, ended.changed()).await);
                }
            }
        }
    }

    pub(crate) fn status(&self) -> IssuerStatus {
        let now = self.0.now();
        let state = self.0.state();
        let keys = self.0.keys.load();
        let (age, lifetime) = state.schedule.age(now).filter(|_| !self.0.is_fixed).unzip();
        IssuerStatus {
            issuer: self.0.issuer.clone(),
            is_usable: if self.0.is_fixed { !keys.keys().is_empty() } else { state.schedule.is_usable(now) },
            age,
            lifetime,
            key_ids: keys.keys().iter().filter_map(|key| key.id().map(Into::into)).collect(),
            skipped: keys.skipped().to_vec(),
            fetches: state.fetches,
            failures: state.failures,
            last_error: state.last_error.clone(),
        }
    }

    /// A look for no key in particular.
    fn any_key(&self, now: Moment) -> Lookup {
        self.look_up(None, TokenTimes { arrived: now.monotonic, issued: None, leeway: Duration::ZERO }, now)
    }

    fn carry_out(
        &self,
        state: MutexGuard<'_, State>,
        decision: Decision,
        keys: Guard<Arc<JwkSet>>,
        now: Moment,
    ) -> Lookup {
        let shared = &self.0;
        let news = |wait| if wait == Wait::Refresh { &shared.refreshed } else { &shared.ended };
        let wait = |wait| match shared.pending.wait(wait, news(wait).subscribe()) {
            Some(pending) => Lookup::Wait(pending),
            None => Lookup::Busy { retry_after: SOON },
        };
        let (fetch, lookup) = match decision {
            Decision::Use => (None, Lookup::Keys(Keys(keys))),
            Decision::UseAndRefresh(fetch) => (Some(fetch), Lookup::Keys(Keys(keys))),
            Decision::Wait { start, wait: kind } => (start, wait(kind)),
            Decision::Refuse => (None, Lookup::Unknown),
            Decision::Unavailable { retry_after } => (None, Lookup::Unavailable { retry_after }),
            Decision::Busy { retry_after } => (None, Lookup::Busy { retry_after }),
        };
        let is_started = self.start(state, fetch, now);
        match lookup {
            Lookup::Wait(_) if !is_started => Lookup::Unavailable { retry_after: SOON },
            lookup => lookup,
        }
    }

    /// Starts the fetch, if there is one, on the current runtime. Returns whether it is under way: not if there is no runtime,
    /// because then nobody can carry it out.
    fn start(&self, mut state: MutexGuard<'_, State>, fetch: Option<Fetch>, now: Moment) -> bool {
        let runtime = fetch.and_then(|fetch| Some((fetch, Handle::try_current().ok()?)));
        let is_cancelled = fetch.is_some() && runtime.is_none();
        if let Some(fetch) = fetch.filter(|_| is_cancelled) {
            state.schedule.on_cancelled(fetch.number, now);
        }
        self.0.settle(&state, now);
        // A runtime that is shutting down drops the task at once, and that takes the lock.
        drop(state);
        if is_cancelled {
            self.0.tell_of_end();
        }
        if let Some((fetch, runtime)) = runtime {
            self.0.announce(fetch.number);
            runtime.spawn(RefreshTask { shared: Arc::clone(&self.0), fetch }.run());
        }
        !is_cancelled
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").field("issuer", &self.0.issuer).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn now(&self) -> Moment {
        Moment::of(&*self.clock)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way, so a poisoned lock still holds a consistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_settled(&self, now: Moment) -> bool {
        self.is_fixed || self.settled.holds(now)
    }

    /// To be called whenever the state has changed, before its lock is given back.
    fn settle(&self, state: &State, now: Moment) {
        self.settled.set(state.schedule.settled_until(now));
    }

    pub(super) fn until_next_fetch(&self) -> Option<Duration> {
        let next = self.state().schedule.next_fetch();
        next.map(|at| self.now().until(at))
    }

    pub(super) fn start_refresh(&self) -> Option<Fetch> {
        let now = self.now();
        let mut state = self.state();
        let fetch = state.schedule.refresh(now);
        self.settle(&state, now);
        drop(state);
        if let Some(fetch) = fetch {
            self.announce(fetch.number);
        }
        fetch
    }

    /// Tells the tasks that fetch `number` has been started. Whoever started a later one may have told them before.
    fn announce(&self, number: u64) {
        self.newest.send_if_modified(|newest| {
            let is_newer = number > *newest;
            *newest = number.max(*newest);
            is_newer
        });
    }

    /// The request is about to be made, unless this returns that the fetch was given up.
    pub(super) fn on_begin(&self, number: u64, now: Moment) -> bool {
        let mut state = self.state();
        let counts = state.schedule.on_begin(number, now);
        state.fetches += u64::from(counts);
        counts
    }

    /// What came with the keys that are held.
    pub(super) fn validators(&self) -> Option<Validators> {
        self.state().validators.clone()
    }

    // Nothing foreign is called under the lock: no clock, and whoever hears an event may ask for the status.

    pub(super) fn on_fetched(&self, number: u64, fetched: Fetched) {
        let Fetched { keys, lifetime, age, validators } = fetched;
        let now = self.now();
        let mut state = self.state();
        let held = self.keys.load_full();
        let is_first = state.schedule.age(now).is_none();
        if keys.is_none() && is_first {
            drop(state);
            return self.on_failed(number, &FetchError::NothingHeld);
        }
        // RFC 9111 §4.3.4: a confirmation may leave out what has not changed.
        let lifetime = lifetime.or_else(|| state.schedule.lifetime().filter(|_| keys.is_none()));
        let has_keys = !keys.as_ref().unwrap_or(&held).keys().is_empty();
        let reception = state.schedule.on_fetched(number, &Document { lifetime, age, has_keys }, now);
        if reception == Reception::GivenUp {
            return;
        }
        if let Some(mut keys) = keys.filter(|_| reception == Reception::Held) {
            keys.take_over(&held);
            state.validators = validators;
            self.keys.store(Arc::new(keys));
        }
        let recovered = state.last_error.take().is_some();
        let age = state.schedule.age(now).map_or(Duration::ZERO, |(age, _)| age);
        self.end_fetch(state, now);
        self.report(Some(&held).filter(|_| !is_first), recovered, age);
    }

    /// `held` is what was held before.
    fn report(&self, held: Option<&Arc<JwkSet>>, recovered: bool, age: Duration) {
        let keys = self.keys.load();
        let changed = held.is_none_or(|held| !held.same_keys(&keys));
        let skips_others = held.is_none_or(|held| held.skipped() != keys.skipped());
        let as_of = self.clock.now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        metrics::keys_fetched(&self.issuer, keys.keys().len(), as_of);
        tracing::debug!(issuer = %self.issuer, changed, "the issuer's keys were fetched");
        if recovered {
            tracing::info!(issuer = %self.issuer, "the issuer's keys can be fetched again");
        }
        if changed {
            tracing::info!(issuer = %self.issuer, keys = keys.keys().len(), "the issuer's keys have changed");
        }
        if skips_others {
            for skipped in keys.skipped() {
                tracing::warn!(issuer = %self.issuer, %skipped, "a key of the issuer is not used");
            }
        }
        if keys.keys().is_empty() && (changed || skips_others) {
            let skipped = keys.skipped().len();
            tracing::error!(issuer = %self.issuer, skipped, "the issuer's key set has no usable key, so its tokens get 503");
        }
    }

    pub(super) fn on_failed(&self, number: u64, error: &FetchError) {
        let now = self.now();
        let mut state = self.state();
        if !state.schedule.on_failed(number, now) {
            return;
        }
        let is_stale = state.schedule.age(now).is_some_and(|(age, lifetime)| age >= lifetime);
        let is_usable = state.schedule.is_usable(now);
        state.failures += 1;
        state.last_error = Some(error.clone());
        self.end_fetch(state, now);
        metrics::keys_not_fetched(&self.issuer);
        tracing::warn!(issuer = %self.issuer, %error, is_stale, is_usable, "the issuer's keys could not be fetched");
    }

    pub(super) fn on_cancelled(&self, number: u64) {
        let now = self.now();
        let mut state = self.state();
        if state.schedule.on_cancelled(number, now) {
            self.end_fetch(state, now);
        }
    }

    /// The fetch has waited so long for an answer that keys past their lifetime may be used meanwhile.
    pub(super) fn on_unanswered(&self, number: u64) {
        let now = self.now();
        let mut state = self.state();
        let counts = state.schedule.on_unanswered(number);
        self.settle(&state, now);
        drop(state);
        if counts {
            self.refreshed.send_modify(|count| *count += 1);
        }
    }

    fn tell_of_end(&self) {
        for news in [&self.ended, &self.refreshed] {
            news.send_modify(|count| *count += 1);
        }
    }

    fn end_fetch(&self, state: MutexGuard<'_, State>, now: Moment) {
        self.settle(&state, now);
        drop(state);
        self.tell_of_end();
    }
}

/// Until when a known key needs no decision, for those who do not take the lock: a deadline by both clocks.
///
/// The two halves are written one after the other. Whoever reads one of before and one of after has a deadline that held a moment
/// ago, or one that holds now.
struct SettledUntil {
    origin: Moment,
    /// In nanoseconds since the origin.
    monotonic: AtomicI64,
    /// In nanoseconds since the origin, or before it if the time of day was set back.
    wall: AtomicI64,
}

impl SettledUntil {
    fn never(origin: Moment) -> Self {
        Self { origin, monotonic: AtomicI64::new(i64::MIN), wall: AtomicI64::new(i64::MIN) }
    }

    fn set(&self, until: Option<Moment>) {
        let (monotonic, wall) = until.map_or((i64::MIN, i64::MIN), |until| self.nanoseconds(until));
        self.monotonic.store(monotonic, Ordering::Release);
        self.wall.store(wall, Ordering::Release);
    }

    fn holds(&self, now: Moment) -> bool {
        let (monotonic, wall) = self.nanoseconds(now);
        monotonic < self.monotonic.load(Ordering::Acquire) && wall < self.wall.load(Ordering::Acquire)
    }

    fn nanoseconds(&self, at: Moment) -> (i64, i64) {
        let nanoseconds = |passed: Duration| i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX);
        let monotonic = nanoseconds(at.monotonic.saturating_duration_since(self.origin.monotonic));
        let wall = match at.wall.duration_since(self.origin.wall) {
            Ok(passed) => nanoseconds(passed),
            Err(before) => -nanoseconds(before.duration()),
        };
        (monotonic, wall)
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

#[cfg(test)]
mod tests {
    use super::super::source::{FetchFuture, FetchRequest};
    use super::*;
    use crate::clock::SystemClock;

    /// They start fetches under the lock, and tell of them after it.
    #[test]
    fn of_two_who_tell_of_their_fetches_in_the_wrong_order_the_later_one_counts() {
        let source = Arc::new(JwkSet::empty());
        let store = KeyStore::new("https://id.example.com", source, Arc::new(SystemClock), PendingLookups::default());
        store.0.announce(2);
        let mut newest = store.0.newest.subscribe();
        store.0.announce(1);
        assert!(!newest.has_changed().unwrap(), "nobody leaves for it");
        assert_eq!(*newest.borrow_and_update(), 2);
    }

    /// What came while the token was tried may have its key, and a document that came after the token refuses it otherwise.
    #[tokio::test]
    async fn keys_that_came_while_others_were_tried_are_tried_too() {
        struct Source;

        impl KeySource for Source {
            fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
                let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
                let keys = JwkSet::from_json(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes());
                Box::pin(async { Ok(Fetched::keys(keys?)) })
            }
        }

        let clock = Arc::new(SystemClock);
        let store = KeyStore::new("https://id.example.com", Arc::new(Source), clock, PendingLookups::default());
        let now = store.0.now();
        let token = TokenTimes { arrived: now.monotonic, issued: None, leeway: Duration::ZERO };
        let tried = store.at_hand();
        store.ready().await;
        assert!(matches!(store.look_beyond(&tried, token, now), Lookup::Keys(_)));
        assert!(matches!(store.look_beyond(&store.at_hand(), token, now), Lookup::Unknown));
    }
}
