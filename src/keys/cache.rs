//! The decisions about one issuer's keys: pure, without a clock, without I/O and without keys.
//! [`KeyStore`](super::KeyStore) carries them out.
//!
//! There is at most one fetch at a time. It may be due at once or at a time to come, and it ends in one of three ways: it
//! [lands](Cache::landed), it [fails](Cache::failed), or it is [abandoned](Cache::abandoned) because whoever was to carry
//! it out is gone.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long keys are fresh when the issuer does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// However short a lifetime the issuer states, a fleet must not ask more often.
const MIN_LIFETIME: Duration = Duration::from_secs(60);
/// However long a lifetime the issuer states, a withdrawn key must not live longer because a cache says so.
const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long past their lifetime keys are still used while the issuer is out of reach.
const STALE: Duration = Duration::from_secs(60 * 60);
/// The part of the lifetime after which keys are refreshed: four fifths, so that there is time to fail …
const REFRESH_AT: f64 = 0.8;
/// … give or take a tenth of the lifetime, so that a fleet that started together does not ask together.
const REFRESH_JITTER: f64 = 0.1;
/// How long a failing issuer is left alone at first. It doubles with every failure in a row …
const MIN_BACK_OFF: Duration = Duration::from_secs(1);
/// … up to this …
const MAX_BACK_OFF: Duration = Duration::from_secs(60);
/// … less up to a fifth, so that a fleet does not return together.
const BACK_OFF_JITTER: f64 = 0.2;
/// How many fetches for unknown keys may follow one another at once …
const MISS_BURST: u32 = 2;
/// … and how often one more becomes possible.
const MISS_INTERVAL: Duration = Duration::from_secs(5);
/// How long a key name that was not found is known not to exist.
const ABSENT: Duration = Duration::from_secs(5);
/// How many such names are remembered.
const MAX_ABSENT: usize = 4096;
/// How often a bad signature under a known name may be taken for a new key under that name.
const SECOND_LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// When a fetch that has not ended counts as lost. Longer than any fetch may take.
const OVERDUE: Duration = Duration::from_secs(10);

/// A key name, or what stands for it: the machine only compares.
pub(crate) type KeyName = u64;

/// What to do about one lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The keys at hand answer it.
    Use,
    /// They do, and a fetch is due.
    UseAndRefresh(Flight),
    /// Only a fetch can tell: the one under way, or this new one.
    Wait(Option<Flight>),
    /// There is no such key.
    Refuse,
    /// There are no keys to tell by, and it is too early to ask again.
    Unavailable {
        /// When it no longer is.
        retry_after: Duration,
    },
}

/// A fetch to carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    pub(crate) number: u64,
    pub(crate) starts_at: Instant,
}

/// The state of one issuer's keys, as far as time is concerned.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Cache {
    held: Option<Held>,
    under_way: Option<UnderWay>,
    flights: u64,
    failures: u32,
    /// Until then the issuer is left alone.
    retry_at: Option<Instant>,
    misses: Bucket,
    second_looks: Bucket,
    absent: Absent,
    random: fastrand::Rng,
}

/// Keys that were fetched.
#[derive(Clone, Copy)]
struct Held {
    /// When their fetch began: they are no newer.
    as_of: Instant,
    lifetime: Duration,
    refresh_at: Instant,
}

impl Held {
    fn unusable_at(&self) -> Instant {
        self.as_of + self.lifetime + STALE
    }
}

#[cfg_attr(test, derive(Clone))]
struct UnderWay {
    flight: Flight,
    budget: Budget,
    began: Option<Instant>,
}

/// What a fetch is counted against, when it is made.
#[derive(Clone, Copy)]
enum Budget {
    Misses,
    SecondLooks,
    /// Keys age whether or not anybody asks.
    None,
}

