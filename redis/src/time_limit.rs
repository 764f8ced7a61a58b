use std::time::Duration;

const DEFAULT: Duration = Duration::from_millis(500);
const MIN: Duration = Duration::from_millis(10);
/// A server waits no longer for a store.
const MAX: Duration = Duration::from_secs(5);

/// How long a command waits for the connection and the reply.
#[derive(Clone, Copy)]
pub(crate) struct TimeLimit(Duration);

impl TimeLimit {
    pub(crate) fn new(limit: Duration) -> Self {
        Self(limit.clamp(MIN, MAX))
    }

    pub(crate) fn get(self) -> Duration {
        self.0
    }
}

impl Default for TimeLimit {
    fn default() -> Self {
        Self(DEFAULT)
    }
}
