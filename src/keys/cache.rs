//! The decisions about an issuer's keys: pure, without a clock and without I/O. [`KeyStore`](super::KeyStore) carries them
//! out.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long keys are fresh when the issuer does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// However short a lifetime the issuer states, a fleet must not ask more often.
const MIN_LIFETIME: Duration = Duration::from_secs(60);
/// However long a lifetime the issuer states, a withdrawn key must not live longer because a cache says so.
const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long past their lifetime keys are still used while the issuer is out of reach.
const STALE: Duration = Duration::from_secs(60 * 60);
/// The most that a failing issuer is left alone.
const MAX_BACK_OFF: Duration = Duration::from_secs(60);
/// How many fetches for unknown keys may follow one another at once …
const MISS_BURST: u32 = 2;
/// … and how often one more becomes possible.
const MISS_INTERVAL: Duration = Duration::from_secs(5);
/// How long a key name that was not found is known not to exist.
const ABSENT: Duration = Duration::from_secs(5);
/// How many such names are remembered.
const MAX_ABSENT: usize = 4096;
/// When a fetch that has not ended counts as lost. Longer than any fetch may take.
const OVERDUE: Duration = Duration::from_secs(10);

/// What to do about one lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The keys at hand answer it.
    Use,
    /// They do, and a fetch is due.
    UseAndRefresh(Flight),
    /// Only a fetch can tell: the one under way, or this new one.
    Wait(Option<Flight>),
    /// There is no such key.
    Refuse,
    /// There are no keys to tell by, and it is too early to ask again.
    Unavailable { retry_after: Duration },
}

/// A fetch to carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flight {
    pub(super) number: u64,
    pub(super) starts_at: Instant,
}

/// The state of one issuer's keys, as far as time is concerned.
pub(super) struct Cache {
    held: Option<Held>,
    /// The fetch under way, and when it began.
    flight: Option<(Flight, Option<Instant>)>,
    last_flight: u64,
    failures: u32,
    retry_at: Option<Instant>,
    misses: Bucket,
    absent: HashMap<Box<str>, Instant>,
}

/// Keys that were fetched.
struct Held {
    /// When their fetch began: they are no newer.
    as_of: Instant,
    lifetime: Duration,
}

impl Held {
    /// At four fifths of the lifetime, so that there is time to fail.
    fn refresh_at(&self) -> Instant {
        self.as_of + self.lifetime.mul_f64(0.8)
    }

    fn unusable_at(&self) -> Instant {
        self.as_of + self.lifetime + STALE
    }
}

