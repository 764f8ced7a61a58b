//! The source of time. No other module reads a clock.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A source of time.
///
/// The [default](SystemClock) is the system's clock; tests can use a [`TestClock`](crate::testing::TestClock) instead.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of time",
    label = "expected a `Clock`",
    note = "in a test, use `tower_bearer::testing::TestClock::new()` (feature `testing`)",
    note = "any other source is your own type with `impl tower_bearer::clock::Clock`"
)]
pub trait Clock: Send + Sync + 'static {
    /// The time of day, which `exp`, `nbf` and `iat` are compared with.
    fn now(&self) -> SystemTime;

    /// The monotonic time, which measures waits and back-offs.
    ///
    /// The age of keys is measured by both clocks, and the larger age is used: the time of day may be set back, and the
    /// monotonic time may stand still while a machine is suspended.
    fn monotonic(&self) -> Instant {
        // tokio's, so that a paused runtime's time is this time too.
        tokio::time::Instant::now().into_std()
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }

    fn monotonic(&self) -> Instant {
        (**self).monotonic()
    }
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A point in time by both clocks.
///
/// Neither clock alone tells how much time has passed: the time of day can be set back, and a monotonic clock may stand still
/// while the machine is suspended. So an age is the larger of two, and a deadline is reached when either clock reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) monotonic: Instant,
    pub(crate) wall: SystemTime,
}

impl Moment {
    pub(crate) fn of(clock: &dyn Clock) -> Self {
        Self { monotonic: clock.monotonic(), wall: clock.now() }
    }

    /// The time since `earlier`: the larger of the two clocks' differences.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        // An error means that the time of day was set back.
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        monotonic.max(wall)
    }

    /// The deadline that is `duration` later.
    pub(crate) fn plus(self, duration: Duration) -> Self {
        // If the time of day cannot be represented, the deadline counts as reached, which is the safe side.
        let wall = self.wall.checked_add(duration).unwrap_or(self.wall);
        Self { monotonic: self.monotonic + duration, wall }
    }

    /// Whether either clock has reached `deadline`.
    pub(crate) fn has_reached(self, deadline: Self) -> bool {
        self.monotonic >= deadline.monotonic || self.wall >= deadline.wall
    }

    /// How long it takes until `deadline` is reached; zero if it is.
    pub(crate) fn until(self, deadline: Self) -> Duration {
        let monotonic = deadline.monotonic.saturating_duration_since(self.monotonic);
        let wall = deadline.wall.duration_since(self.wall).unwrap_or_default();
        monotonic.min(wall)
    }

    /// The deadline that is reached when either of the two is.
    pub(crate) fn earliest(self, other: Self) -> Self {
        Self { monotonic: self.monotonic.min(other.monotonic), wall: self.wall.min(other.wall) }
    }

    /// The deadline that is reached when both are.
    pub(crate) fn latest(self, other: Self) -> Self {
        Self { monotonic: self.monotonic.max(other.monotonic), wall: self.wall.max(other.wall) }
    }
}

impl fmt::Debug for dyn Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dyn Clock")
    }
}
