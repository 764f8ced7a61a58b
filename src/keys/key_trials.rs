use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::token_bucket::TokenBucket;
use crate::jose::{Algorithm, KeyIdentity};

/// How many verifications beyond the first key of a token may be made at once …
const BURST: u32 = 1000;
/// … and how often one more becomes possible: 1,000 a second.
const INTERVAL: Duration = Duration::from_millis(1);

/// Which of one issuer's keys are tried for tokens without `kid`, and how many.
///
/// The key that last verified a token of the algorithm is always tried, and first. Every further key costs a verification that
/// anyone can cause, so these have a budget.
#[derive(Debug)]
pub(super) struct KeyTrials(Mutex<State>);

#[derive(Debug)]
struct State {
    last: [Option<KeyIdentity>; Algorithm::COUNT],
    further: TokenBucket,
}

impl KeyTrials {
    pub(super) fn new(now: Instant) -> Self {
        let further = TokenBucket::new(BURST, INTERVAL, now);
        Self(Mutex::new(State { last: [None; Algorithm::COUNT], further }))
    }

    /// The key that last verified a token without `kid`.
    pub(super) fn last(&self, algorithm: Algorithm) -> Option<KeyIdentity> {
        self.state().last.get(algorithm as usize).copied().flatten()
    }

    pub(super) fn verified(&self, algorithm: Algorithm, key: KeyIdentity) {
        if let Some(last) = self.state().last.get_mut(algorithm as usize) {
            *last = Some(key);
        }
    }

    /// Whether one more key may be tried now.
    pub(super) fn try_another(&self, now: Instant) -> bool {
        self.state().further.try_take(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics between two changes of the state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