impl Cache {
    /// A state without keys. `seed` decides the jitter and nothing else.
    pub(crate) fn new(now: Instant, seed: u64) -> Self {
        Self {
            held: None,
            under_way: None,
            flights: 0,
            failures: 0,
            retry_at: None,
            misses: Bucket::new(MISS_BURST, MISS_INTERVAL, now),
            second_looks: Bucket::new(1, SECOND_LOOK_INTERVAL, now),
            absent: Absent::default(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// The keys were known beforehand.
    pub(crate) fn seeded(&mut self, now: Instant) {
        self.hold(now, None);
    }

    /// Decides about a token that `arrived` with a key name, `known` to the keys at hand or not.
    pub(crate) fn decide(&mut self, name: KeyName, known: bool, arrived: Instant, now: Instant) -> Decision {
        self.give_up_overdue(now);
        let Some(held) = self.usable(now) else {
            // Counted as a miss, but not held up by misses: nothing can be judged before it.
            return self.wait(now, now);
        };
        if known {
            return self.refresh(now).map_or(Decision::Use, Decision::UseAndRefresh);
        }
        if held.as_of >= arrived {
            // A fetch that began after the token came did not find it.
            self.absent.remember(name, now);
            return Decision::Refuse;
        }
        if self.absent.contains(name, now) {
            return Decision::Refuse;
        }
        let starts_at = self.misses.next(now);
        self.wait(starts_at, now)
    }

    /// The refresh that is due, if one is.
    pub(crate) fn refresh(&mut self, now: Instant) -> Option<Flight> {
        self.give_up_overdue(now);
        let due = self.next_fetch().is_some_and(|at| now >= at);
        due.then(|| self.start(now, Budget::None))
    }

    /// When the next fetch is due if nobody asks before: of keys that age, or after a failure. `None` while one is under
    /// way, and before the first.
    pub(crate) fn next_fetch(&self) -> Option<Instant> {
        match (&self.under_way, &self.held, self.retry_at) {
            (Some(_), _, _) | (None, None, None) => None,
            (None, None, Some(retry_at)) => Some(retry_at),
            (None, Some(held), None) => Some(held.refresh_at),
            (None, Some(held), Some(retry_at)) => Some(held.refresh_at.max(retry_at)),
        }
    }

    /// A signature did not fit its key: the one fetch a minute that finds out whether the issuer reuses the name for a new
    /// key. Nobody waits for it.
    pub(crate) fn second_look(&mut self, now: Instant) -> Option<Flight> {
        self.give_up_overdue(now);
        let idle = self.under_way.is_none() && self.retry_in(now).is_zero();
        if !idle || self.second_looks.next(now) > now {
            return None;
        }
        Some(self.start(now, Budget::SecondLooks))
    }

    /// Until when a lookup of a known key name is answered with [`Decision::Use`], whatever else happens but a call to this
    /// machine; `None` if it is not even now. Never `now` itself, which others may not have reached yet.
    pub(crate) fn settled_until(&self, now: Instant) -> Option<Instant> {
        let held = self.usable(now)?;
        let next = match &self.under_way {
            Some(UnderWay { flight, .. }) => flight.starts_at + OVERDUE,
            None => self.next_fetch()?,
        };
        Some(next.min(held.unusable_at()))
    }

    /// The flight's request is about to be made, unless this returns that the flight had been given up.
    pub(crate) fn began(&mut self, number: u64, now: Instant) -> bool {
        let Some(under_way) = self.under_way(number) else { return false };
        under_way.began = Some(now);
        match under_way.budget {
            Budget::Misses => self.misses.take(now),
            Budget::SecondLooks => self.second_looks.take(now),
            Budget::None => {}
        }
        true
    }

    /// The flight brought keys, or the news that they are what they were, fresh for `lifetime` if the issuer says so;
    /// `changed` tells which. Returns whether it counts: not if the flight had been given up.
    pub(crate) fn landed(&mut self, number: u64, lifetime: Option<Duration>, changed: bool) -> bool {
        let Some(as_of) = self.under_way(number).and_then(|under_way| under_way.began) else { return false };
        self.hold(as_of, lifetime);
        self.under_way = None;
        self.failures = 0;
        self.retry_at = None;
        if changed {
            self.absent.clear();
        }
        true
    }

    /// The flight brought nothing. Returns whether it counts.
    pub(crate) fn failed(&mut self, number: u64, now: Instant) -> bool {
        if self.under_way(number).is_none() {
            return false;
        }
        self.under_way = None;
        // 1 s, 2 s, 4 s … 64 s, of which 60 s are the most.
        let back_off = (MIN_BACK_OFF * (1 << self.failures.min(6))).min(MAX_BACK_OFF);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now + back_off.mul_f64(1.0 - BACK_OFF_JITTER * self.random.f64()));
        true
    }

    /// The flight was never carried out, or not to its end, through no fault of the issuer. Returns whether it counts.
    pub(crate) fn abandoned(&mut self, number: u64, now: Instant) -> bool {
        if self.under_way(number).is_none() {
            return false;
        }
        let began = self.under_way.take().and_then(|under_way| under_way.began);
        // A program with a runtime for each call ends every refresh that it begins.
        if let (Some(_), Some(held)) = (began, &mut self.held) {
            held.refresh_at = held.refresh_at.max(now + MIN_BACK_OFF);
        }
        true
    }

    /// How old the keys at hand are, and how long they are fresh.
    pub(crate) fn age(&self, now: Instant) -> Option<(Duration, Duration)> {
        self.held.map(|held| (now.saturating_duration_since(held.as_of), held.lifetime))
    }

    /// Whether the keys at hand may be used.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        self.usable(now).is_some()
    }

    fn hold(&mut self, as_of: Instant, lifetime: Option<Duration>) {
        let lifetime = lifetime.unwrap_or(DEFAULT_LIFETIME).clamp(MIN_LIFETIME, MAX_LIFETIME);
        let part = REFRESH_AT + REFRESH_JITTER * (2.0 * self.random.f64() - 1.0);
        self.held = Some(Held { as_of, lifetime, refresh_at: as_of + lifetime.mul_f64(part) });
    }

    fn usable(&self, now: Instant) -> Option<Held> {
        self.held.filter(|held| now < held.unusable_at())
    }

    fn wait(&mut self, starts_at: Instant, now: Instant) -> Decision {
        if self.under_way.is_some() {
            return Decision::Wait(None);
        }
        match self.retry_in(now) {
            Duration::ZERO => Decision::Wait(Some(self.start(starts_at, Budget::Misses))),
            retry_after => Decision::Unavailable { retry_after },
        }
    }

    fn start(&mut self, starts_at: Instant, budget: Budget) -> Flight {
        self.flights += 1;
        let flight = Flight { number: self.flights, starts_at };
        self.under_way = Some(UnderWay { flight, budget, began: None });
        flight
    }

    fn under_way(&mut self, number: u64) -> Option<&mut UnderWay> {
        self.under_way.as_mut().filter(|under_way| under_way.flight.number == number)
    }

    /// A runtime that nobody drives any more neither ends its fetch nor tells.
    fn give_up_overdue(&mut self, now: Instant) {
        if self.under_way.as_ref().is_some_and(|under_way| now >= under_way.flight.starts_at + OVERDUE) {
            self.under_way = None;
        }
    }

    fn retry_in(&self, now: Instant) -> Duration {
        self.retry_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }
}

/// So many at once, and one more every so often: counted by attempt, whatever comes of it.
#[cfg_attr(test, derive(Clone))]
struct Bucket {
    size: u32,
    interval: Duration,
    left: u32,
    /// When the one that is now being waited for started to be.
    since: Instant,
}

impl Bucket {
    fn new(size: u32, interval: Duration, now: Instant) -> Self {
        Self { size, interval, left: size, since: now }
    }

