//! The decisions as tables.

use super::*;
use crate::clock::SystemClock;
use crate::keys::back_off::MAX_BACK_OFF;

/// A schedule, and clocks that count seconds from its beginning.
#[derive(Clone)]
struct Story {
    schedule: RefreshSchedule,
    start: Moment,
}

impl Story {
    /// Keys of the default lifetime were fetched at 0.
    fn with_keys() -> Self {
        Self::of_instance(0)
    }

    /// The same, of one instance of a fleet.
    fn of_instance(seed: u64) -> Self {
        let start = Moment::of(&SystemClock);
        let mut story = Self { schedule: RefreshSchedule::new(start, seed), start };
        let Decision::Wait { start: Some(fetch), wait: Wait::Keys } = story.decide(0) else { panic!("no keys") };
        assert!(story.is_answered(fetch, 0, 0));
        story
    }

    fn at(&self, second: u64) -> Moment {
        self.start.plus(Duration::from_secs(second))
    }

    fn decide(&mut self, now: u64) -> Decision {
        self.schedule.decide(self.at(now))
    }

    /// A token that arrived and was issued at these seconds.
    fn decide_unknown(&mut self, arrived: u64, issued: Option<u64>, now: u64) -> Decision {
        let issued = issued.map(|issued| self.at(issued).wall);
        let times = TokenTimes { arrived: self.at(arrived).monotonic, issued, leeway: Duration::from_secs(30) };
        self.schedule.decide_unknown(times, self.at(now))
    }

    #[track_caller]
    fn starts_for_unknown(&mut self, now: u64) -> Fetch {
        match self.decide_unknown(now, None, now) {
            Decision::Wait { start: Some(fetch), .. } => fetch,
            other => panic!("{other:?}"),
        }
    }

    fn is_answered(&mut self, fetch: Fetch, began: u64, age: u64) -> bool {
        let document = Document { lifetime: None, age: Duration::from_secs(age), has_keys: true };
        self.is_answered_with(fetch, began, &document)
    }

    fn is_answered_with(&mut self, fetch: Fetch, began: u64, document: &Document) -> bool {
        let began = self.at(began);
        let _ = self.schedule.on_begin(fetch.number, began);
        self.schedule.on_fetched(fetch.number, document, began) == Reception::Held
    }

    /// The refresh that is due fails at once.
    #[track_caller]
    fn fails(&mut self, now: u64) {
        let now = self.at(now);
        let fetch = self.schedule.refresh(now).expect("a refresh is due");
        assert!(self.schedule.on_begin(fetch.number, now) && self.schedule.on_failed(fetch.number, now));
    }
}

/// 10 minutes, towards the end of which a refresh is due, and an hour on top as long as the issuer is out of reach.
/// Rows I7, I10.
#[test]
fn what_their_age_means_for_a_known_key() {
    let is_use = |decision| decision == Decision::Use;
    let is_refresh = |decision| matches!(decision, Decision::UseAndRefresh(_));
    let is_wait = |decision, expected| matches!(decision, Decision::Wait { wait, .. } if wait == expected);
    let for_refresh = Wait::Refresh;
    assert!(is_use(Story::with_keys().decide(0)) && is_use(Story::with_keys().decide(400)));
    assert!(is_refresh(Story::with_keys().decide(560)));
    for unproven in [600, 4199] {
        assert!(is_wait(Story::with_keys().decide(unproven), for_refresh), "{unproven}");
    }
    assert!(is_wait(Story::with_keys().decide(4200), Wait::Keys));

    for failed in [600, 4100] {
        let mut story = Story::with_keys();
        story.fails(failed);
        assert!(is_use(story.decide(failed)), "{failed}");
        let decision = story.decide(failed + 74);
        assert!(is_refresh(decision), "{failed}: {decision:?}");
    }
    // What failed 75 seconds ago is no evidence any more, and neither is what failed before an answer.
    let mut story = Story::with_keys();
    story.fails(600);
    assert!(is_wait(story.decide(675), for_refresh));
    let mut story = Story::with_keys();
    story.fails(560);
    let fetch = story.schedule.refresh(story.at(562)).unwrap();
    assert!(story.is_answered(fetch, 562, 0));
    assert!(is_wait(story.decide(562 + 600), for_refresh));
}

