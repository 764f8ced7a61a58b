use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::decision::{Decision, Fetch, TokenTimes, Wait};
use super::issuer_keys::{IssuerKeys, State};
use super::key_trials::KeyTrials;
use super::pending::{PendingLookup, PendingLookups};
use super::refresh_task::RefreshTask;
use super::schedule::RefreshSchedule;
use super::source::KeySource;
use super::status::IssuerStatus;
#[cfg(feature = "tenants")]
use super::tenant_refetches::FetchBudget;
use crate::clock::{Clock, Moment};
use crate::jose::{Algorithm, JwkSet, KeyIdentity, KeyPurpose};
use crate::settled_until::SettledUntil;

/// The time to the next lookup when there is no runtime to fetch on, no room to wait, or no task that is sure to end the fetch.
const SOON: Duration = Duration::from_secs(1);

/// More than a fetch may take.
#[cfg(feature = "tenants")]
const MAX_ATTEMPT: Duration = Duration::from_secs(10);

/// A handle to one issuer's keys: a snapshot that is read without waiting, and at most one fetch at a time, which is independent of
/// the requests that wait for it.
///
/// A lookup that needs a fetch spawns a [`RefreshTask`]. The task then refreshes the keys in time, until a later task takes over
/// or the last handle to the store is dropped.
#[derive(Clone)]
pub(crate) struct KeyStore(Arc<IssuerKeys>);

/// The result of a lookup for the key of one token.
pub(crate) enum Lookup {
    /// The key, if there is one, is among these.
    Keys(Keys),
    /// There is no such key.
    Unknown,
    /// The lookup must be repeated when this has news.
    Wait(PendingLookup),
    /// There are no keys that may be used, and the next fetch is this far off.
    Unavailable { retry_after: Duration },
    /// Too many requests wait already, or the next fetch is too far off to wait for it.
    Busy { retry_after: Duration },
}

impl KeyStore {
    pub(crate) fn new(
        issuer: &str,
        source: Arc<dyn KeySource>,
        purpose: KeyPurpose,
        clock: Arc<dyn Clock>,
        pending: PendingLookups,
    ) -> Self {
        let now = Moment::of(&*clock);
        let mut schedule = RefreshSchedule::new(now, RandomState::new().hash_one("jitter"));
        let fixed = source.fixed();
        let is_fixed = fixed.is_some();
        let fixed = fixed.map(|keys| keys.select(purpose));
        let seed = || source.seed().and_then(|seed| seed.into_held(issuer, purpose, &mut schedule, now));
        let keys = fixed.or_else(seed);
        let state = State { schedule, validators: None, document: None, fetches: 0, failures: 0, last_error: None };
        Self(Arc::new(IssuerKeys {
            issuer: issuer.into(),
            source,
            purpose,
            clock,
            pending,
            trials: KeyTrials::new(now.monotonic),
            is_of_tenant: false,
            is_fixed,
            keys: ArcSwap::from_pointee(keys.unwrap_or_else(JwkSet::empty)),
            settled: SettledUntil::never(now),
            state: Mutex::new(state),
            newest: watch::channel(0).0,
            ended: watch::channel(0).0,
            refreshed: watch::channel(0).0,
        }))
    }

    /// The same store for one of many tenants. It is not shared yet.
    ///
    /// Strangers can have tenants loaded by naming them. So that each costs one fetch, no token causes another one at once.
    #[cfg(feature = "tenants")]
    pub(crate) fn of_tenant(mut self) -> Self {
        self.0.state().schedule.spend(self.0.now());
        if let Some(keys) = Arc::get_mut(&mut self.0) {
            keys.is_of_tenant = true;
        }
        self
    }

    /// Bounds the fetches that tokens of this tenant cause by what all tenants of its server may cause together.
    #[cfg(feature = "tenants")]
    pub(crate) fn draw_on(&self, budget: &FetchBudget) {
        self.0.state().schedule.draw_on(budget.clone(), self.0.now());
    }

    /// Whether the keys never change, so that they are not fetched.
    #[cfg(feature = "tenants")]
    pub(crate) fn are_fixed(&self) -> bool {
        self.0.is_fixed
    }

    /// Starts a fetch if there are no usable keys, and waits until it has ended.
    #[cfg(feature = "tenants")]
    pub(crate) async fn attempt(&self) {
        let mut ended = self.0.ended.subscribe();
        if !self.is_ready() {
            // The end of a fetch that was given up is not announced.
            drop(tokio::time::timeout(MAX_ATTEMPT, ended.changed()).await);
        }
    }

    /// Ends the refreshes, though there may be other handles, and the waiting for them.
    #[cfg(feature = "tenants")]
    pub(crate) fn end(&self) {
        // No task has a later number.
        self.0.announce(u64::MAX);
        self.0.tell_of_end();
    }

