use std::fmt;
use std::time::{Duration, SystemTime};

/// How far in the future a document may have been fetched by the time of day of this machine: clocks are corrected by seconds, and by
/// more only if they were wrong.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// What is known about the age of a document that an earlier process had.
#[derive(Clone, Copy, Debug)]
pub(super) enum SeedAge {
    Unknown,
    /// The time of day when its fetch began.
    Fetched(SystemTime),
}

/// Why a document of an earlier process is not used.
#[derive(Clone, Copy, Debug)]
pub(super) enum UnusableSeed {
    /// The time of day was or is wrong, or the document was changed.
    InTheFuture {
        by: Duration,
    },
    TooOld {
        fetched: Duration,
        limit: Duration,
    },
}

impl SeedAge {
    /// How long before `now` the fetch began, if that is known. It must be less than `limit`.
    pub(super) fn at(self, now: SystemTime, limit: Duration) -> Result<Option<Duration>, UnusableSeed> {
        let Self::Fetched(at) = self else { return Ok(None) };
        let fetched = match now.duration_since(at) {
            Ok(ago) => ago,
            Err(ahead) if ahead.duration() <= CLOCK_TOLERANCE => Duration::ZERO,
            Err(ahead) => return Err(UnusableSeed::InTheFuture { by: ahead.duration() }),
        };
        if fetched >= limit { Err(UnusableSeed::TooOld { fetched, limit }) } else { Ok(Some(fetched)) }
    }
}

impl fmt::Display for UnusableSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InTheFuture { by } => {
                let (by, most) = (by.as_secs(), CLOCK_TOLERANCE.as_secs());
                write!(f, "it was fetched {by} s in the future by this machine's clock, expected at most {most} s")
            }
            Self::TooOld { fetched, limit } => {
                let (fetched, limit) = (fetched.as_secs(), limit.as_secs());
                write!(f, "it was fetched {fetched} s ago, and keys are used for less than {limit} s")
            }
        }
    }
}
