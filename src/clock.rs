//! Where the time comes from: the only place that reads it.

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// A source of time.
///
/// The [default](SystemClock) is the system's; tests put [`TestClock`](crate::testing::TestClock) in its place.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, which tokens are judged by (`exp`, `nbf`, `iat`).
    fn now(&self) -> SystemTime;

    /// A time that never jumps, which the age of keys is measured by.
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

impl fmt::Debug for dyn Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dyn Clock")
    }
}
