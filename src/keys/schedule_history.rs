//! The naive model of the schedule: all of history, searched at every question.

use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::keys::held_document::AGE_PRECISION;

/// Everything that ever happened.
#[derive(Default)]
pub(super) struct History {
    /// The times of the fetches for which an attempt was left to be spent.
    pub(super) unknown_keys: Vec<Instant>,
    pub(super) mismatches: Vec<Instant>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) answers: Vec<Answer>,
    /// Those that came after the last answer with keys.
    pub(super) failures_in_a_row: u32,
    pub(super) retry_at: Option<Moment>,
    /// Whether the newest document came from a cache that lagged behind.
    pub(super) is_outdated: bool,
}

pub(super) struct Attempt {
    pub(super) fetch: Fetch,
    pub(super) reason: Reason,
    pub(super) began: Option<Moment>,
    pub(super) is_unanswered: bool,
    pub(super) end: End,
    /// How many answers there were when it failed.
    pub(super) answers_before: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Failed,
    Other,
}

pub(super) struct Answer {
    pub(super) began: Moment,
    /// How long before that an earlier process had fetched it.
    pub(super) before: Duration,
    pub(super) lifetime: Duration,
    pub(super) age: Duration,
    pub(super) has_keys: bool,
    /// When the schedule wants to refresh it.
    pub(super) refresh_at: Moment,
}

impl Answer {
    /// Whether a document of this age is as of an earlier time than this one, which is not stale.
    pub(super) fn is_fresh_and_newer(&self, began: Moment, document_age: Duration, now: Moment) -> bool {
        let is_fresh = age(self.began, now) + self.before < self.lifetime;
        is_fresh && age(self.began, began) + self.before + self.age + AGE_PRECISION < document_age
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Usable,
    Unproven,
    Unusable,
}

pub(super) fn passed(from: Moment, to: Moment) -> (f64, f64) {
    let monotonic = to.monotonic.saturating_duration_since(from.monotonic).as_secs_f64();
    let wall = match to.wall.duration_since(from.wall) {
        Ok(passed) => passed.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    };
    (monotonic, wall)
}

pub(super) fn age(from: Moment, to: Moment) -> Duration {
    let (monotonic, wall) = passed(from, to);
    Duration::from_secs_f64(monotonic.max(wall))
}

impl History {
    /// When one more attempt conforms, by the generic cell rate algorithm: another way to say what a token bucket does.
    pub(super) fn conforms_at(attempts: &[Instant], burst: u32, interval: Duration, now: Instant) -> Instant {
        let Some((first, others)) = attempts.split_first() else { return now };
        let due = others.iter().fold(*first + interval, |due, at| due.max(*at) + interval);
        due.checked_sub(interval * (burst - 1)).map_or(now, |due| now.max(due))
    }

    pub(super) fn next_for_unknown(&self, now: Moment) -> Instant {
        Self::conforms_at(&self.unknown_keys, UNKNOWN_KEY_BURST, UNKNOWN_KEY_INTERVAL, now.monotonic)
    }

    pub(super) fn next_for_mismatch(&self, now: Moment) -> Instant {
        Self::conforms_at(&self.mismatches, 1, MISMATCH_INTERVAL, now.monotonic)
    }

    pub(super) fn open(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| attempt.end == End::Open)
    }

    pub(super) fn start(&mut self, fetch: Fetch, reason: Reason) {
        let answers_before = self.answers.len();
        if let Some(superseded) = self.attempts.last_mut().filter(|attempt| attempt.end == End::Open) {
            superseded.end = End::Other;
        }
        self.attempts.push(Attempt {
            fetch,
            reason,
            began: None,
            is_unanswered: false,
            end: End::Open,
            answers_before,
        });
    }

    pub(super) fn end(&mut self, end: End) -> Option<Fetch> {
        let answers = self.answers.len();
        let open = self.attempts.last_mut().filter(|attempt| attempt.end == End::Open)?;
        open.end = end;
        open.answers_before = answers;
        Some(open.fetch)
    }

    pub(super) fn forget_lost(&mut self, now: Moment) {
        if self
            .open()
            .is_some_and(|open| age(open.fetch.starts_at, now) >= LOST && now.has_reached(open.fetch.starts_at))
        {
            self.end(End::Other);
        }
    }

