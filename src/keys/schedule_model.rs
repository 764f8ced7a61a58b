//! The schedule against a naive model: one that keeps all of history and looks through it at every question.

use proptest::prelude::*;

use super::history::{Answer, Attempt, End, Expected, History, Seed};
use super::*;
use crate::clock::SystemClock;
use crate::keys::back_off::MAX_BACK_OFF;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Both clocks go on.
    Pass(Duration),
    /// The machine is suspended: only the time of day goes on.
    Suspend(Duration),
    /// The time of day is set back.
    SetBack(Duration),
    Decide,
    DecideUnknown {
        waited: Duration,
        issued_ago: Option<Duration>,
    },
    Mismatch,
    Refresh,
    Begin,
    Unanswered,
    Answer {
        lifetime: Option<Duration>,
        age: Duration,
        has_keys: bool,
    },
    Fail,
    Cancel,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let milliseconds = |range: std::ops::Range<u64>| range.prop_map(Duration::from_millis);
    let ages = prop_oneof![3 => Just(Duration::ZERO), 1 => milliseconds(0..100_000)];
    let step = prop_oneof![
        6 => milliseconds(0..3_000).prop_map(Step::Pass),
        2 => milliseconds(0..120_000).prop_map(Step::Pass),
        1 => milliseconds(0..8_000_000).prop_map(Step::Pass),
        1 => milliseconds(0..8_000_000).prop_map(Step::Suspend),
        1 => milliseconds(0..8_000_000).prop_map(Step::SetBack),
        8 => Just(Step::Decide),
        8 => (milliseconds(0..6_000), proptest::option::of(milliseconds(0..200_000)))
            .prop_map(|(waited, issued_ago)| Step::DecideUnknown { waited, issued_ago }),
        2 => Just(Step::Mismatch),
        2 => Just(Step::Refresh),
        6 => Just(Step::Begin),
        2 => Just(Step::Unanswered),
        6 => (proptest::option::of(milliseconds(0..10_000_000)), ages, proptest::bool::weighted(0.8))
            .prop_map(|(lifetime, age, has_keys)| Step::Answer { lifetime, age, has_keys }),
        3 => Just(Step::Fail),
        1 => Just(Step::Cancel),
    ];
    proptest::collection::vec(step, 1..300)
}

fn seeds() -> impl Strategy<Value = Seed> {
    let milliseconds = |range: std::ops::Range<u64>| range.prop_map(Duration::from_millis);
    let fetched = prop_oneof![-90_000_i64..1_000, 0..700_000_i64, 0..8_000_000_i64];
    (
        fetched,
        proptest::option::of(milliseconds(0..10_000_000)),
        milliseconds(0..100_000),
        proptest::bool::weighted(0.8),
    )
        .prop_map(|(fetched_ago, lifetime, age, has_keys)| Seed { fetched_ago, lifetime, age, has_keys })
}

const LEEWAY: Duration = Duration::from_secs(30);

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_schedule_decides_as_history_demands(
        seed in proptest::option::of(seeds()),
        steps in steps(),
        jitter in any::<u64>(),
    ) {
        let mut now = Moment::of(&SystemClock).plus(Duration::from_secs(1_000_000));
        let mut schedule = RefreshSchedule::new(now, jitter);
        let mut history = History::default();
        if let Some(seed) = seed {
            seed.apply(&mut schedule, &mut history, now)?;
            settled(&schedule, now)?;
        }
        for step in steps {
            match step {
                Step::Pass(duration) => { now = now.plus(duration); continue; }
                Step::Suspend(duration) => { now.wall += duration; continue; }
                Step::SetBack(duration) => { now.wall -= duration; continue; }
                // Only a question looks for what is lost.
                Step::Decide | Step::DecideUnknown { .. } | Step::Mismatch | Step::Refresh => history.forget_lost(now),
                _ => {}
            }
            take(step, &mut schedule, &mut history, now)?;
            settled(&schedule, now)?;
        }
    }
}

fn answered(
    has_keys: bool,
    schedule: &RefreshSchedule,
    history: &mut History,
    now: Moment,
) -> Result<(), TestCaseError> {
    if !has_keys {
        return backs_off(schedule, history, now);
    }
    history.failures_in_a_row = 0;
    history.retry_at = None;
    Ok(())
}

