use std::time::{Duration, SystemTime};

use super::decision::TokenTimes;
use crate::clock::Moment;

/// The apparent difference that rounding to whole seconds can make between two ages.
pub(super) const AGE_PRECISION: Duration = Duration::from_secs(1);

/// The document that is held, as far as time is concerned.
#[derive(Clone, Copy)]
pub(super) struct HeldDocument {
    /// When its fetch began.
    pub(super) began: Moment,
    /// How old it was then.
    pub(super) age: Duration,
    pub(super) has_keys: bool,
    /// From `began` on.
    pub(super) lifetime: Duration,
    pub(super) refresh_at: Moment,
    /// It was known before the first fetch, so its age is unknown.
    pub(super) is_seed: bool,
}

impl HeldDocument {
    pub(super) fn stale_at(&self) -> Moment {
        self.began.plus(self.lifetime)
    }

    pub(super) fn is_stale(&self, now: Moment) -> bool {
        now.has_reached(self.stale_at())
    }

    /// Whether this document is newer than another that was of this `age` when its fetch `began`.
    pub(super) fn is_newer_than_document(&self, began: Moment, age: Duration) -> bool {
        let own_age = began.since(self.began).saturating_add(self.age);
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
        let age = now.since(self.began).saturating_add(self.age).saturating_add(leeway);
        let after_issue = |issued: SystemTime| now.wall.duration_since(issued).is_ok_and(|passed| passed >= age);
        after_arrival || issued.is_some_and(after_issue)
    }
}
