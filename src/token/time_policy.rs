use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::numeric_date::NumericDate;
use crate::clock::Clock;

/// By which clock, and with which leeway, the dates of a token are checked.
#[derive(Clone)]
pub(crate) struct TimePolicy {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) leeway: Duration,
}

impl TimePolicy {
    /// Whether `date` is present, is in the past, and is no older than `age`, each within the leeway.
    pub(super) fn is_recent(&self, date: Option<NumericDate>, age: Duration, now: SystemTime) -> bool {
        let now = NumericDate::from(now);
        date.is_some_and(|date| date <= now.plus(self.leeway) && now <= date.plus(age).plus(self.leeway))
    }
}