    pub(super) fn retry_in(&self, now: Moment) -> Duration {
        self.retry_at.map_or(Duration::ZERO, |at| {
            let (monotonic, wall) = passed(now, at);
            let behind = at.monotonic <= now.monotonic;
            if behind { Duration::ZERO } else { Duration::from_secs_f64(monotonic.min(wall).max(0.0)) }
        })
    }

    pub(super) fn expected(&self, now: Moment) -> Expected {
        let Some(newest) = self.answers.last().filter(|answer| answer.has_keys) else { return Expected::Unusable };
        let old = age(newest.began, now) + newest.before;
        if old < newest.lifetime {
            return Expected::Usable;
        }
        if old >= newest.lifetime + GRACE {
            return Expected::Unusable;
        }
        let failed = self.attempts.iter().rev().find(|attempt| attempt.end == End::Failed && attempt.began.is_some());
        let is_evidence = |attempt: &Attempt| {
            attempt.answers_before == self.answers.len()
                && attempt.began.is_some_and(|began| age(began, now) < EVIDENCE)
        };
        let is_unanswered =
            |attempt: &Attempt| attempt.is_unanswered && attempt.began.is_some_and(|began| age(began, now) < LOST);
        if failed.is_some_and(is_evidence) || self.open().is_some_and(is_unanswered) {
            Expected::Usable
        } else {
            Expected::Unproven
        }
    }

    pub(super) fn next_fetch(&self) -> Option<Moment> {
        let refresh_at = self.answers.last().filter(|answer| answer.has_keys).map(|answer| answer.refresh_at);
        match (refresh_at, self.retry_at) {
            (Some(refresh_at), Some(retry_at)) => Some(refresh_at.latest(retry_at)),
            (refresh_at, retry_at) => refresh_at.or(retry_at),
        }
    }

    /// Whether the newest document proves that a key does not exist: it is as of after the arrival, or as of after the issue.
    pub(super) fn proves_absence(
        &self,
        waited: Duration,
        issued_ago: Option<Duration>,
        leeway: Duration,
        now: Moment,
    ) -> bool {
        let Some(newest) = self.answers.last() else { return false };
        let before = newest.before + newest.age;
        let document_ago = Duration::from_secs_f64(passed(newest.began, now).0) + before;
        document_ago <= waited
            || issued_ago.is_some_and(|issued_ago| issued_ago >= age(newest.began, now) + before + leeway)
    }
}

/// A document of an earlier process.
#[derive(Clone, Debug)]
pub(super) struct Seed {
    /// When it was fetched: so many milliseconds before the start, or after it if the time of day was set back.
    pub(super) fetched_ago: i64,
    pub(super) lifetime: Option<Duration>,
    pub(super) age: Duration,
    pub(super) has_keys: bool,
}

impl Seed {
    /// It counts as an answer of the time when it was fetched, unless it is too old or its time cannot be right.
    pub(super) fn apply(
        &self,
        schedule: &mut RefreshSchedule,
        history: &mut History,
        now: Moment,
    ) -> Result<(), TestCaseError> {
        let Seed { fetched_ago, lifetime, age, has_keys } = *self;
        let ago = Duration::from_millis(fetched_ago.unsigned_abs());
        let at = if fetched_ago < 0 { now.wall + ago } else { now.wall - ago };
        let seeded = schedule.seeded(now, &Document { lifetime, age, has_keys }, SeedAge::Fetched(at));
        let lifetime = lifetime.unwrap_or(DEFAULT_LIFETIME).clamp(MIN_LIFETIME, MAX_LIFETIME);
        let before = if fetched_ago < 0 { Duration::ZERO } else { ago };
        let is_used = if fetched_ago < 0 { ago <= Duration::from_secs(60) } else { ago < lifetime + GRACE };
        prop_assert_eq!(seeded.is_ok(), is_used);
        prop_assert_eq!(schedule.held.is_some(), is_used);
        if is_used {
            history.answers.push(Answer { began: now, before, lifetime, age, has_keys, refresh_at: now });
            prop_assert_eq!(schedule.age(now), Some((before + age, lifetime + age)));
        }
        Ok(())
    }
}