    /// When the next attempt may be made.
    fn next(&mut self, now: Instant) -> Instant {
        while self.left < self.size && now >= self.since + self.interval {
            self.left += 1;
            self.since += self.interval;
        }
        if self.left > 0 { now } else { self.since + self.interval }
    }

    /// Counts an attempt that is made now.
    fn take(&mut self, now: Instant) {
        self.next(now);
        if self.left == self.size {
            self.since = now;
        }
        self.left = self.left.saturating_sub(1);
    }
}

/// Names that were looked for and not found, each for [`ABSENT`], and no more of them than [`MAX_ABSENT`].
#[cfg_attr(test, derive(Clone))]
#[derive(Default)]
struct Absent {
    until: HashMap<KeyName, Instant>,
    /// The same, in the order in which they end.
    ends: VecDeque<(Instant, KeyName)>,
}

impl Absent {
    fn contains(&self, name: KeyName, now: Instant) -> bool {
        self.until.get(&name).is_some_and(|until| now < *until)
    }

    fn remember(&mut self, name: KeyName, now: Instant) {
        while let Some(&(until, oldest)) = self.ends.front()
            && (now >= until || self.ends.len() >= MAX_ABSENT)
        {
            self.ends.pop_front();
            self.until.remove(&oldest);
        }
        if let Entry::Vacant(entry) = self.until.entry(name) {
            entry.insert(now + ABSENT);
            self.ends.push_back((now + ABSENT, name));
        }
    }

    fn clear(&mut self) {
        self.until.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
#[path = "cache_model.rs"]
mod model;

#[cfg(test)]
#[path = "cache_tables.rs"]
mod tables;
