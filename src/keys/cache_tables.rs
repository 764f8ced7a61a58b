//! The decisions as tables.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;

fn name(kid: &str) -> KeyName {
    let mut hasher = DefaultHasher::new();
    kid.hash(&mut hasher);
    hasher.finish()
}

/// A cache, and a clock that counts seconds from its beginning.
struct Story {
    cache: Cache,
    start: Instant,
}

impl Story {
    /// Keys of the default lifetime were fetched at 0.
    fn with_keys() -> Self {
        Self::of_instance(0)
    }

    /// The same, of one instance of a fleet.
    fn of_instance(seed: u64) -> Self {
        let start = Instant::now();
        let mut story = Self { cache: Cache::new(start, seed), start };
        let flight = story.takes_off("a", 0);
        assert!(story.lands(flight, 0));
        story
    }

    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    fn decide(&mut self, kid: &str, known: bool, arrived: u64, now: u64) -> Decision {
        let (arrived, now) = (self.at(arrived), self.at(now));
        self.cache.decide(name(kid), known, arrived, now)
    }

    #[track_caller]
    fn takes_off(&mut self, kid: &str, now: u64) -> Flight {
        match self.decide(kid, false, now, now) {
            Decision::Wait(Some(flight)) => flight,
            other => panic!("{other:?}"),
        }
    }

    fn lands(&mut self, flight: Flight, began: u64) -> bool {
        let _ = self.cache.began(flight.number, self.at(began));
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

/// All of them started together, and lost their issuer at the same moment.
#[test]
fn i10_a_fleet_neither_refreshes_nor_returns_together() {
    type Time = fn(&mut Story) -> Instant;
    let refreshes: Time = |story| story.cache.next_fetch().unwrap();
    let returns: Time = |story| {
        // Until the back-off is that of a minute.
        for _ in 0..7 {
            story.cache.retry_at = None;
            let flight = story.takes_off("x", 4300);
            assert!(story.cache.failed(flight.number, story.at(4300)));
        }
        story.cache.retry_at.unwrap()
    };
    for (time, from, to) in [(refreshes, 420, 540), (returns, 4348, 4360)] {
        let seconds = |seed| {
            let mut story = Story::of_instance(seed);
            (time(&mut story) - story.start).as_secs_f64()
        };
        let times: Vec<f64> = (0..100).map(seconds).collect();
        for tenth in 0..10 {
            let start = f64::from(from) + f64::from((to - from) * tenth) / 10.0;
            let end = start + f64::from(to - from) / 10.0;
            let count = times.iter().filter(|time| (start..end).contains(time)).count();
            assert!((1..=30).contains(&count), "{count} of 100 from {start} to {end}");
        }
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
    // When a token comes, and when the fetch for it begins: after a minute of rest there is a burst of two again.
    let rows = [(100, 100), (101, 101), (102, 105), (106, 110), (111, 115), (175, 175), (176, 176), (177, 180)];
    let mut story = Story::with_keys();
    for (number, (now, starts_at)) in rows.into_iter().enumerate() {
        let flight = story.takes_off(&format!("absent-{number}"), now);
        assert_eq!(flight.starts_at, story.at(starts_at), "{number}");
        assert!(story.lands(flight, starts_at));
    }
}

#[test]
fn a_flight_given_up_brings_nothing_any_more() {
    let mut story = Story::with_keys();
    let lost = story.takes_off("x", 100);
    assert_eq!(story.decide("x", false, 109, 109), Decision::Wait(None));
    let next = story.takes_off("x", 110);
    assert!(!story.lands(lost, 100), "its keys are older than those to come");
    assert!(!story.cache.failed(lost.number, story.at(111)));
    assert!(!story.cache.abandoned(lost.number, story.at(111)));
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
    assert_eq!(story.cache.absent.until.len(), MAX_ABSENT);
    // The newest are kept: they are the ones that will be asked for again.
    let newest = format!("absent-{}", 2 * MAX_ABSENT - 1);
    assert_eq!(story.decide(&newest, false, 101, 101), Decision::Refuse);
    assert!(matches!(story.decide("absent-0", false, 101, 101), Decision::Wait(_)));
    // Later there is room again.
    assert_eq!(story.decide("late", false, 0, 106), Decision::Refuse);
    assert_eq!(story.cache.absent.until.len(), 1);
}