#[test]
fn an_attempt_is_evidence_when_it_is_unanswered_for_a_second_and_not_when_it_is_cancelled_or_lost() {
    let mut story = Story::with_keys();
    let Decision::Wait { start: Some(fetch), .. } = story.decide(600) else { panic!("a refresh") };
    assert!(story.schedule.on_begin(fetch.number, story.at(600)));
    for waiting in [600, 601, 609] {
        assert!(matches!(story.decide(waiting), Decision::Wait { start: None, .. }), "{waiting}: no fetch was started");
    }
    assert!(story.schedule.on_unanswered(fetch.number));
    assert_eq!(story.decide(601), Decision::Use);
    assert_eq!(story.decide(609), Decision::Use);
    // A runtime that is not driven has shown nothing about the issuer.
    assert!(matches!(story.clone().decide(610), Decision::Wait { start: Some(_), .. }));
    assert!(story.schedule.on_cancelled(fetch.number, story.at(605)));
    assert!(matches!(story.decide(605), Decision::Wait { start: Some(_), .. }));
}

/// On a machine that was suspended, the monotonic clock is behind; on one whose time of day was set back, the time of day is.
#[test]
fn an_age_is_that_of_the_clock_that_says_more() {
    let suspended = |seconds| Moment { wall: Story::with_keys().at(seconds).wall, ..Story::with_keys().start };
    for (now, is_fresh) in [(suspended(590), true), (suspended(700), false)] {
        let mut story = Story::with_keys();
        let now = Moment { monotonic: story.start.monotonic, ..now };
        assert_eq!(matches!(story.schedule.decide(now), Decision::Wait { .. }), !is_fresh, "{now:?}");
    }
    let mut story = Story::with_keys();
    let set_back = Moment { wall: story.start.wall, ..story.at(700) };
    assert!(matches!(story.schedule.decide(set_back), Decision::Wait { .. }));
    // Evidence, too, is gone after a suspension, and so is the back-off.
    let mut story = Story::with_keys();
    story.fails(600);
    let resumed = Moment { wall: story.at(700).wall, ..story.at(600) };
    assert!(matches!(story.schedule.decide(resumed), Decision::Wait { start: Some(_), .. }));
}