impl Cache {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            held: None,
            flight: None,
            last_flight: 0,
            failures: 0,
            retry_at: None,
            misses: Bucket { left: MISS_BURST, counted_at: now },
            absent: HashMap::new(),
        }
    }

    /// Until when the keys at hand may be used without asking here again.
    pub(super) fn fresh_until(&self) -> Option<Instant> {
        self.held.as_ref().map(Held::refresh_at)
    }

    /// Decides about a token that `arrived` with `kid`, which is `known` if the keys at hand have it.
    pub(super) fn decide(&mut self, kid: Option<&str>, known: bool, arrived: Instant, now: Instant) -> Decision {
        if self.flight.is_some_and(|(flight, _)| now >= flight.starts_at + OVERDUE) {
            self.flight = None;
        }
        let Some(held) = self.held.as_ref().filter(|held| now < held.unusable_at()) else {
            return self.wait(now, now);
        };
        if known {
            let due = now >= held.refresh_at() && self.flight.is_none() && self.retry_in(now).is_zero();
            return if due { Decision::UseAndRefresh(self.start(now)) } else { Decision::Use };
        }
        if held.as_of >= arrived {
            self.remember_absent(kid, now);
            return Decision::Refuse;
        }
        if self.is_absent(kid, now) {
            return Decision::Refuse;
        }
        if self.flight.is_some() {
            return Decision::Wait(None);
        }
        let starts_at = self.misses.next(now);
        let decision = self.wait(starts_at, now);
        if matches!(decision, Decision::Wait(Some(_))) {
            self.misses.take(starts_at);
        }
        decision
    }

    /// The flight's request is about to be made.
    pub(super) fn began(&mut self, number: u64, now: Instant) {
        if let Some((_, began)) = self.flight_mut(number) {
            *began = Some(now);
        }
    }

    /// The flight brought keys, which the issuer says are fresh for `lifetime`; they `differ` from those held before.
    /// Returns whether they are to be used: not if the flight had been given up.
    pub(super) fn landed(&mut self, number: u64, lifetime: Option<Duration>, differ: bool) -> bool {
        let Some(as_of) = self.flight_mut(number).and_then(|(_, began)| *began) else { return false };
        let lifetime = lifetime.unwrap_or(DEFAULT_LIFETIME).clamp(MIN_LIFETIME, MAX_LIFETIME);
        self.held = Some(Held { as_of, lifetime });
        self.flight = None;
        self.failures = 0;
        self.retry_at = None;
        if differ {
            self.absent.clear();
        }
        true
    }

    /// The flight brought nothing: the issuer is left alone for 1 s, then 2 s, 4 s … 60 s.
    pub(super) fn failed(&mut self, number: u64, now: Instant) {
        if self.flight_mut(number).is_some() {
            self.flight = None;
            let back_off = Duration::from_secs(1 << self.failures.min(6)).min(MAX_BACK_OFF);
            self.failures = self.failures.saturating_add(1);
            self.retry_at = Some(now + back_off);
        }
    }

    /// The flight was never carried out, or not to its end, through no fault of the issuer.
    pub(super) fn abandoned(&mut self, number: u64) {
        if self.flight_mut(number).is_some() {
            self.flight = None;
        }
    }

    fn wait(&mut self, starts_at: Instant, now: Instant) -> Decision {
        if self.flight.is_some() {
            return Decision::Wait(None);
        }
        match self.retry_in(now) {
            Duration::ZERO => Decision::Wait(Some(self.start(starts_at))),
            retry_after => Decision::Unavailable { retry_after },
        }
    }

    fn start(&mut self, starts_at: Instant) -> Flight {
        self.last_flight += 1;
        let flight = Flight { number: self.last_flight, starts_at };
        self.flight = Some((flight, None));
        flight
    }

    fn flight_mut(&mut self, number: u64) -> Option<&mut (Flight, Option<Instant>)> {
        self.flight.as_mut().filter(|(flight, _)| flight.number == number)
    }

    fn retry_in(&self, now: Instant) -> Duration {
        self.retry_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    fn is_absent(&self, kid: Option<&str>, now: Instant) -> bool {
        kid.and_then(|kid| self.absent.get(kid)).is_some_and(|seen| now < *seen + ABSENT)
    }

    fn remember_absent(&mut self, kid: Option<&str>, now: Instant) {
        let Some(kid) = kid else { return };
        if self.absent.len() >= MAX_ABSENT {
            self.absent.retain(|_, seen| now < *seen + ABSENT);
        }
        // A full memory forgets the new name, not the old ones: whoever floods it pays with waiting.
        if self.absent.len() < MAX_ABSENT {
            self.absent.entry(kid.into()).or_insert(now);
        }
    }
}

/// What is left to spend on unknown keys, counted by attempt.
struct Bucket {
    left: u32,
    counted_at: Instant,
}

impl Bucket {
    /// When the next attempt may be made.
    fn next(&mut self, now: Instant) -> Instant {
        while self.left < MISS_BURST && now >= self.counted_at + MISS_INTERVAL {
            self.left += 1;
            self.counted_at += MISS_INTERVAL;
        }
        if self.left > 0 { now } else { self.counted_at + MISS_INTERVAL }
    }

