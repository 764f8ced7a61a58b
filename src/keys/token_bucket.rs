use std::time::{Duration, Instant};

/// A token bucket: `burst` attempts at once, and one more after each `interval`.
///
/// An attempt is counted when it is made, whatever comes of it.
#[derive(Clone, Debug)]
pub(crate) struct TokenBucket {
    burst: u32,
    interval: Duration,
    left: u32,
    /// When the interval that brings the next attempt began. Without meaning while the bucket is full.
    since: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new(burst: u32, interval: Duration, now: Instant) -> Self {
        Self { burst, interval, left: burst, since: now }
    }

    /// When the next attempt may be made: `now`, or later.
    pub(crate) fn next(&mut self, now: Instant) -> Instant {
        let missing = self.burst - self.left;
        let passed = now.saturating_duration_since(self.since).as_nanos() / self.interval.as_nanos().max(1);
        let gained = u32::try_from(passed).unwrap_or(u32::MAX).min(missing);
        self.left += gained;
        self.since += self.interval * gained;
        if self.left > 0 { now } else { self.since + self.interval }
    }

    /// Counts an attempt that is made now, even if there is none left.
    pub(crate) fn take(&mut self, now: Instant) {
        self.next(now);
        if self.left == self.burst {
            self.since = now;
        }
        self.left = self.left.saturating_sub(1);
    }

    /// Counts an attempt if one may be made now, and returns whether it may.
    pub(crate) fn try_take(&mut self, now: Instant) -> bool {
        let may = self.next(now) <= now;
        if may {
            self.take(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of attempts that are let through when one is made every `pause` for `length`.
    fn attempts(burst: u32, interval: Duration, pause: Duration, length: Duration) -> u32 {
        let start = crate::clock::Clock::monotonic(&crate::clock::SystemClock);
        let mut bucket = TokenBucket::new(burst, interval, start);
        let mut now = start;
        let mut passed = 0;
        while now < start + length {
            passed += u32::from(bucket.try_take(now));
            now += pause;
        }
        passed
    }

    #[test]
    fn a_burst_and_then_one_an_interval() {
        let (second, millisecond) = (Duration::from_secs(1), Duration::from_millis(1));
        assert_eq!(attempts(2, 5 * second, second / 10, 60 * second), 2 + 11);
        assert_eq!(attempts(2, 5 * second, 6 * second, 60 * second), 10, "slower than the interval: all");
        assert_eq!(attempts(1000, millisecond, millisecond / 10, second), 1000 + 999);
    }
}
