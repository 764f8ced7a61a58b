use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::Moment;

/// The time until which nothing has to be decided, readable without a lock: a deadline by both clocks.
///
/// The two halves are written one after the other. A reader that sees an old half and a new one has a deadline in which each half
/// was or is right.
pub(crate) struct SettledUntil {
    origin: Moment,
    /// In nanoseconds since the origin.
    monotonic: AtomicI64,
    /// In nanoseconds since the origin, negative if the time of day was set back.
    wall: AtomicI64,
}

impl SettledUntil {
    pub(crate) fn never(origin: Moment) -> Self {
        Self { origin, monotonic: AtomicI64::new(i64::MIN), wall: AtomicI64::new(i64::MIN) }
    }

    pub(crate) fn set(&self, until: Option<Moment>) {
        let (monotonic, wall) = until.map_or((i64::MIN, i64::MIN), |until| self.nanoseconds(until));
        self.monotonic.store(monotonic, Ordering::Release);
        self.wall.store(wall, Ordering::Release);
    }

    pub(crate) fn holds(&self, now: Moment) -> bool {
        let (monotonic, wall) = self.nanoseconds(now);
        monotonic < self.monotonic.load(Ordering::Acquire) && wall < self.wall.load(Ordering::Acquire)
    }

    fn nanoseconds(&self, at: Moment) -> (i64, i64) {
        let nanoseconds = |passed: Duration| i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX);
        let monotonic = nanoseconds(at.monotonic.saturating_duration_since(self.origin.monotonic));
        let wall = match at.wall.duration_since(self.origin.wall) {
            Ok(passed) => nanoseconds(passed),
            Err(before) => -nanoseconds(before.duration()),
        };
        (monotonic, wall)
    }
}