fn take(step: Step, schedule: &mut RefreshSchedule, history: &mut History, now: Moment) -> Result<(), TestCaseError> {
    match step {
        Step::Pass(_) | Step::Suspend(_) | Step::SetBack(_) => {}
        Step::Decide => {
            let expected = history.expected(now);
            let decision = schedule.decide(now);
            let due = history.open().is_none() && history.next_fetch().is_some_and(|at| now.has_reached(at));
            match expected {
                Expected::Usable if due => {
                    let Decision::UseAndRefresh(fetch) = decision else { return Err(unexpected(decision)) };
                    starts(fetch, now, history.is_outdated, schedule)?;
                    history.start(fetch, Reason::Age);
                }
                Expected::Usable => prop_assert_eq!(decision, Decision::Use),
                _ => waits(expected, decision, schedule, history, now)?,
            }
        }
        Step::DecideUnknown { waited, issued_ago } => {
            let expected = history.expected(now);
            let times = TokenTimes {
                arrived: now.monotonic.checked_sub(waited).unwrap(),
                issued: issued_ago.map(|ago| now.wall - ago),
                leeway: LEEWAY,
            };
            let decision = schedule.decide_unknown(times, now);
            if expected != Expected::Usable {
                waits(expected, decision, schedule, history, now)?;
            } else if history.proves_absence(waited, issued_ago, LEEWAY, now) {
                prop_assert_eq!(decision, Decision::Refuse);
            } else {
                waits_for_unknown(decision, schedule, history, now)?;
            }
        }
        Step::Mismatch => {
            let may = history.open().is_none()
                && history.retry_in(now).is_zero()
                && history.next_for_mismatch(now) == now.monotonic;
            let fetch = schedule.on_signature_mismatch(now);
            prop_assert_eq!(fetch.is_some(), may);
            if let Some(fetch) = fetch {
                starts(fetch, now, true, schedule)?;
                history.start(fetch, Reason::Mismatch);
            }
        }
        Step::Refresh => {
            let may = history.open().is_none() && history.next_fetch().is_some_and(|due| now.has_reached(due));
            let fetch = schedule.refresh(now);
            prop_assert_eq!(fetch.is_some(), may);
            if let Some(fetch) = fetch {
                history.start(fetch, Reason::Age);
            }
        }
        Step::Begin => begin(schedule, history, now)?,
        Step::Unanswered => {
            let Some(open) = history.attempts.last_mut().filter(|attempt| attempt.end == End::Open) else {
                return Ok(());
            };
            if open.began.is_some() {
                prop_assert!(schedule.on_unanswered(open.fetch.number));
                open.is_unanswered = true;
            }
        }
        Step::Answer { lifetime, age, has_keys } => {
            let Some(Attempt { began: Some(began), .. }) = history.open() else { return Ok(()) };
            let began = *began;
            let fetch = history.end(End::Other).unwrap();
            let document = Document { lifetime, age, has_keys };
            let reception = schedule.on_fetched(fetch.number, &document, now);
            prop_assert_eq!(schedule.on_fetched(fetch.number, &document, now), Reception::GivenUp, "once");
            let newer = history.answers.last().filter(|held| held.is_fresh_and_newer(began, age, now));
            prop_assert_eq!(reception, if newer.is_some() { Reception::Outdated } else { Reception::Held });
            history.is_outdated = newer.is_some();
            if let Some(held) = newer {
                // As if it had come again.
                let has_keys = held.has_keys;
                history.answers.push(Answer { refresh_at: now.plus(held.lifetime / OUTDATED_REFRESH), ..*held });
                return answered(has_keys, schedule, history, now);
            }
            let lifetime = lifetime.unwrap_or(DEFAULT_LIFETIME).clamp(MIN_LIFETIME, MAX_LIFETIME);
            let refresh_at = schedule.held.unwrap().refresh_at;
            prop_assert!(began.plus(lifetime.mul_f64(0.7 - 1e-9)).monotonic <= refresh_at.monotonic);
            prop_assert!(refresh_at.monotonic <= began.plus(lifetime.mul_f64(0.9 + 1e-9)).monotonic);
            history.answers.push(Answer { began, before: Duration::ZERO, lifetime, age, has_keys, refresh_at });
            answered(has_keys, schedule, history, now)?;
        }
        Step::Fail => {
            let Some(fetch) = history.end(End::Failed) else { return Ok(()) };
            prop_assert!(schedule.on_failed(fetch.number, now));
            prop_assert!(!schedule.on_failed(fetch.number, now), "once");
            backs_off(schedule, history, now)?;
        }
        Step::Cancel => {
            let Some(has_begun) = history.open().map(|open| open.began.is_some()) else { return Ok(()) };
            let fetch = history.end(End::Other).unwrap();
            prop_assert!(schedule.on_cancelled(fetch.number, now));
            prop_assert!(!schedule.on_cancelled(fetch.number, now), "once");
            if let Some(answer) = history.answers.last_mut().filter(|_| has_begun) {
                answer.refresh_at = answer.refresh_at.latest(now.plus(MIN_BACK_OFF));
            }
        }
    }
    Ok(())
}