/// All of them started together, and lost their issuer at the same moment.
/// Row I10.
#[test]
fn a_fleet_neither_refreshes_nor_returns_together() {
    type Time = fn(&mut Story) -> Moment;
    let refreshes: Time = |story| story.schedule.next_fetch().unwrap();
    let returns: Time = |story| {
        // Until the back-off is that of a minute.
        for _ in 0..7 {
            story.schedule.back_off.ends_at = None;
            let Decision::Wait { start: Some(fetch), .. } = story.decide(4300) else { panic!("no keys") };
            assert!(story.schedule.on_failed(fetch.number, story.at(4300)));
        }
        story.schedule.back_off.ends_at.unwrap()
    };
    for (time, from, to) in [(refreshes, 420, 540), (returns, 4348, 4360)] {
        let seconds = |seed| {
            let mut story = Story::of_instance(seed);
            (time(&mut story).monotonic - story.start.monotonic).as_secs_f64()
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

/// The issuer may have published the key after it answered, or a cache may have answered in its place.
/// Row I9.
#[test]
fn only_a_document_as_of_a_time_after_the_token_can_refuse_it() {
    // When the token arrived and was issued, when the fetch began, how old its document was then.
    let rows = [
        (100, None, 101, 0, true),
        (100, None, 100, 0, true),
        (101, None, 100, 0, false),
        (100, None, 102, 2, true),
        (100, None, 102, 3, false),
        // As of 100, and the leeway is 30 seconds.
        (101, Some(70), 100, 0, true),
        (101, Some(71), 100, 0, false),
        (101, Some(65), 105, 10, true),
        (101, Some(66), 105, 10, false),
        // Of the future: it counts as issued now.
        (101, Some(200), 100, 0, false),
    ];
    for row @ (arrived, issued, began, age, refused) in rows {
        let mut story = Story::with_keys();
        let fetch = story.starts_for_unknown(100);
        assert!(story.is_answered(fetch, began, age));
        let decision = story.decide_unknown(arrived, issued, 110);
        assert_eq!(decision == Decision::Refuse, refused, "{row:?}: {decision:?}");
        assert_eq!(matches!(decision, Decision::Wait { start: Some(_), .. }), !refused, "{row:?}");
    }
}

#[test]
fn a_time_of_day_that_was_wrong_during_a_fetch_refuses_no_new_key() {
    let mut story = Story::with_keys();
    let fetch = story.starts_for_unknown(100);
    let wrong = Moment { wall: story.at(3700).wall, ..story.at(100) };
    assert!(story.schedule.on_begin(fetch.number, wrong));
    let document = Document { lifetime: None, age: Duration::ZERO, has_keys: true };
    assert_eq!(story.schedule.on_fetched(fetch.number, &document, wrong), Reception::Held);
    let decision = story.decide_unknown(150, Some(150), 150);
    assert!(matches!(decision, Decision::Wait { .. }), "{decision:?}");
}

/// Row I9.
#[test]
fn when_fetches_for_unknown_kids_may_begin() {
    // When a token comes, and when the fetch for it begins: after a rest there is a burst of two again.
    let rows = [
        (100, Some(100)),
        (101, Some(101)),
        (102, None),
        (103, None),
        (104, Some(105)),
        (106, None),
        (109, Some(110)),
        (175, Some(175)),
        (176, Some(176)),
        (177, None),
        (179, Some(180)),
    ];
    let mut story = Story::with_keys();
    for (now, starts_at) in rows {
        match (story.decide_unknown(now, None, now), starts_at) {
            (Decision::Wait { start: Some(fetch), .. }, Some(starts_at)) => {
                assert_eq!(fetch.starts_at, story.at(starts_at), "{now}");
                assert!(fetch.bypass_caches && story.is_answered(fetch, starts_at, 0));
            }
            (Decision::Busy { retry_after }, None) => {
                assert!(retry_after > WORTH_WAITING && retry_after <= UNKNOWN_KEY_INTERVAL, "{now}: {retry_after:?}");
            }
            other => panic!("{now}: {other:?}"),
        }
    }
}

#[test]
fn a_document_without_usable_keys_withdraws_all_and_is_asked_for_again() {
    let mut story = Story::with_keys();
    let fetch = story.schedule.refresh(story.at(560)).unwrap();
    let document = Document { lifetime: Some(MAX_LIFETIME), age: Duration::ZERO, has_keys: false };
    assert!(story.is_answered_with(fetch, 560, &document));
    for decision in [story.decide(560), story.decide_unknown(0, Some(0), 560)] {
        let Decision::Unavailable { retry_after } = decision else { panic!("{decision:?}") };
        assert!(retry_after <= MIN_BACK_OFF);
    }
    // Whatever its lifetime.
    let mut now = 560;
    for _ in 0..10 {
        let retry_at = story.schedule.next_fetch().unwrap();
        let back_off = story.at(now).until(retry_at);
        assert!(back_off <= MAX_BACK_OFF, "{back_off:?}");
        now += 61;
        let fetch = story.schedule.refresh(story.at(now)).unwrap();
        assert!(story.is_answered_with(fetch, now, &document));
    }
}

#[test]
fn a_fetch_given_up_brings_nothing_any_more() {
    let mut story = Story::with_keys();
    let lost = story.starts_for_unknown(100);
    assert!(matches!(story.decide_unknown(109, None, 109), Decision::Wait { start: None, .. }));
    let next = story.starts_for_unknown(110);
    assert!(!story.is_answered(lost, 100, 0), "its keys are older than those to come");
    assert!(!story.schedule.on_failed(lost.number, story.at(111)));
    assert!(!story.schedule.on_cancelled(lost.number, story.at(111)));
    let decision = story.decide_unknown(111, None, 111);
    assert!(matches!(decision, Decision::Wait { start: None, .. }), "the next one runs: {decision:?}");
    assert!(story.is_answered(next, 110, 0));
}

#[test]
fn a_refresh_that_somebody_waits_for_does_not_wait_for_a_fetch_that_is_to_start_later() {
    let mut story = Story::with_keys();
    let later = story.schedule.start(story.at(602), Reason::UnknownKey);
    let Decision::Wait { start: Some(refresh), wait: Wait::Refresh } = story.decide(601) else {
        panic!("the keys are past their lifetime")
    };
    assert_eq!(refresh.starts_at, story.at(601));
    assert!(!story.schedule.on_begin(later.number, story.at(602)), "it gave way");
}

/// A source of the application's may say what it likes.
#[test]
fn a_document_of_any_age_can_be_decided_upon() {
    let mut story = Story::with_keys();
    let fetch = story.schedule.start(story.at(700), Reason::Age);
    let document = Document { lifetime: Some(Duration::MAX), age: Duration::MAX, has_keys: true };
    assert!(story.is_answered_with(fetch, 700, &document));
    assert!(matches!(story.decide_unknown(700, Some(0), 701), Decision::Wait { .. } | Decision::Busy { .. }));
    assert!(story.schedule.age(story.at(701)).is_some());
}

/// Requests read the time before they take the lock, so one may be late with an earlier time.
#[test]
fn a_fetch_that_has_begun_is_not_replaced_by_a_request_that_read_the_time_earlier() {
    let start = Moment::of(&SystemClock);
    let mut story = Story { schedule: RefreshSchedule::new(start, 0), start };
    let Decision::Wait { start: Some(fetch), .. } = story.decide(1) else { panic!("no keys") };
    assert!(story.schedule.on_begin(fetch.number, story.at(1)));
    assert_eq!(story.decide(0), Decision::Wait { start: None, wait: Wait::Keys });
    assert!(story.is_answered(fetch, 1, 0));
    // The same when keys have become too old.
    let Decision::Wait { start: Some(fetch), wait: Wait::Refresh } = story.decide(701) else { panic!("old keys") };
    assert!(story.schedule.on_begin(fetch.number, story.at(701)));
    assert_eq!(story.decide(700), Decision::Wait { start: None, wait: Wait::Refresh });
}

/// Keys that were compiled in say nothing about the keys of today.
#[test]
fn keys_that_were_known_beforehand_refuse_no_token_of_an_unknown_key() {
    let mut story = Story::with_keys();
    story.schedule = RefreshSchedule::new(story.start, 0);
    let document = Document { lifetime: None, age: Duration::ZERO, has_keys: true };
    story.schedule.seeded(story.start, &document, SeedAge::Unknown).unwrap();
    assert_eq!(story.decide(0), Decision::Use);
    let times = TokenTimes {
        arrived: story.at(100).monotonic,
        issued: story.start.wall.checked_sub(Duration::from_secs(1000)),
        leeway: Duration::from_secs(30),
    };
    let decision = story.schedule.decide_unknown(times, story.at(100));
    let Decision::Wait { start: Some(fetch), .. } = decision else { panic!("{decision:?}") };
    assert!(story.is_answered(fetch, 101, 0));
    assert_eq!(story.schedule.decide_unknown(times, story.at(101)), Decision::Refuse);
}

/// A cache on the way may have kept an answer for longer than it was true.
#[test]
fn an_older_document_replaces_a_newer_one_only_when_that_is_stale() {
    // When the fetch begins, and how old its document is then: the one that is held is as of 0.
    let rows =
        [(560, 500, true), (560, 560, true), (560, 561, true), (560, 562, false), (599, 700, false), (600, 700, true)];
    for row @ (began, age, is_held) in rows {
        let mut story = Story::with_keys();
        let fetch = story.schedule.start(story.at(began), Reason::Age);
        assert_eq!(story.is_answered(fetch, began, age), is_held, "{row:?}");
        if !is_held {
            let next = story.schedule.next_fetch().unwrap();
            assert_eq!(next, story.at(began + 60), "{row:?}: it is asked again, and not at once");
            assert_eq!(story.schedule.settled_until(story.at(began)), Some(next.earliest(story.at(600))), "{row:?}");
        }
    }
    // Keys that are gone are not back, and the issuer is not asked without a pause.
    let mut story = Story::with_keys();
    let fetch = story.schedule.refresh(story.at(560)).unwrap();
    assert!(story.is_answered_with(fetch, 560, &Document { lifetime: None, age: Duration::ZERO, has_keys: false }));
    let fetch = story.schedule.refresh(story.at(562)).unwrap();
    assert!(!story.is_answered(fetch, 562, 10));
    assert!(matches!(story.decide(562), Decision::Unavailable { .. }));
    assert!(!story.at(562).until(story.schedule.next_fetch().unwrap()).is_zero());
}
