//! Decides when an issuer's keys are fetched and whether they may be used, without a clock, I/O or the keys themselves. [`KeyStore`](super::KeyStore)
//! carries out the decisions.
//!
//! There is at most one fetch at a time. It starts immediately or within a second, and ends in one of three ways: it is
//! [answered](RefreshSchedule::on_fetched), it [fails](RefreshSchedule::on_failed), or it is [cancelled](RefreshSchedule::on_cancelled) because the
//! task that carries it out is gone.
//!
//! Keys are used unconditionally for their lifetime. For an hour beyond it, they are used only on recent evidence that the issuer cannot be reached:
//! an attempt that began at most 75 seconds ago, and that failed or has been unanswered for a second. After a suspension, or after a runtime has
//! ended with its attempt, there is no such evidence, so the issuer is asked first.

use std::time::Duration;

use super::back_off::{BackOff, MIN_BACK_OFF};
use super::decision::{Decision, Document, Fetch, Reception, TokenTimes, Usability, Wait};
use super::held_document::HeldDocument;
use super::running_fetch::{Reason, RunningFetch};
use super::seed_age::{SeedAge, UnusableSeed};
#[cfg(feature = "tenants")]
use super::tenant_refetches::{FetchBudget, TenantRefetches};
use super::token_bucket::TokenBucket;
use crate::clock::Moment;

/// How long keys are fresh when the issuer does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// The shortest lifetime, whatever the issuer states: it bounds how often a fleet asks.
const MIN_LIFETIME: Duration = Duration::from_secs(60);
/// The longest lifetime, whatever the issuer states: it bounds how long a withdrawn key is used.
pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long past their lifetime keys are still used while the issuer cannot be reached.
const GRACE: Duration = Duration::from_secs(60 * 60);
/// The part of the lifetime after which keys are refreshed: four fifths, so that there is time to fail …
const REFRESH_AT: f64 = 0.8;
/// … give or take a tenth of the lifetime, so that the instances of a fleet that started together do not ask together.
const REFRESH_JITTER: f64 = 0.1;
/// An attempt that has been unanswered for this long is evidence that the issuer cannot be reached. The task of the attempt measures
/// it, so an attempt of a runtime that is not driven is no evidence.
pub(super) const UNANSWERED: Duration = Duration::from_secs(1);
/// How long an attempt counts as evidence, from its start: the longest back-off, a fetch that times out, and some margin, so that a
/// failed attempt counts until the next one has ended.
const EVIDENCE: Duration = Duration::from_secs(75);
/// How many fetches for unknown keys may follow one another at once …
const UNKNOWN_KEY_BURST: u32 = 2;
/// … and how often one more becomes possible.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(5);
/// If a refresh returned an older document, the next one follows after this part of the lifetime of the held keys.
const OUTDATED_REFRESH: u32 = 10;
/// How far off a fetch may be for a request to wait for it. Otherwise the request is answered with `Retry-After`.
const WORTH_WAITING: Duration = Duration::from_secs(1);
/// How often a bad signature under a known `kid` may start a fetch.
const MISMATCH_INTERVAL: Duration = Duration::from_secs(60);
/// A fetch that has not ended after this time counts as lost, because its runtime is not driven any more. No fetch may take as long.
const LOST: Duration = Duration::from_secs(10);

/// The state of one issuer's keys, as far as time is concerned.
#[cfg_attr(test, derive(Clone))]
pub(super) struct RefreshSchedule {
    held: Option<HeldDocument>,
    running: Option<RunningFetch>,
    numbers: u64,
    back_off: BackOff,
    /// When the newest attempt that failed had begun.
    failed: Option<Moment>,
    /// The newest document was older than the one that is held, so the next fetch bypasses caches.
    is_outdated: bool,
    unknown_keys: TokenBucket,
    mismatches: TokenBucket,
    /// Bounds both further, if the issuer is one of many tenants.
    #[cfg(feature = "tenants")]
    tenant: Option<TenantRefetches>,
    random: fastrand::Rng,
}

