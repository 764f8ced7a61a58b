use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::clock::Moment;

/// How many seconds a bucket lasts. Its entries are removed together.
const BUCKET: u32 = 60;

/// A time by both clocks, in whole seconds, such as the end of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    since_1970: u32,
    since_start: u32,
}

impl End {
    pub(super) fn at(now: Moment, start: Instant) -> Self {
        let since_1970 = now.wall.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let since_start = now.monotonic.saturating_duration_since(start).as_secs();
        Self { since_1970: whole(since_1970), since_start: whole(since_start) }
    }

    /// Rounded up, so that no entry ends too early: both the time and `left` lose a part of a second.
    pub(super) fn plus(self, left: Duration) -> Self {
        let left = whole(left.as_secs().saturating_add(2));
        Self { since_1970: self.since_1970.saturating_add(left), since_start: self.since_start.saturating_add(left) }
    }

    pub(super) fn latest(self, other: Self) -> Self {
        Self { since_1970: self.since_1970.max(other.since_1970), since_start: self.since_start.max(other.since_start) }
    }

    /// By the monotonic time: a time of day that was set forward for a while must not put entries where nobody looks for years.
    pub(super) fn bucket(self) -> u32 {
        self.since_start / BUCKET
    }
}

/// Seconds in 32 bits, which suffice until 2106.
fn whole(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