    fn take(&mut self, at: Instant) {
        self.next(at);
        if self.left == MISS_BURST {
            self.counted_at = at;
        }
        self.left = self.left.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache, and a clock that counts seconds from its beginning.
    struct Story {
        cache: Cache,
        start: Instant,
    }

    impl Story {
        /// Keys of the default lifetime were fetched at 0.
        fn with_keys() -> Self {
            let start = Instant::now();
            let mut story = Self { cache: Cache::new(start), start };
            let flight = story.takes_off("a", 0);
            assert!(story.lands(flight, 0));
            story
        }

        fn at(&self, second: u64) -> Instant {
            self.start + Duration::from_secs(second)
        }

        fn decide(&mut self, kid: &str, known: bool, arrived: u64, now: u64) -> Decision {
            let (arrived, now) = (self.at(arrived), self.at(now));
            self.cache.decide(Some(kid), known, arrived, now)
        }

        #[track_caller]
        fn takes_off(&mut self, kid: &str, now: u64) -> Flight {
            match self.decide(kid, false, now, now) {
                Decision::Wait(Some(flight)) => flight,
                other => panic!("{other:?}"),
            }
        }

        fn lands(&mut self, flight: Flight, began: u64) -> bool {
            self.cache.began(flight.number, self.at(began));
            self.cache.landed(flight.number, None, false)
        }
    }

    #[test]
    fn i7_i10_what_their_age_means_for_a_known_key() {
        type Expected = fn(Decision) -> bool;
        let refresh: Expected = |decision| matches!(decision, Decision::UseAndRefresh(_));
        // 10 minutes, towards the end of which a refresh is due, and an hour on top.
        let rows: [(u64, Expected); 5] = [
            (0, |decision| decision == Decision::Use),
            (400, |decision| decision == Decision::Use),
            (560, refresh),
            (4199, refresh),
            (4200, |decision| matches!(decision, Decision::Wait(Some(_)))),
        ];
        for (age, expected) in rows {
            let decision = Story::with_keys().decide("a", true, age, age);
            assert!(expected(decision), "{age}: {decision:?}");
        }
    }

    /// The issuer may have published the key after it answered.
    #[test]
    fn i9_only_a_fetch_that_began_after_the_token_arrived_can_refuse_it() {
        for (arrived, began, refused) in [(100, 101, true), (100, 100, true), (101, 100, false)] {
            let mut story = Story::with_keys();
            let flight = story.takes_off("other", 100);
            assert_eq!(story.decide("x", false, arrived, 101), Decision::Wait(None));
            assert!(story.lands(flight, began));
            let decision = story.decide("x", false, arrived, 102);
            assert_eq!(decision == Decision::Refuse, refused, "{arrived} {began}: {decision:?}");
            assert_eq!(matches!(decision, Decision::Wait(Some(_))), !refused);
        }
    }

    #[test]
    fn i9_when_fetches_for_unknown_kids_may_begin() {
        // One after the other, each as soon as the one before it has landed; after a minute of rest, a burst of two.
        let mut story = Story::with_keys();
        let mut now = 100;
        for (number, starts_at) in [100, 100, 105, 110, 115, 175, 175, 180].into_iter().enumerate() {
            now = if number == 5 { 175 } else { now };
            let flight = story.takes_off(&format!("absent-{number}"), now);
            assert_eq!(flight.starts_at, story.at(starts_at), "{number}");
            // It began a second early, as it were, so that the next token is not refused by it.
            assert!(story.lands(flight, starts_at - 1));
            now = starts_at;
        }
    }

    #[test]
    fn a_flight_given_up_brings_nothing_any_more() {
        let mut story = Story::with_keys();
        let lost = story.takes_off("x", 100);
        assert_eq!(story.decide("x", false, 109, 109), Decision::Wait(None));
        let next = story.takes_off("x", 110);
        assert!(!story.lands(lost, 100), "its keys are older than those to come");
        story.cache.failed(lost.number, story.at(111));
        story.cache.abandoned(lost.number);
        assert_eq!(story.decide("x", false, 111, 111), Decision::Wait(None), "the next one is under way");
        assert!(story.lands(next, 110));
    }

    #[test]
    fn absent_names_are_remembered_in_bounded_number() {
        let mut story = Story::with_keys();
        for kid in 0..2 * MAX_ABSENT {
            // They arrived before the last fetch began.
            assert_eq!(story.decide(&format!("absent-{kid}"), false, 0, 100), Decision::Refuse);
        }
        assert_eq!(story.cache.absent.len(), MAX_ABSENT);
        assert_eq!(story.decide("absent-0", false, 101, 101), Decision::Refuse);
        // Later there is room again.
        assert_eq!(story.decide("late", false, 0, 106), Decision::Refuse);
        assert_eq!(story.cache.absent.len(), 1);
    }
}
