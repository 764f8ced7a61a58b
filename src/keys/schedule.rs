//! When one issuer's keys are fetched and whether they may be used: pure decisions, without a clock, I/O or keys.
//! [`KeyStore`](super::KeyStore) carries them out.
//!
//! There is at most one fetch at a time. It starts at once or within a second, and it ends in one of three ways: it is
//! [answered](RefreshSchedule::on_fetched), it [fails](RefreshSchedule::on_failed), or it is
//! [cancelled](RefreshSchedule::on_cancelled) because the task that carries it out is gone.
//!
//! Keys are used without a question for their lifetime. For an hour beyond it they are used only on fresh evidence that the
//! issuer cannot be reached. That is an attempt that failed, or whose task has waited for an answer for a second, and that began at most
//! 75 seconds ago. A process that was suspended, or a runtime that ended with its attempt, has no such evidence, so it asks the
//! issuer first.

use std::time::{Duration, Instant, SystemTime};

use super::token_bucket::TokenBucket;
use crate::clock::Moment;

/// How long keys are fresh when the issuer does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// However short a lifetime the issuer states, a fleet must not ask more often.
const MIN_LIFETIME: Duration = Duration::from_secs(60);
/// However long a lifetime the issuer states, a withdrawn key must not live longer because a cache says so.
const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long past their lifetime keys are still used while the issuer cannot be reached.
const GRACE: Duration = Duration::from_secs(60 * 60);
/// The part of the lifetime after which keys are refreshed: four fifths, so that there is time to fail …
const REFRESH_AT: f64 = 0.8;
/// … give or take a tenth of the lifetime, so that the instances of a fleet that started together do not ask together.
const REFRESH_JITTER: f64 = 0.1;
/// How long a failing issuer is left alone at first. It doubles with every failure in a row …
const MIN_BACK_OFF: Duration = Duration::from_secs(1);
/// … up to this …
const MAX_BACK_OFF: Duration = Duration::from_secs(60);
/// … less up to a fifth, so that a fleet does not return together.
const BACK_OFF_JITTER: f64 = 0.2;
/// An attempt that has been unanswered for this long shows that the issuer cannot be reached, for the time being. The task that
/// makes it measures that: an attempt of a runtime that is not driven shows nothing.
pub(super) const UNANSWERED: Duration = Duration::from_secs(1);
/// How long an attempt counts as evidence, from its beginning: the longest back-off, a fetch that times out, and some margin, so
/// that one failed attempt lasts until the next has had its chance.
const EVIDENCE: Duration = Duration::from_secs(75);
/// How many fetches for unknown keys may follow one another at once …
const UNKNOWN_KEY_BURST: u32 = 2;
/// … and how often one more becomes possible.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(5);
/// How much two ages in whole seconds may seem to differ.
const AGE_PRECISION: Duration = Duration::from_secs(1);
/// The part of the lifetime of the keys at hand after which they are refreshed again if a refresh has brought an older document.
const OUTDATED_REFRESH: u32 = 10;
/// How far off a fetch may be for a request to wait for it. Beyond that the request is told when to come back.
const WORTH_WAITING: Duration = Duration::from_secs(1);
/// How often a bad signature under a known name may be taken for a new key under that name.
const MISMATCH_INTERVAL: Duration = Duration::from_secs(60);
/// When a fetch that has not ended counts as lost: longer than any fetch may take. Its runtime is not driven any more.
const LOST: Duration = Duration::from_secs(10);

/// What to do about one look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The keys at hand answer it.
    Use,
    /// The keys at hand answer it, and a fetch is due.
    UseAndRefresh(Fetch),
    /// Only a fetch can tell: the one that runs, or this new one.
    Wait { start: Option<Fetch>, wait: Wait },
    /// There is no such key.
    Refuse,
    /// There are no keys to tell by, and it is too early to ask the issuer again.
    Unavailable { retry_after: Duration },
    /// The issuer can be reached, and the next fetch for an unknown key is too far off to wait for it.
    Busy { retry_after: Duration },
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// For the end of a fetch, because no key may be used yet.
    Keys,
    /// For the end of a fetch, or until an unanswered one is evidence enough to use the keys at hand.
    Refresh,
    /// For the end of a fetch that may bring the key.
    UnknownKey,
}

/// A fetch to carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fetch {
    pub(crate) number: u64,
    pub(crate) starts_at: Moment,
    /// Whether caches on the way must ask the issuer.
    pub(crate) bypass_caches: bool,
}

/// What a fetch brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document {
    /// How long it is fresh from the start of its fetch, if the issuer says so.
    pub(crate) lifetime: Option<Duration>,
    /// How old it was when its fetch started.
    pub(crate) age: Duration,
    /// Whether there is any key in it that can be used.
    pub(crate) has_keys: bool,
}