    /// Looks up the key of a token with this `kid`, or any key for a token without one. Never waits; a fetch that is needed is started.
    pub(crate) fn look_up(&self, kid: Option<&str>, token: TokenTimes, now: Moment) -> Lookup {
        let shared = &self.0;
        // In this order: if the time is settled, so are the keys of that moment and all later ones.
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

    /// Looks up keys that are newer than `tried`, none of which verified a token without `kid`. Never waits; a fetch that is needed
    /// is started.
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

    /// Whether `key` may be used for a token that it has verified before: it is one of the held keys `now`, and they are not
    /// too old. Never waits; a fetch that is due is started as by any other lookup.
    pub(crate) fn still_holds(&self, key: KeyIdentity, now: Moment) -> bool {
        let shared = &self.0;
        // In this order, as above.
        let is_settled = shared.is_settled(now);
        // A withdrawn key is no reason to fetch: the full lookup that follows decides that.
        if shared.keys.load().get(key).is_none() {
            return false;
        }
        is_settled || matches!(self.any_key(now), Lookup::Keys(keys) if keys.get(key).is_some())
    }

    /// A token's signature does not fit the key with its `kid`. Starts a fetch, if the budget allows one, because the issuer may have
    /// a new key with the old `kid`. No request waits for it.
    pub(crate) fn on_signature_mismatch(&self, now: Moment) {
        if self.0.is_fixed {
            return;
        }
        let mut state = self.0.state();
        let fetch = state.schedule.on_signature_mismatch(now);
        self.start(state, fetch, now);
    }

    /// The key to try first for a token of `algorithm` without `kid`.
    pub(crate) fn last_verified(&self, algorithm: Algorithm) -> Option<KeyIdentity> {
        self.0.trials.last(algorithm)
    }

    /// A token of `algorithm` without `kid` was verified by `key`.
    pub(crate) fn verified(&self, algorithm: Algorithm, key: KeyIdentity) {
        self.0.trials.verified(algorithm, key);
    }

    /// Whether a further key may be tried for a token without `kid`.
    pub(crate) fn try_another_key(&self, now: Moment) -> bool {
        self.0.trials.try_another(now.monotonic)
    }

    /// The held keys, whether or not they may be used.
    pub(crate) fn held(&self) -> Keys {
        Keys(self.0.keys.load())
    }

    /// Whether tokens can be validated now. A fetch that is needed for that is started.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.any_key(self.0.now()), Lookup::Keys(_))
    }

    /// Waits until there are usable keys, however long that takes.
    pub(crate) async fn ready(&self) {
        loop {
            let mut ended = self.0.ended.subscribe();
            match self.any_key(self.0.now()) {
                // A token without `kid` has no unknown key.
                Lookup::Keys(_) | Lookup::Unknown => return,
                // The end of a fetch that was given up is not announced.
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

    /// A lookup for no key in particular.
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

    /// Starts the fetch, if there is one, on the current runtime. Returns false if there is no runtime to start it on.
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
            runtime.spawn(RefreshTask { keys: Arc::clone(&self.0), fetch }.run());
        }
        !is_cancelled
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").field("issuer", &self.0.issuer).finish_non_exhaustive()
    }
}

/// The held keys.
pub(crate) struct Keys(Guard<Arc<JwkSet>>);

impl Deref for Keys {
    type Target = JwkSet;

    fn deref(&self) -> &JwkSet {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::{FetchFuture, FetchRequest, Fetched};
    use super::*;
    use crate::clock::SystemClock;

    fn store_of(source: Arc<dyn KeySource>) -> KeyStore {
        let (purpose, clock) = (KeyPurpose::Signatures, Arc::new(SystemClock));
        KeyStore::new("https://id.example.com", source, purpose, clock, PendingLookups::default())
    }

    /// Fetches are started under the lock and announced after it.
    #[test]
    fn of_two_fetches_announced_in_the_wrong_order_the_later_one_counts() {
        let source = Arc::new(JwkSet::empty());
        let store = store_of(source);
        store.0.announce(2);
        let mut newest = store.0.newest.subscribe();
        store.0.announce(1);
        assert!(!newest.has_changed().unwrap(), "no task ends for it");
        assert_eq!(*newest.borrow_and_update(), 2);
    }

    /// A document that came while a token was tried may have the token's key. Because it is newer than the token, the token would otherwise be
    /// refused.
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

        let store = store_of(Arc::new(Source));
        let now = store.0.now();
        let token = TokenTimes { arrived: now.monotonic, issued: None, leeway: Duration::ZERO };
        let tried = store.held();
        store.ready().await;
        assert!(matches!(store.look_beyond(&tried, token, now), Lookup::Keys(_)));
        assert!(matches!(store.look_beyond(&store.held(), token, now), Lookup::Unknown));
    }
}
