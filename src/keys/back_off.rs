use std::time::Duration;

use crate::clock::Moment;

/// The back-off after the first failure. It doubles with every further failure in a row …
pub(super) const MIN_BACK_OFF: Duration = Duration::from_secs(1);
/// … up to this …
pub(super) const MAX_BACK_OFF: Duration = Duration::from_secs(60);
/// … less up to a fifth, so that the instances of a fleet do not return together.
const JITTER: f64 = 0.2;

/// An exponential back-off with jitter: how long a failing issuer is not asked.
#[derive(Clone, Default)]
pub(crate) struct BackOff {
    /// Failures in a row.
    failures: u32,
    pub(super) ends_at: Option<Moment>,
}

impl BackOff {
    /// One more failure.
    pub(crate) fn on_failed(&mut self, now: Moment, random: &mut fastrand::Rng) {
        // 1 s, 2 s, 4 s … 64 s, of which 60 s are the most.
        let back_off = (MIN_BACK_OFF * (1 << self.failures.min(6))).min(MAX_BACK_OFF);
        self.failures = self.failures.saturating_add(1);
        self.ends_at = Some(now.plus(back_off.mul_f64(1.0 - JITTER * random.f64())));
    }

    /// The time until the issuer may be asked again.
    pub(crate) fn remaining(&self, now: Moment) -> Duration {
        self.ends_at.map_or(Duration::ZERO, |at| now.until(at))
    }
}