/// What becomes of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reception {
    /// It is held from now on.
    Held,
    /// The one that is held is newer, and stays.
    Outdated,
    /// Its fetch was given up, so it counts for nothing.
    GivenUp,
}

/// When a token arrived, and when it says that it was issued: what a document must be newer than to prove that a key does not
/// exist.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenTimes {
    pub(crate) arrived: Instant,
    pub(crate) issued: Option<SystemTime>,
    pub(crate) leeway: Duration,
}

/// The state of one issuer's keys, as far as time is concerned.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct RefreshSchedule {
    held: Option<Held>,
    running: Option<Running>,
    numbers: u64,
    failures: u32,
    /// Until then the issuer is left alone.
    retry_at: Option<Moment>,
    /// When the newest attempt that failed had begun.
    failed: Option<Moment>,
    /// The newest document was older than the one that is held, so a cache on the way has to ask the issuer.
    is_outdated: bool,
    unknown_keys: TokenBucket,
    mismatches: TokenBucket,
    random: fastrand::Rng,
}

/// The document that is held.
#[derive(Clone, Copy)]
struct Held {
    /// When its fetch began.
    began: Moment,
    /// How old it was then.
    age: Duration,
    has_keys: bool,
    /// From `began` on.
    lifetime: Duration,
    refresh_at: Moment,
    /// It was known beforehand. Nobody knows as of when it is.
    is_seed: bool,
}

/// The fetch that runs, or that is about to.
#[cfg_attr(test, derive(Clone))]
struct Running {
    fetch: Fetch,
    reason: Reason,
    began: Option<Moment>,
    is_unanswered: bool,
}

/// Why a fetch is made. It is counted against a budget when it begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// Nothing can be validated before it, so it is never held up, but it spends an attempt for an unknown key if one is left.
    FirstKeys,
    UnknownKey,
    Mismatch,
    /// Keys age whether or not anybody asks.
    Age,
}

/// Whether the keys at hand may be used.
#[derive(Clone, Copy)]
enum Usability {
    /// Until that moment, if nothing happens before.
    Until(Moment),
    /// They are past their lifetime, and nothing shows that the issuer cannot be reached.
    Unproven,
    /// There are none, or they are too old.
    No,
}

