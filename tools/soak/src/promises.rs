//! What the documentation of `keys` promises to an issuer, checked against what the issuer was asked for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::fetches::{Fetch, Log, Outcome};
use crate::oracle::{BACK_OFF, back_off};
use crate::realm::Realm;
use crate::slowness::Slowness;
use crate::timeline::Span;

/// How late a fetch may be on an idle machine.
const SLACK: Duration = Duration::from_secs(3);
/// For how long before that the machine may have been the reason.
const BEFORE: Duration = Duration::from_secs(15);
/// How many fetches for unknown keys may follow one another, and how often one more becomes possible.
const MISSES: (f64, f64) = (2.0, 5.0);
/// The same for bad signatures under a known key.
const SECOND_LOOKS: (f64, f64) = (1.0, 60.0);
/// The same for refreshes, at 70 % of the shortest lifetime at the earliest.
const REFRESHES: (f64, f64) = (1.0, 0.7 * 60.0);
/// When keys are refreshed at the latest, as a part of their lifetime.
const LATEST_REFRESH: f64 = 0.9;
/// How much shorter than stated a failing issuer may be left alone.
const BACK_OFF_JITTER: f64 = 0.2;

/// What one issuer was asked for, and what it should have been.
pub(crate) struct Account {
    pub(crate) fetches: usize,
    /// The most that there may have been.
    pub(crate) budget: usize,
    pub(crate) failures: usize,
    /// Promises that were not kept.
    pub(crate) broken: Vec<String>,
}

pub(crate) fn account(realm: &Realm, log: &Log, slowness: &Slowness, start: Instant, end: Instant) -> Account {
    let history = realm.history();
    let outcomes: Vec<_> = log.fetches.iter().map(|fetch| Outcome::of(*fetch, &history, slowness)).collect();
    let mut broken = Vec::new();
    broken.extend(within_budget(&outcomes));
    broken.extend(left_alone_after_failures(&outcomes));
    broken.extend(in_time(&outcomes, slowness, end));
    let failures = outcomes.iter().filter(|outcome| outcome.may_have_been_in_vain()).count();
    let mut by_promise = BTreeMap::<_, Vec<_>>::new();
    for (at, promise) in broken {
        by_promise.entry(promise).or_default().push(at);
    }
    let tell = |(promise, times): (_, Vec<Instant>)| {
        let first = times[0].saturating_duration_since(start).as_secs_f64();
        format!("{}: {promise}, {} times, first at {first:.3}", realm.name, times.len())
    };
    let broken = by_promise.into_iter().map(tell).collect();
    Account { fetches: log.keys(), budget: budget(end - start, failures), failures, broken }
}

/// So many fetches of the keys in so long, of which so many were in vain: each of those is followed by one more attempt.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
fn budget(length: Duration, failures: usize) -> usize {
    let of = |(burst, interval): (f64, f64)| burst + (length.as_secs_f64() / interval).floor();
    (of(MISSES) + of(SECOND_LOOKS) + of(REFRESHES)) as usize + failures
}

/// In every stretch of time.
fn within_budget(outcomes: &[Outcome]) -> Option<(Instant, &'static str)> {
    let keys: Vec<_> = outcomes.iter().filter(|outcome| outcome.fetch.endpoint == 1).collect();
    (0..keys.len()).find_map(|first| {
        let stretch = |last: usize| {
            let length = keys[last].fetch.arrived.to - keys[first].fetch.arrived.from;
            let failures = keys[first..=last].iter().filter(|outcome| outcome.may_have_been_in_vain()).count();
            last - first + 1 > budget(length, failures)
        };
        (first..keys.len())
            .any(stretch)
            .then(|| (keys[first].fetch.arrived.from, "more fetches from then on than there may be"))
    })
}

/// For as long as is stated, less the jitter, since the failure came about at the earliest.
fn left_alone_after_failures(outcomes: &[Outcome]) -> Vec<(Instant, &'static str)> {
    let (mut failures, mut free_at, mut is_found) = (0, None, false);
    let mut broken = Vec::new();
    for outcome in outcomes {
        let Fetch { arrived, .. } = outcome.fetch;
        if free_at.is_some_and(|free_at| arrived.to < free_at) {
            broken.push((arrived.to, "asked again before the failing issuer had been left alone for long enough"));
        }
        free_at = None;
        is_found |= outcome.fetch.endpoint == 1;
        if is_found && outcome.fetch.endpoint == 0 {
            // Whatever the metadata say, the same attempt goes on to the keys, where they were before if need be.
            continue;
        }
        if outcome.was_surely_in_vain() {
            free_at = Some(outcome.landed.from + back_off(failures).mul_f64(1.0 - BACK_OFF_JITTER));
            failures += 1;
        } else if outcome.may_have_brought_keys() {
            failures = 0;
        }
    }
    broken
}

/// Keys are refreshed in time without anybody asking, and after a failure as soon as the issuer need not be left alone.
fn in_time(outcomes: &[Outcome], slowness: &Slowness, end: Instant) -> Vec<(Instant, &'static str)> {
    let mut due: Option<Instant> = None;
    let mut refresh_at = None;
    let mut failures = 0;
    let mut broken = Vec::new();
    for (arrived, outcome) in
        outcomes.iter().map(|outcome| (outcome.fetch.arrived.from, Some(outcome))).chain([(end, None)])
    {
        let late = |due: Instant| {
            SLACK + slowness.during(Span { from: due.checked_sub(BEFORE).unwrap_or(due), to: due + SLACK })
        };
        if due.is_some_and(|due| arrived > due + late(due)) {
            broken.push((arrived, "not asked for in time"));
        }
        let Some(outcome) = outcome else { break };
        if outcome.surely_brought_keys() {
            failures = 0;
            refresh_at = Some(outcome.landed.to + outcome.lifetime[1].mul_f64(LATEST_REFRESH));
            due = refresh_at;
        } else if outcome.may_have_been_in_vain() {
            let retry_at = outcome.landed.to + back_off(failures).min(BACK_OFF[1]);
            failures += 1;
            if outcome.may_have_brought_keys() {
                refresh_at = refresh_at.max(Some(outcome.landed.to + outcome.lifetime[1].mul_f64(LATEST_REFRESH)));
            } else if outcome.surely_brought_a_set() {
                // There is nothing left that ages.
                refresh_at = None;
            }
            due = Some(refresh_at.map_or(retry_at, |refresh_at| refresh_at.max(retry_at)));
        }
    }
    broken
}
