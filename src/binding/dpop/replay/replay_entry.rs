use std::time::{Duration, Instant, SystemTime};

use super::replay_key::ReplayKey;
use crate::clock::{Clock, Moment};

/// What a [`ReplayStore`](super::ReplayStore) is asked to insert: the key of a proof, and how long to keep it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ReplayEntry {
    /// The key of the proof.
    pub key: ReplayKey,
    /// The minimum time to keep the key, counted from now: until it has passed, the proof could be accepted again. It is the same
    /// for all proofs of a server.
    pub keep_for: Duration,
    /// The current monotonic time by the server's [clock](crate::clock::Clock), for a store in this process.
    pub now: Instant,
    /// The current time of day by the same clock.
    pub time_of_day: SystemTime,
}

impl ReplayEntry {
    /// An entry to be inserted now.
    ///
    /// The server makes it. It is public for the tests of a store.
    #[must_use]
    pub fn new(key: ReplayKey, keep_for: Duration, clock: &dyn Clock) -> Self {
        let Moment { monotonic: now, wall: time_of_day } = Moment::of(clock);
        Self { key, keep_for, now, time_of_day }
    }

    pub(super) fn moment(&self) -> Moment {
        Moment { monotonic: self.now, wall: self.time_of_day }
    }
}