impl RefreshSchedule {
    /// A schedule for keys that were never fetched. `seed` decides the jitter and nothing else.
    pub(super) fn new(now: Moment, seed: u64) -> Self {
        Self {
            held: None,
            running: None,
            numbers: 0,
            back_off: BackOff::default(),
            failed: None,
            is_outdated: false,
            unknown_keys: TokenBucket::new(UNKNOWN_KEY_BURST, UNKNOWN_KEY_INTERVAL, now.monotonic),
            mismatches: TokenBucket::new(1, MISMATCH_INTERVAL, now.monotonic),
            #[cfg(feature = "tenants")]
            tenant: None,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// The document was known before the first fetch. It is held, unless it is too old.
    pub(super) fn seeded(&mut self, now: Moment, document: &Document, age: SeedAge) -> Result<(), UnusableSeed> {
        let before = age.at(now.wall, lifetime_of(document) + GRACE)?;
        self.hold(now, document);
        self.held = self.held.map(|held| match before {
            // An earlier process fetched it. Keys may have been withdrawn since, so the first lookup asks the issuer.
            Some(before) => HeldDocument { before, age: held.age.saturating_add(before), refresh_at: now, ..held },
            None => HeldDocument { is_seed: true, ..held },
        });
        Ok(())
    }

    /// Decides about a token whose key may be among the held ones.
    pub(super) fn decide(&mut self, now: Moment) -> Decision {
        self.give_up_lost(now);
        match self.usability(now) {
            Usability::Until(_) => self.refresh(now).map_or(Decision::Use, Decision::UseAndRefresh),
            Usability::Unproven => self.wait_for_refresh(now),
            Usability::No => self.wait_for_keys(now),
        }
    }

    /// Decides about a token whose key is not among the held ones.
    pub(super) fn decide_unknown(&mut self, token: TokenTimes, now: Moment) -> Decision {
        self.give_up_lost(now);
        match (self.usability(now), self.held) {
            (Usability::Until(_), Some(held)) if held.is_newer_than(token, now) => Decision::Refuse,
            (Usability::Until(_), _) => self.wait_for_unknown_key(now),
            (Usability::Unproven, _) => self.wait_for_refresh(now),
            (Usability::No, _) => self.wait_for_keys(now),
        }
    }

    /// The refresh that is due, if one is.
    pub(super) fn refresh(&mut self, now: Moment) -> Option<Fetch> {
        self.give_up_lost(now);
        let due = self.next_fetch().is_some_and(|at| now.has_reached(at));
        due.then(|| self.start(now, Reason::Age))
    }

    /// When the next fetch is due without a request: a refresh, or a retry after a failure. `None` while one runs, and before the
    /// first.
    pub(super) fn next_fetch(&self) -> Option<Moment> {
        let ages = self.held.filter(|held| held.has_keys).map(|held| held.refresh_at);
        match (&self.running, ages, self.back_off.ends_at) {
            (Some(_), ..) => None,
            (None, Some(ages), Some(retry_at)) => Some(ages.latest(retry_at)),
            (None, ages, retry_at) => ages.or(retry_at),
        }
    }

    /// A signature does not fit the key with its token's `kid`. Returns a fetch, at most one a minute, because the issuer may have a
    /// new key with the old `kid`. No request waits for it.
    pub(super) fn on_signature_mismatch(&mut self, now: Moment) -> Option<Fetch> {
        self.give_up_lost(now);
        let is_idle = self.running.is_none() && self.back_off.remaining(now).is_zero();
        if !is_idle || self.mismatches.next(now.monotonic) > now.monotonic {
            return None;
        }
        #[cfg(feature = "tenants")]
        if self.tenant.as_mut().is_some_and(|refetches| refetches.try_take(now.monotonic).is_err()) {
            return None;
        }
        Some(self.start(now, Reason::Mismatch))
    }

    /// Counts as if tokens with unknown kids and bad signatures had caused all fetches that they may. The first fetch brings what there is, and another one
    /// because of a token has to wait its interval.
    #[cfg(feature = "tenants")]
    pub(super) fn spend(&mut self, now: Moment) {
        (0..UNKNOWN_KEY_BURST).for_each(|_| self.unknown_keys.take(now.monotonic));
        self.mismatches.take(now.monotonic);
    }

    /// From now on, fetches because of tokens with unknown kids and bad signatures also draw on the budget of all tenants of a server.
    #[cfg(feature = "tenants")]
    pub(super) fn draw_on(&mut self, budget: FetchBudget, now: Moment) {
        self.tenant = Some(TenantRefetches::new(budget, now.monotonic));
    }

    /// Until when [`decide`](Self::decide) returns [`Decision::Use`] if no method is called before; `None` if it does not return that
    /// now.
    pub(super) fn settled_until(&self, now: Moment) -> Option<Moment> {
        let Usability::Until(end) = self.usability(now) else { return None };
        let next = match &self.running {
            Some(running) => running.fetch.starts_at.plus(LOST),
            None => self.next_fetch()?,
        };
        Some(end.earliest(next))
    }

    /// The request of fetch `number` is about to be made, unless this returns that the fetch was given up.
    pub(super) fn on_begin(&mut self, number: u64, now: Moment) -> bool {
        let Some(running) = self.running(number) else { return false };
        running.began = Some(now);
        match running.reason {
            Reason::FirstKeys | Reason::UnknownKey => self.unknown_keys.take(now.monotonic),
            Reason::Mismatch => self.mismatches.take(now.monotonic),
            Reason::Age => {}
        }
        true
    }

    /// The fetch has waited for an answer for [`UNANSWERED`]. Returns whether it counts: not if the fetch was given up.
    pub(super) fn on_unanswered(&mut self, number: u64) -> bool {
        let Some(running) = self.running(number) else { return false };
        running.is_unanswered = true;
        true
    }

    /// The fetch returned a document, or that it has not changed. Returns what happened to the document.
    ///
    /// A document without a usable key is an answer too: the keys before it are withdrawn. The next fetch follows as after a
    /// failure.
    ///
    /// A document that is older than the one that is held comes from an outdated cache. While the one that is held is fresh, it
    /// stays, so that no withdrawn key returns and no new key is lost.
    pub(super) fn on_fetched(&mut self, number: u64, document: &Document, now: Moment) -> Reception {
        let Some(began) = self.running(number).and_then(|running| running.began) else { return Reception::GivenUp };
        self.running = None;
        self.failed = None;
        let newer = self.held.filter(|held| !held.is_stale(now) && held.is_newer_than_document(began, document.age));
        self.is_outdated = newer.is_some();
        if let Some(held) = newer {
            let refresh_at = now.plus(held.lifetime / OUTDATED_REFRESH);
            self.held = Some(HeldDocument { refresh_at, ..held });
        } else {
            self.hold(began, document);
        }
        if self.held.is_some_and(|held| held.has_keys) {
            self.back_off = BackOff::default();
        } else {
            self.back_off.on_failed(now, &mut self.random);
        }
        if newer.is_some() { Reception::Outdated } else { Reception::Held }
    }

    /// The fetch failed. Returns whether it counts.
    pub(super) fn on_failed(&mut self, number: u64, now: Moment) -> bool {
        let Some(running) = self.running(number) else { return false };
        self.failed = running.began.or(self.failed);
        self.running = None;
        self.back_off.on_failed(now, &mut self.random);
        true
    }

    /// The fetch was cancelled, which is no failure of the issuer and no evidence. Returns whether it counts.
    pub(super) fn on_cancelled(&mut self, number: u64, now: Moment) -> bool {
        let Some(running) = self.running(number) else { return false };
        let has_begun = running.began.is_some();
        self.running = None;
        // A program with a runtime for each call cancels every refresh that it starts.
        if let Some(held) = self.held.as_mut().filter(|_| has_begun) {
            held.refresh_at = held.refresh_at.latest(now.plus(MIN_BACK_OFF));
        }
        true
    }

    /// How old the held document is, and how old it may become before it is stale.
    pub(super) fn age(&self, now: Moment) -> Option<(Duration, Duration)> {
        self.held.map(|held| (held.age_at(now), held.stale_age()))
    }

    /// The held document, as far as time is concerned.
    pub(super) fn held(&self) -> Option<HeldDocument> {
        self.held
    }

    /// Whether the held keys may be used.
    pub(super) fn is_usable(&self, now: Moment) -> bool {
        matches!(self.usability(now), Usability::Until(_))
    }

    fn hold(&mut self, began: Moment, document: &Document) {
        let (lifetime, Document { age, has_keys, .. }) = (lifetime_of(document), *document);
        let part = REFRESH_AT + REFRESH_JITTER * (2.0 * self.random.f64() - 1.0);
        let refresh_at = began.plus(lifetime.mul_f64(part));
        let before = Duration::ZERO;
        self.held = Some(HeldDocument { began, before, age, has_keys, lifetime, refresh_at, is_seed: false });
    }

    fn usability(&self, now: Moment) -> Usability {
        let Some(held) = self.held.filter(|held| held.has_keys) else { return Usability::No };
        let stale_at = held.stale_at();
        if !held.is_stale(now) {
            return Usability::Until(stale_at);
        }
        let unusable_at = held.after_fetch(held.lifetime + GRACE);
        if now.has_reached(unusable_at) {
            return Usability::No;
        }
        match self.unreachable_until(now) {
            Some(end) => Usability::Until(unusable_at.earliest(end)),
            None => Usability::Unproven,
        }
    }

    /// How long the fresh evidence lasts that the issuer cannot be reached; `None` if there is none.
    fn unreachable_until(&self, now: Moment) -> Option<Moment> {
        let unanswered = self.running.as_ref().filter(|running| running.is_unanswered);
        let unanswered = unanswered.and_then(|running| running.began).map(|began| began.plus(LOST));
        let failed = self.failed.map(|began| began.plus(EVIDENCE));
        [failed, unanswered].into_iter().flatten().find(|end| !now.has_reached(*end))
    }

    fn wait_for_keys(&mut self, now: Moment) -> Decision {
        let wait = Wait::Keys;
        if self.is_running_by(now) {
            return Decision::Wait { start: None, wait };
        }
        match self.back_off.remaining(now) {
            Duration::ZERO => Decision::Wait { start: Some(self.start(now, Reason::FirstKeys)), wait },
            retry_after => Decision::Unavailable { retry_after },
        }
    }

    fn wait_for_refresh(&mut self, now: Moment) -> Decision {
        let start = if self.is_running_by(now) {
            None
        } else {
            match self.back_off.remaining(now) {
                Duration::ZERO => Some(self.start(now, Reason::Age)),
                retry_after => return Decision::Unavailable { retry_after },
            }
        };
        Decision::Wait { start, wait: Wait::Refresh }
    }

    fn wait_for_unknown_key(&mut self, now: Moment) -> Decision {
        let wait = Wait::UnknownKey;
        if self.running.is_some() {
            return Decision::Wait { start: None, wait };
        }
        let retry_in = self.back_off.remaining(now);
        if retry_in > WORTH_WAITING {
            return Decision::Unavailable { retry_after: retry_in };
        }
        let next = self.unknown_keys.next(now.monotonic).saturating_duration_since(now.monotonic).max(retry_in);
        if next > WORTH_WAITING {
            return Decision::Busy { retry_after: next };
        }
        #[cfg(feature = "tenants")]
        if let Some(Err(retry_after)) = self.tenant.as_mut().map(|refetches| refetches.try_take(now.monotonic)) {
            return Decision::Busy { retry_after };
        }
        Decision::Wait { start: Some(self.start(now.plus(next), Reason::UnknownKey)), wait }
    }

    /// Whether a fetch runs, or should by now. One that starts later may be replaced, but not one that has begun: `now` may have been read before
    /// another request started it.
    fn is_running_by(&self, now: Moment) -> bool {
        let has_begun = |running: &RunningFetch| running.began.is_some() || now.has_reached(running.fetch.starts_at);
        self.running.as_ref().is_some_and(has_begun)
    }

    fn start(&mut self, starts_at: Moment, reason: Reason) -> Fetch {
        self.numbers += 1;
        let bypass_caches = self.is_outdated || matches!(reason, Reason::UnknownKey | Reason::Mismatch);
        let fetch = Fetch { number: self.numbers, starts_at, bypass_caches };
        self.running = Some(RunningFetch { fetch, reason, began: None, is_unanswered: false });
        fetch
    }

    fn running(&mut self, number: u64) -> Option<&mut RunningFetch> {
        self.running.as_mut().filter(|running| running.fetch.number == number)
    }

    /// A fetch whose runtime is not driven any more never reports its end.
    fn give_up_lost(&mut self, now: Moment) {
        if self.running.as_ref().is_some_and(|running| now.has_reached(running.fetch.starts_at.plus(LOST))) {
            self.running = None;
        }
    }
}

fn lifetime_of(document: &Document) -> Duration {
    document.lifetime.unwrap_or(DEFAULT_LIFETIME).clamp(MIN_LIFETIME, MAX_LIFETIME)
}

#[cfg(test)]
#[path = "schedule_history.rs"]
mod history;

#[cfg(test)]
#[path = "schedule_model.rs"]
mod model;

#[cfg(test)]
#[path = "schedule_tables.rs"]
mod tables;
