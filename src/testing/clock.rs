use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::clock::Clock;

/// A clock that tests control.
///
/// Clones share one clock: give one to the server and keep another. The time of day moves only when it is told to;
/// the monotonic time, by which keys age, also follows tokio's clock, so that both a paused runtime and
/// [`advance`](Self::advance) move it.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<Mutex<Times>>);

#[derive(Debug)]
struct Times {
    now: SystemTime,
    ahead: Duration,
}

impl TestClock {
    /// A clock that starts at the system's time.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Times { now: SystemTime::now(), ahead: Duration::ZERO })))
    }

    /// Moves both times forward by `duration`.
    pub fn advance(&self, duration: Duration) {
        self.with(|times| {
            times.now += duration;
            times.ahead += duration;
        });
    }

    /// Sets the time of day. The monotonic time does not change.
    pub fn set(&self, now: SystemTime) {
        self.with(|times| times.now = now);
    }

    fn with<T>(&self, work: impl FnOnce(&mut Times) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        self.with(|times| times.now)
    }

    fn monotonic(&self) -> Instant {
        tokio::time::Instant::now().into_std() + self.with(|times| times.ahead)
    }
}
