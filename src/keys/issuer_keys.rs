use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::decision::{Document, Fetch, Reception};
use super::fetch_error::FetchError;
use super::key_trials::KeyTrials;
use super::pending::PendingLookups;
use super::persistence::{self, HeldKeys, RawKeySet};
use super::schedule::RefreshSchedule;
use super::source::{Fetched, KeySource, Validators};
use crate::clock::{Clock, Moment};
use crate::jose::{JwkSet, KeyPurpose};
use crate::metrics;
use crate::settled_until::SettledUntil;

/// One issuer's keys: what the handles of a [`KeyStore`](super::KeyStore) share with its
/// [`RefreshTask`](super::refresh_task::RefreshTask)s.
pub(super) struct IssuerKeys {
    pub(super) issuer: Box<str>,
    pub(super) source: Arc<dyn KeySource>,
    pub(super) purpose: KeyPurpose,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pending: PendingLookups,
    pub(super) trials: KeyTrials,
    /// The issuer is one of many tenants, and so no label of a metric.
    pub(super) is_of_tenant: bool,
    /// The keys never change, so there is nothing to decide.
    pub(super) is_fixed: bool,
    pub(super) keys: ArcSwap<JwkSet>,
    pub(super) settled: SettledUntil,
    pub(super) state: Mutex<State>,
    /// The number of the newest fetch. A task ends when a later fetch was started by another one, or when this closes.
    pub(super) newest: watch::Sender<u64>,
    /// The number of fetches that have ended, for requests that wait.
    pub(super) ended: watch::Sender<u64>,
    /// The same for requests that wait for a refresh of the held keys: it also counts unanswered fetches.
    pub(super) refreshed: watch::Sender<u64>,
}

pub(super) struct State {
    pub(super) schedule: RefreshSchedule,
    pub(super) validators: Option<Validators>,
    /// The document of the held keys, if they are persisted: a later confirmation does not repeat it.
    pub(super) document: Option<RawKeySet>,
    pub(super) fetches: u64,
    pub(super) failures: u64,
    pub(super) last_error: Option<FetchError>,
}

impl State {
    /// What is persisted.
    fn held_keys(&self, now: Moment) -> Option<HeldKeys> {
        let (held, document) = (self.schedule.held()?, self.document.clone()?);
        let as_of = now.wall.checked_sub(held.age_at(now))?;
        Some(HeldKeys { document, as_of, age: held.age_at_fetch(), lifetime: held.lifetime, now: now.wall })
    }
}

impl IssuerKeys {
    pub(super) fn now(&self) -> Moment {
        Moment::of(&*self.clock)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // No code panics between two changes of the state, so it is consistent even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_settled(&self, now: Moment) -> bool {
        self.is_fixed || self.settled.holds(now)
    }

    /// Must be called after every change of the state, before its lock is released.
    pub(super) fn settle(&self, state: &State, now: Moment) {
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

    /// Tells the tasks that fetch `number` has been started. The announcement of a later fetch may have come before.
    pub(super) fn announce(&self, number: u64) {
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

    // The lock is not held while a clock or a subscriber of `tracing` is called: a subscriber may ask for the status.

    pub(super) fn on_fetched(&self, number: u64, fetched: Fetched) {
        let Fetched { keys, lifetime, age, validators, document, persistence } = fetched;
        let keys = keys.map(|keys| keys.select(self.purpose));
        let now = self.now();
        let mut state = self.state();
        let held = self.keys.load_full();
        let is_first = state.schedule.age(now).is_none();
        if keys.is_none() && is_first {
            drop(state);
            return self.on_failed(number, &FetchError::NothingHeld);
        }
        // RFC 9111 §4.3.4: a confirmation may leave out what has not changed.
        let lifetime = lifetime.or_else(|| state.schedule.held().filter(|_| keys.is_none()).map(|held| held.lifetime));
        let has_keys = !keys.as_ref().unwrap_or(&held).keys().is_empty();
        let reception = state.schedule.on_fetched(number, &Document { lifetime, age, has_keys }, now);
        if reception == Reception::GivenUp {
            return;
        }
        if let Some(mut keys) = keys.filter(|_| reception == Reception::Held) {
            keys.take_over(&held);
            state.validators = validators;
            state.document = document.filter(|_| persistence.is_some());
            self.keys.store(Arc::new(keys));
        }
        let recovered = state.last_error.take().is_some();
        let age = state.schedule.age(now).map_or(Duration::ZERO, |(age, _)| age);
        // Taken over under the lock, so that the order is that of the fetches.
        let write = persistence.and_then(|persistence| persistence.persist(state.held_keys(now)?));
        self.end_fetch(state, now);
        self.report(Some(&held).filter(|_| !is_first), recovered, age);
        if let Some(write) = write {
            persistence::spawn(write);
        }
    }

    /// Reports a successful fetch. `held` are the keys before it.
    fn report(&self, held: Option<&Arc<JwkSet>>, recovered: bool, age: Duration) {
        let keys = self.keys.load();
        let changed = held.is_none_or(|held| !held.same_keys(&keys));
        let skips_others = held.is_none_or(|held| held.skipped() != keys.skipped());
        let as_of = self.clock.now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        if self.is_of_tenant {
            metrics::tenant_keys_fetched();
        } else {
            metrics::keys_fetched(&self.issuer, keys.keys().len(), as_of);
        }
        tracing::debug!(issuer = %self.issuer, changed, "the issuer's keys were fetched");
        if recovered {
            tracing::info!(issuer = %self.issuer, "the issuer's keys can be fetched again");
        }
        match held {
            None => tracing::info!(issuer = %self.issuer, keys = keys.keys().len(), "the issuer's keys were loaded"),
            Some(_) if changed => {
                tracing::info!(issuer = %self.issuer, keys = keys.keys().len(), "the issuer's keys have changed");
            }
            Some(_) => {}
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
        if self.is_of_tenant {
            metrics::tenant_keys_not_fetched();
        } else {
            metrics::keys_not_fetched(&self.issuer);
        }
        tracing::warn!(issuer = %self.issuer, %error, is_stale, is_usable, "the issuer's keys could not be fetched");
    }

    pub(super) fn on_cancelled(&self, number: u64) {
        let now = self.now();
        let mut state = self.state();
        if state.schedule.on_cancelled(number, now) {
            self.end_fetch(state, now);
        }
    }

    /// The fetch has been unanswered for so long that keys past their lifetime may be used meanwhile.
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

    pub(super) fn tell_of_end(&self) {
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
