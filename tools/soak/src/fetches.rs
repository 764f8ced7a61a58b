//! What the issuers were asked for, and what may have come of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tower_bearer::testing::Fault;

use crate::realm::{ENDPOINTS, History, Published, Realm, UNUSABLE};
use crate::slowness::Slowness;
use crate::timeline::Span;

/// How long an issuer takes at most to read what it is to answer with, once it was asked.
const READ: Duration = Duration::from_millis(100);
/// How long the API takes at most to make keys of an answer.
const LANDING: Duration = Duration::from_millis(600);
/// When a fetch is given up, as the documentation of `keys` has it; some of that may have gone to the metadata.
const GIVEN_UP: [Duration; 2] = [Duration::from_secs(4), Duration::from_millis(5500)];

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
    /// Adds the new requests: those that were not there at `since` and are there now arrived between the two.
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
    /// The key sets that it may have brought, with or without a key that can be used.
    pub(crate) keys: Vec<Arc<Published>>,
    /// It may have brought no key set at all.
    pub(crate) may_have_failed: bool,
    /// It may have brought only metadata, which leads to the keys.
    may_lead_on: bool,
    /// It took its time.
    pub(crate) is_slow: bool,
    /// When the API knew.
    pub(crate) landed: Span,
    /// How long the keys are fresh, at least and at most.
    pub(crate) lifetime: [Duration; 2],
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
            lifetime: [Duration::MAX, Duration::ZERO],
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
            let (delay, is_usable) = match fault {
                None => (Duration::ZERO, true),
                Some(Fault::Delay(delay)) => (*delay, true),
                Some(Fault::Body(body)) if UNUSABLE.iter().any(|set| set.as_bytes() == body) => (Duration::ZERO, false),
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
            if is_for_keys && is_usable {
                outcome.keys.extend(history.keys.during(read).cloned());
                let [least, most] = &mut outcome.lifetime;
                for lifetime in history.lifetime.during(read) {
                    (*least, *most) = ((*least).min(*lifetime), (*most).max(*lifetime));
                }
            } else if is_for_keys {
                outcome.keys.push(Arc::default());
            }
        }
        outcome
    }

    fn fail(&mut self, landed: Instant) {
        self.may_have_failed = true;
        self.landed.to = self.landed.to.max(landed);
    }

    /// Whatever was held before it is not held any more.
    pub(crate) fn surely_brought_a_set(&self) -> bool {
        !self.may_have_failed && !self.keys.is_empty()
    }

    pub(crate) fn surely_brought_keys(&self) -> bool {
        self.surely_brought_a_set() && self.keys.iter().all(|keys| !keys.is_empty())
    }

    pub(crate) fn may_have_brought_keys(&self) -> bool {
        self.keys.iter().any(|keys| !keys.is_empty())
    }

    /// It failed, or brought no key that can be used: either way the issuer is left alone.
    pub(crate) fn was_surely_in_vain(&self) -> bool {
        self.may_have_been_in_vain() && !self.may_have_brought_keys() && !self.may_lead_on
    }

    pub(crate) fn may_have_been_in_vain(&self) -> bool {
        self.may_have_failed || self.keys.iter().any(|keys| keys.is_empty())
    }

    pub(crate) fn surely_failed(&self) -> bool {
        self.may_have_failed && self.keys.is_empty() && !self.may_lead_on
    }

    /// Whether it counts as an attempt of its own: what only leads on to the keys is followed by the request that does.
    pub(crate) fn may_be_an_attempt(&self) -> bool {
        self.fetch.endpoint == 1 || self.may_have_failed
    }
}
