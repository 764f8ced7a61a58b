use std::time::{Duration, SystemTime};

use super::decision::TokenTimes;
use crate::clock::Moment;

/// The apparent difference that rounding to whole seconds can make between two ages.
pub(super) const AGE_PRECISION: Duration = Duration::from_secs(1);

/// The document that is held, as far as time is concerned.
#[derive(Clone, Copy)]
pub(super) struct HeldDocument {
    /// When its fetch began; or when this process took it over from an earlier one.
    pub(super) began: Moment,
    /// How long before `began` the earlier process had begun the fetch, and zero for a fetch of this process. The monotonic clock of
    /// the earlier process may have started at another time, so there is no [`Moment`] for it.
    pub(super) before: Duration,
    /// How old it was at `began`.
    pub(super) age: Duration,
    pub(super) has_keys: bool,
    /// From the start of its fetch on.
    pub(super) lifetime: Duration,
    pub(super) refresh_at: Moment,
    /// It was known before the first fetch, and its age is unknown.
    pub(super) is_seed: bool,
}

impl HeldDocument {
    pub(super) fn stale_at(&self) -> Moment {
        self.after_fetch(self.lifetime)
    }

    /// When `duration` has passed since the start of its fetch; `began`, if that was earlier.
    pub(super) fn after_fetch(&self, duration: Duration) -> Moment {
        self.began.plus(duration.saturating_sub(self.before))
    }

    pub(super) fn is_stale(&self, now: Moment) -> bool {
        now.has_reached(self.stale_at())
    }

    /// How old it is.
    pub(super) fn age_at(&self, now: Moment) -> Duration {
        now.since(self.began).saturating_add(self.age)
    }

    /// How old it was when its fetch began.
    pub(super) fn age_at_fetch(&self) -> Duration {
        self.age.saturating_sub(self.before)
    }

    /// The age at which it becomes stale.
    pub(super) fn stale_age(&self) -> Duration {
        self.age_at_fetch().saturating_add(self.lifetime)
    }

    /// Whether this document is newer than another that was of this `age` when its fetch `began`.
    pub(super) fn is_newer_than_document(&self, began: Moment, age: Duration) -> bool {
        let own_age = self.age_at(began);
        !self.is_seed && own_age.saturating_add(AGE_PRECISION) < age
    }

    /// Whether this document is newer than the token, so that it would have the token's key if there were one: it is as of a time
    /// after the token arrived, or after it was issued and the leeway had passed.
    pub(super) fn is_newer_than(&self, TokenTimes { arrived, issued, leeway }: TokenTimes, now: Moment) -> bool {
        if self.is_seed {
            return false;
        }
        let after_arrival = arrived.checked_add(self.age).is_some_and(|at| self.began.monotonic >= at);
        // By its age and not by the time of day of its fetch, which may have been wrong then.
        let age = self.age_at(now).saturating_add(leeway);
        let after_issue = |issued: SystemTime| now.wall.duration_since(issued).is_ok_and(|passed| passed >= age);
        after_arrival || issued.is_some_and(after_issue)
    }
}
