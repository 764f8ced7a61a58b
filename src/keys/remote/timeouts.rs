use std::ops::RangeInclusive;
use std::time::Duration;

/// The time that connecting may take, by default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The time that one fetch may take in all, by default.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The least and the most that it may be set to.
const FETCH_TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(9);

/// How long connecting may take, and how long everything together may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    connect: Duration,
    total: Duration,
}

impl Timeouts {
    pub(crate) fn new(connect: Duration, total: Duration) -> Result<Self, InvalidTimeouts> {
        if !FETCH_TIMEOUTS.contains(&total) || connect.is_zero() || connect > total {
            return Err(InvalidTimeouts { connect, total });
        }
        Ok(Self { connect, total })
    }

    pub(crate) fn connect(self) -> Duration {
        self.connect
    }

    pub(crate) fn total(self) -> Duration {
        self.total
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: CONNECT_TIMEOUT, total: FETCH_TIMEOUT }
    }
}

/// The error of [`RemoteKeys::timeouts`](super::RemoteKeys::timeouts).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the timeouts are {connect:?} to connect and {total:?} in total, expected {:?} to {:?} in total and, to connect, above zero and at most the total",
    FETCH_TIMEOUTS.start(),
    FETCH_TIMEOUTS.end()
)]
#[non_exhaustive]
pub struct InvalidTimeouts {
    /// The timeout for connecting.
    pub connect: Duration,
    /// The timeout for the whole fetch.
    pub total: Duration,
}
