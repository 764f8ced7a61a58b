//! What the issuers were asked for, and what may have come of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tower_bearer::testing::Fault;

use crate::realm::{ENDPOINTS, History, Published, Realm};
use crate::slowness::Slowness;
use crate::timeline::Span;

/// How long an issuer takes at most to read what it is to answer with, once it was asked.
const READ: Duration = Duration::from_millis(100);
/// How long the API takes at most to make keys of an answer.
const LANDING: Duration = Duration::from_millis(600);
/// When a fetch is given up, as the documentation of `keys` has it; some of that may have gone to the metadata.
const GIVEN_UP: [Duration; 2] = [Duration::from_secs(4), Duration::from_secs(5)];

/// What one issuer was asked for.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) fetches: Vec<Fetch>,
    counts: [usize; 2],
}

/// One request of the API to an issuer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetch {
    /// Of what, by its place in [`ENDPOINTS`].
    pub(crate) endpoint: usize,
    pub(crate) arrived: Span,
}

impl Log {
    /// Counts on: what was not there at `since` and is `now` came between the two.
    pub(crate) fn look(&mut self, realm: &Realm, since: Instant) {
        for (endpoint, count) in self.counts.iter_mut().enumerate() {
            let new = realm.issuer.requests(ENDPOINTS[endpoint]);
            let arrived = Span { from: since, to: Instant::now() };
            self.fetches.extend((*count..new).map(|_| Fetch { endpoint, arrived }));
            *count = new;
        }
    }

    /// How often the keys themselves were asked for.
    pub(crate) fn keys(&self) -> usize {
        self.counts[1]
    }
}

/// What may have come of a request to the issuer.
pub(crate) struct Outcome {
    pub(crate) fetch: Fetch,
    /// The keys that it may have brought.
    pub(crate) keys: Vec<Arc<Published>>,
    pub(crate) may_have_failed: bool,
    /// It may have been no more than the way to them.
    may_lead_on: bool,
    /// It took its time.
    pub(crate) is_slow: bool,
    /// When the API knew.
    pub(crate) landed: Span,
    /// How long the keys are fresh at most.
    pub(crate) lifetime: Duration,
}

impl Outcome {
    pub(crate) fn of(fetch: Fetch, history: &History, slowness: &Slowness) -> Self {
        let arrived = fetch.arrived;
        let slow = |at: Span| slowness.during(at);
        let late = slow(arrived.later(Duration::ZERO, READ + LANDING));
        let mut outcome = Self {
            fetch,
            keys: Vec::new(),
            may_have_failed: false,
            may_lead_on: false,
            is_slow: false,
            landed: arrived.later(Duration::ZERO, READ + LANDING + late),
            lifetime: Duration::ZERO,
        };
        let is_for_keys = fetch.endpoint == 1;
        let faults: Vec<_> = history.faults[fetch.endpoint].during(arrived).collect();
        if let [Some(Fault::Hang | Fault::Delay(_))] = &*faults {
            // Not earlier, at least.
            let least =
                if let Some(Fault::Delay(delay)) = faults[0] { *delay } else { GIVEN_UP[0].saturating_sub(late) };
            outcome.landed.from += least;
        }
        for fault in faults {
            let delay = match fault {
                None => Duration::ZERO,
                Some(Fault::Delay(delay)) => *delay,
                Some(Fault::Hang) => {
                    let given_up = arrived.later(GIVEN_UP[0], GIVEN_UP[1] + LANDING);
                    outcome.fail(given_up.to + slow(given_up));
                    outcome.is_slow = true;
                    continue;
                }
                Some(_) => {
                    outcome.fail(outcome.landed.to);
                    continue;
                }
            };
            outcome.is_slow |= !delay.is_zero();
            let read = arrived.later(delay, delay + READ);
            let late = slow(read.later(Duration::ZERO, LANDING));
            let read = read.later(Duration::ZERO, late);
            outcome.landed.to = outcome.landed.to.max(read.to + LANDING);
            // On a machine that slow, the API may have given up what its issuer answered well.
            outcome.may_have_failed |= delay + late.max(slow(arrived.before(GIVEN_UP[1]))) >= GIVEN_UP[0];
            outcome.may_lead_on |= !is_for_keys;
            if is_for_keys {
                outcome.keys.extend(history.keys.during(read).cloned());
                outcome.lifetime = history.lifetime.during(read).copied().fold(outcome.lifetime, Duration::max);
            }
        }
        outcome
    }

    fn fail(&mut self, landed: Instant) {
        self.may_have_failed = true;
        self.landed.to = self.landed.to.max(landed);
    }

    pub(crate) fn surely_brought_keys(&self) -> bool {
        !self.may_have_failed && !self.keys.is_empty()
    }

    pub(crate) fn surely_failed(&self) -> bool {
        self.may_have_failed && self.keys.is_empty() && !self.may_lead_on
    }
}
