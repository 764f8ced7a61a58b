use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::super::cache::Fingerprint;
use super::super::verify_error::VerifyError;
use crate::AccessToken;

/// When to try again after a load was dropped with its runtime.
const RETRY_AFTER_CANCELLED: Duration = Duration::from_secs(1);

/// What a load ends with, for everybody who waits for it.
pub(super) type Verdict = Result<AccessToken, VerifyError>;

/// The tokens that the endpoint is being asked about, each once.
pub(super) struct Loads {
    joinable: Mutex<HashMap<Fingerprint, watch::Receiver<Option<Verdict>>>>,
    places: Arc<Semaphore>,
}

/// What happens to a request whose token is not known.
pub(super) enum Join {
    /// The endpoint is being asked about the token.
    Joined(PendingAnswer),
    /// The endpoint has to be asked.
    Begin(RunningLoad, PendingAnswer),
    /// The token has become known in the meantime.
    Known,
    /// There are too many loads.
    Full,
}

impl Loads {
    /// At most so many loads, whether they wait or are on their way.
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { joinable: Mutex::default(), places: Arc::new(Semaphore::new(max)) })
    }

    /// Joins the load of a token, or begins it unless `is_known`.
    pub(super) fn join(self: &Arc<Self>, fingerprint: Fingerprint, is_known: impl FnOnce() -> bool) -> Join {
        let mut joinable = self.lock();
        let vacant = match joinable.entry(fingerprint) {
            Entry::Occupied(load) => return Join::Joined(PendingAnswer(load.get().clone())),
            Entry::Vacant(vacant) => vacant,
        };
        // A load makes its token known before it leaves the table.
        if is_known() {
            return Join::Known;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Join::Full };
        let (verdict, receiver) = watch::channel(None);
        vacant.insert(receiver.clone());
        let load = RunningLoad { loads: Arc::clone(self), fingerprint, verdict, _place: place };
        Join::Begin(load, PendingAnswer(receiver))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Fingerprint, watch::Receiver<Option<Verdict>>>> {
        self.joinable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}

/// The load of one token. If it is dropped without an end, those who wait for it get 503.
pub(crate) struct RunningLoad {
    loads: Arc<Loads>,
    fingerprint: Fingerprint,
    verdict: watch::Sender<Option<Verdict>>,
    _place: OwnedSemaphorePermit,
}

impl RunningLoad {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Nobody joins it any more: later requests need a later answer.
    pub(super) fn close(&self) {
        let mut joinable = self.loads.lock();
        // Another load of the token may have begun since.
        if joinable.get(&self.fingerprint).is_some_and(|load| load.same_channel(&self.verdict.subscribe())) {
            joinable.remove(&self.fingerprint);
        }
    }

    pub(super) fn end(self, verdict: Verdict) {
        self.close();
        self.verdict.send_replace(Some(verdict));
    }
}

impl Drop for RunningLoad {
    fn drop(&mut self) {
        self.close();
    }
}

/// A request that waits for the answer about its token. Dropping it does not end the load.
pub(crate) struct PendingAnswer(watch::Receiver<Option<Verdict>>);

impl PendingAnswer {
    pub(crate) async fn verdict(mut self) -> Result<AccessToken, VerifyError> {
        let dropped = VerifyError::IntrospectionUnavailable { retry_after: RETRY_AFTER_CANCELLED };
        match self.0.wait_for(Option::is_some).await {
            Ok(verdict) => verdict.clone().unwrap_or(Err(dropped)),
            Err(_) => Err(dropped),
        }
    }
}