fn begin(schedule: &mut RefreshSchedule, history: &mut History, now: Moment) -> Result<(), TestCaseError> {
    let Some(open) = history.open().filter(|open| open.began.is_none() && now.has_reached(open.fetch.starts_at)) else {
        return Ok(());
    };
    prop_assert!(schedule.on_begin(open.fetch.number, now));
    match open.reason {
        Reason::FirstKeys | Reason::UnknownKey if history.next_for_unknown(now) == now.monotonic => {
            history.unknown_keys.push(now.monotonic);
        }
        Reason::Mismatch => history.mismatches.push(now.monotonic),
        _ => {}
    }
    history.attempts.last_mut().unwrap().began = Some(now);
    Ok(())
}

/// For keys, or for a refresh.
fn waits(
    expected: Expected,
    decision: Decision,
    schedule: &RefreshSchedule,
    history: &mut History,
    now: Moment,
) -> Result<(), TestCaseError> {
    let runs = history.open().is_some_and(|open| now.has_reached(open.fetch.starts_at));
    let retry_in = history.retry_in(now);
    if !runs && !retry_in.is_zero() {
        let Decision::Unavailable { retry_after } = decision else { return Err(unexpected(decision)) };
        prop_assert!(retry_after.abs_diff(retry_in) < Duration::from_micros(1) && retry_after <= MAX_BACK_OFF);
        return Ok(());
    }
    let Decision::Wait { start, wait } = decision else { return Err(unexpected(decision)) };
    prop_assert_eq!(start.is_none(), runs);
    let reason = match (expected, wait) {
        (Expected::Unusable, Wait::Keys) => Reason::FirstKeys,
        (Expected::Unproven, Wait::Refresh) => Reason::Age,
        _ => return Err(unexpected(decision)),
    };
    if let Some(fetch) = start {
        starts(fetch, now, history.is_outdated, schedule)?;
        history.start(fetch, reason);
    }
    Ok(())
}

fn waits_for_unknown(
    decision: Decision,
    schedule: &RefreshSchedule,
    history: &mut History,
    now: Moment,
) -> Result<(), TestCaseError> {
    let retry_in = history.retry_in(now);
    let next = history.next_for_unknown(now).saturating_duration_since(now.monotonic).max(retry_in);
    match decision {
        Decision::Wait { start: None, wait: Wait::UnknownKey } => prop_assert!(history.open().is_some()),
        Decision::Unavailable { .. } => prop_assert!(history.open().is_none() && retry_in > WORTH_WAITING),
        Decision::Busy { retry_after } => {
            prop_assert!(history.open().is_none() && retry_in <= WORTH_WAITING && next > WORTH_WAITING);
            prop_assert!(retry_after <= UNKNOWN_KEY_INTERVAL && retry_after.abs_diff(next) < Duration::from_micros(1));
        }
        Decision::Wait { start: Some(fetch), wait: Wait::UnknownKey } => {
            prop_assert!(history.open().is_none() && next <= WORTH_WAITING);
            prop_assert!(now.until(fetch.starts_at).abs_diff(next) < Duration::from_micros(1));
            starts(fetch, fetch.starts_at, true, schedule)?;
            history.start(fetch, Reason::UnknownKey);
        }
        other => return Err(unexpected(other)),
    }
    Ok(())
}

fn starts(fetch: Fetch, at: Moment, bypasses: bool, schedule: &RefreshSchedule) -> Result<(), TestCaseError> {
    prop_assert_eq!(fetch, Fetch { number: schedule.numbers, starts_at: at, bypass_caches: bypasses });
    Ok(())
}

fn backs_off(schedule: &RefreshSchedule, history: &mut History, now: Moment) -> Result<(), TestCaseError> {
    let retry_at = schedule.back_off.ends_at.unwrap();
    let most = Duration::from_secs(2_u64.saturating_pow(history.failures_in_a_row).min(60));
    let back_off = retry_at.monotonic - now.monotonic;
    prop_assert!(back_off >= most.mul_f64(0.8 - 1e-9) && back_off <= most);
    history.failures_in_a_row += 1;
    history.retry_at = Some(retry_at);
    Ok(())
}

/// What a reader without the lock relies on.
fn settled(schedule: &RefreshSchedule, now: Moment) -> Result<(), TestCaseError> {
    let Some(until) = schedule.settled_until(now) else {
        prop_assert!(!schedule.is_usable(now));
        return Ok(());
    };
    prop_assert!(schedule.is_usable(now));
    for part in [0.0, 0.5, 0.999_999] {
        let at = now.plus(now.until(until).mul_f64(part));
        if !at.has_reached(until) {
            prop_assert_eq!(schedule.clone().decide(at), Decision::Use);
        }
    }
    Ok(())
}

fn unexpected(decision: Decision) -> TestCaseError {
    TestCaseError::fail(format!("unexpected: {decision:?}"))
}