impl RefreshSchedule {
    /// A schedule for keys that were never fetched. `seed` decides the jitter and nothing else.
    pub(crate) fn new(now: Moment, seed: u64) -> Self {
        Self {
            held: None,
            running: None,
            numbers: 0,
            failures: 0,
            retry_at: None,
            failed: None,
            is_outdated: false,
            unknown_keys: TokenBucket::new(UNKNOWN_KEY_BURST, UNKNOWN_KEY_INTERVAL, now.monotonic),
            mismatches: TokenBucket::new(1, MISMATCH_INTERVAL, now.monotonic),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// The keys were known beforehand.
    pub(crate) fn seeded(&mut self, now: Moment) {
        self.hold(now, &Document { lifetime: None, age: Duration::ZERO, has_keys: true });
        self.held = self.held.map(|held| Held { is_seed: true, ..held });
    }

    /// Decides about a token whose key may be among those at hand.
    pub(crate) fn decide(&mut self, now: Moment) -> Decision {
        self.give_up_lost(now);
        match self.usability(now) {
            Usability::Until(_) => self.refresh(now).map_or(Decision::Use, Decision::UseAndRefresh),
            Usability::Unproven => self.wait_for_refresh(now),
            Usability::No => self.wait_for_keys(now),
        }
    }

    /// Decides about a token whose key is not among those at hand.
    pub(crate) fn decide_unknown(&mut self, token: TokenTimes, now: Moment) -> Decision {
        self.give_up_lost(now);
        match (self.usability(now), self.held) {
            (Usability::Until(_), Some(held)) if held.is_newer_than(token, now) => Decision::Refuse,
            (Usability::Until(_), _) => self.wait_for_unknown_key(now),
            (Usability::Unproven, _) => self.wait_for_refresh(now),
            (Usability::No, _) => self.wait_for_keys(now),
        }
    }

    /// The refresh that is due, if one is.
    pub(crate) fn refresh(&mut self, now: Moment) -> Option<Fetch> {
        self.give_up_lost(now);
        let due = self.next_fetch().is_some_and(|at| now.has_reached(at));
        due.then(|| self.start(now, Reason::Age))
    }

    /// When the next fetch is due if nobody asks before: of keys that age, or after a failure. `None` while one runs, and before
    /// the first.
    pub(crate) fn next_fetch(&self) -> Option<Moment> {
        let ages = self.held.filter(|held| held.has_keys).map(|held| held.refresh_at);
        match (&self.running, ages, self.retry_at) {
            (Some(_), ..) => None,
            (None, Some(ages), Some(retry_at)) => Some(ages.latest(retry_at)),
            (None, ages, retry_at) => ages.or(retry_at),
        }
    }

    /// A signature does not fit the key that its token names. Returns the one fetch a minute that finds out whether the issuer
    /// has a new key under the old name. Nobody waits for it.
    pub(crate) fn on_signature_mismatch(&mut self, now: Moment) -> Option<Fetch> {
        self.give_up_lost(now);
        let is_idle = self.running.is_none() && self.retry_in(now).is_zero();
        if !is_idle || self.mismatches.next(now.monotonic) > now.monotonic {
            return None;
        }
        Some(self.start(now, Reason::Mismatch))
    }

    /// Until when [`decide`](Self::decide) answers [`Decision::Use`], whatever else happens but a call to this schedule; `None` if
    /// it does not even now.
    pub(crate) fn settled_until(&self, now: Moment) -> Option<Moment> {
        let Usability::Until(end) = self.usability(now) else { return None };
        let next = match &self.running {
            Some(running) => running.fetch.starts_at.plus(LOST),
            None => self.next_fetch()?,
        };
        Some(end.earliest(next))
    }

    /// The request of fetch `number` is about to be made, unless this returns that the fetch was given up.
    pub(crate) fn on_begin(&mut self, number: u64, now: Moment) -> bool {
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
    pub(crate) fn on_unanswered(&mut self, number: u64) -> bool {
        let Some(running) = self.running(number) else { return false };
        running.is_unanswered = true;
        true
    }

    /// The fetch brought a document, or the news that it has not changed. Returns what becomes of it.
    ///
    /// A document without a usable key is an answer all the same: the keys before it are gone. It is asked for again as after a
    /// failure.
    ///
    /// A document that is older than the one that is held comes from a cache that has not heard of that. It brings no withdrawn
    /// key back, and takes no new one away, as long as the one that is held is fresh.
    pub(crate) fn on_fetched(&mut self, number: u64, document: &Document, now: Moment) -> Reception {
        let Some(began) = self.running(number).and_then(|running| running.began) else { return Reception::GivenUp };
        self.running = None;
        self.failed = None;
        let newer = self.held.filter(|held| !held.is_stale(now) && held.is_newer_than_document(began, document.age));
        self.is_outdated = newer.is_some();
        if let Some(held) = newer {
            let refresh_at = now.plus(held.lifetime / OUTDATED_REFRESH);
            self.held = Some(Held { refresh_at, ..held });
        } else {
            self.hold(began, document);
        }
        if self.held.is_some_and(|held| held.has_keys) {
            self.failures = 0;
            self.retry_at = None;
        } else {
            self.back_off(now);
        }
        if newer.is_some() { Reception::Outdated } else { Reception::Held }
    }

    /// The fetch brought nothing. Returns whether it counts.
    pub(crate) fn on_failed(&mut self, number: u64, now: Moment) -> bool {
        let Some(running) = self.running(number) else { return false };
        self.failed = running.began.or(self.failed);
        self.running = None;
        self.back_off(now);
        true
    }

    /// The fetch was not carried out to its end, through no fault of the issuer. It is no evidence. Returns whether it counts.
    pub(crate) fn on_cancelled(&mut self, number: u64, now: Moment) -> bool {
        let Some(running) = self.running(number) else { return false };
        let has_begun = running.began.is_some();
        self.running = None;
        // A program with a runtime for each call ends every refresh that it begins.
        if let Some(held) = self.held.as_mut().filter(|_| has_begun) {
            held.refresh_at = held.refresh_at.latest(now.plus(MIN_BACK_OFF));
        }
        true
    }

    /// How old the document at hand is, and how old it may become before it is stale.
    pub(crate) fn age(&self, now: Moment) -> Option<(Duration, Duration)> {
        self.held.map(|held| (now.since(held.began).saturating_add(held.age), held.lifetime.saturating_add(held.age)))
    }

    /// How long the document at hand is fresh from the start of its fetch.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        self.held.map(|held| held.lifetime)
    }

    /// Whether the keys at hand may be used.
    pub(crate) fn is_usable(&self, now: Moment) -> bool {
        matches!(self.usability(now), Usability::Until(_))
    }

    fn hold(&mut self, began: Moment, document: &Document) {
        let Document { lifetime, age, has_keys } = *document;
        let lifetime = lifetime.unwrap_or(DEFAULT_LIFETIME).clamp(MIN_LIFETIME, MAX_LIFETIME);
        let part = REFRESH_AT + REFRESH_JITTER * (2.0 * self.random.f64() - 1.0);
        let refresh_at = began.plus(lifetime.mul_f64(part));
        self.held = Some(Held { began, age, has_keys, lifetime, refresh_at, is_seed: false });
    }

    fn usability(&self, now: Moment) -> Usability {
        let Some(held) = self.held.filter(|held| held.has_keys) else { return Usability::No };
        let stale_at = held.stale_at();
        if !held.is_stale(now) {
            return Usability::Until(stale_at);
        }
        let unusable_at = stale_at.plus(GRACE);
        if now.has_reached(unusable_at) {
            return Usability::No;
        }
        match self.unreachable_until(now) {
            Some(end) => Usability::Until(unusable_at.earliest(end)),
            None => Usability::Unproven,
        }
    }

    /// How long the evidence lasts that the issuer cannot be reached; `None` if there is none that is fresh.
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
        match self.retry_in(now) {
            Duration::ZERO => Decision::Wait { start: Some(self.start(now, Reason::FirstKeys)), wait },
            retry_after => Decision::Unavailable { retry_after },
        }
    }

    fn wait_for_refresh(&mut self, now: Moment) -> Decision {
        let start = if self.is_running_by(now) {
            None
        } else {
            match self.retry_in(now) {
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
        let retry_in = self.retry_in(now);
        if retry_in > WORTH_WAITING {
            return Decision::Unavailable { retry_after: retry_in };
        }
        let next = self.unknown_keys.next(now.monotonic).saturating_duration_since(now.monotonic).max(retry_in);
        if next > WORTH_WAITING {
            return Decision::Busy { retry_after: next };
        }
        Decision::Wait { start: Some(self.start(now.plus(next), Reason::UnknownKey)), wait }
    }

    /// Whether a fetch runs, or should by now. One that is only to start later gives way.
    fn is_running_by(&self, now: Moment) -> bool {
        self.running.as_ref().is_some_and(|running| now.has_reached(running.fetch.starts_at))
    }

    fn start(&mut self, starts_at: Moment, reason: Reason) -> Fetch {
        self.numbers += 1;
        let bypass_caches = self.is_outdated || matches!(reason, Reason::UnknownKey | Reason::Mismatch);
        let fetch = Fetch { number: self.numbers, starts_at, bypass_caches };
        self.running = Some(Running { fetch, reason, began: None, is_unanswered: false });
        fetch
    }

    fn running(&mut self, number: u64) -> Option<&mut Running> {
        self.running.as_mut().filter(|running| running.fetch.number == number)
    }

    /// A runtime that nobody drives any more neither ends its fetch nor tells.
    fn give_up_lost(&mut self, now: Moment) {
        if self.running.as_ref().is_some_and(|running| now.has_reached(running.fetch.starts_at.plus(LOST))) {
            self.running = None;
        }
    }

    fn back_off(&mut self, now: Moment) {
        // 1 s, 2 s, 4 s … 64 s, of which 60 s are the most.
        let back_off = (MIN_BACK_OFF * (1 << self.failures.min(6))).min(MAX_BACK_OFF);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now.plus(back_off.mul_f64(1.0 - BACK_OFF_JITTER * self.random.f64())));
    }

    fn retry_in(&self, now: Moment) -> Duration {
        self.retry_at.map_or(Duration::ZERO, |at| now.until(at))
    }
}

impl Held {
    fn stale_at(&self) -> Moment {
        self.began.plus(self.lifetime)
    }

    fn is_stale(&self, now: Moment) -> bool {
        now.has_reached(self.stale_at())
    }

    /// Whether a document is as of an earlier time, if it was of this `age` when its fetch `began`.
    fn is_newer_than_document(&self, began: Moment, age: Duration) -> bool {
        let own_age = began.since(self.began).saturating_add(self.age);
        !self.is_seed && own_age.saturating_add(AGE_PRECISION) < age
    }

    /// Whether the document would have the token's key if there were one: it is as of a time after the token arrived, or as of a
    /// time after the token was issued, the leeway counted.
    fn is_newer_than(&self, TokenTimes { arrived, issued, leeway }: TokenTimes, now: Moment) -> bool {
        if self.is_seed {
            return false;
        }
        let after_arrival = arrived.checked_add(self.age).is_some_and(|at| self.began.monotonic >= at);
        // By its age and not by the time of day of its fetch, which may have been wrong then.
        let age = now.since(self.began).saturating_add(self.age).saturating_add(leeway);
        let after_issue = |issued: SystemTime| now.wall.duration_since(issued).is_ok_and(|passed| passed >= age);
        after_arrival || issued.is_some_and(after_issue)
    }
}

#[cfg(test)]
#[path = "schedule_model.rs"]
mod model;

#[cfg(test)]
#[path = "schedule_tables.rs"]
mod tables;
