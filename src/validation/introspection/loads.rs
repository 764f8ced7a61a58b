use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::super::cache::Fingerprint;
use super::super::verify_error::VerifyError;
use super::room::{Place, Question, Room};
use crate::AccessToken;
use crate::clock::Moment;

/// When to try again after a load was dropped with its runtime.
const RETRY_AFTER_CANCELLED: Duration = Duration::from_secs(1);
/// A load that is older is on a runtime that nobody drives. It may have waited for 5 seconds and asked for 10.
const MAX_AGE: Duration = Duration::from_secs(20);

/// What a load ends with, for everybody who waits for it.
pub(super) type Verdict = Result<AccessToken, VerifyError>;

/// The tokens that the endpoint is being asked about, each once.
pub(super) struct Loads {
    joinable: Mutex<HashMap<Fingerprint, Joinable>>,
    room: Room,
}

struct Joinable {
    began: Moment,
    verdict: watch::Receiver<Option<Verdict>>,
}

/// What happens to a request whose token is not known.
pub(super) enum Join<K> {
    /// The endpoint is being asked about the token.
    Joined(PendingAnswer),
    /// The endpoint has to be asked.
    Begin(RunningLoad, PendingAnswer),
    /// The token has become known in the meantime.
    Known(K),
    /// There are too many loads.
    Full,
}

impl Loads {
    /// At most `max` loads, whether they wait or are on their way.
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { joinable: Mutex::default(), room: Room::new(max) })
    }

    /// Joins the load of a token, or begins it unless the token is `known` now.
    pub(super) fn join<K>(
        self: &Arc<Self>,
        fingerprint: Fingerprint,
        question: Question,
        now: Moment,
        known: impl FnOnce() -> Option<K>,
    ) -> Join<K> {
        let mut joinable = self.lock();
        if let Some(load) = joinable.get(&fingerprint).filter(|load| now.since(load.began) < MAX_AGE) {
            return Join::Joined(PendingAnswer(load.verdict.clone()));
        }
        // A load makes its token known before it leaves the table.
        if let Some(known) = known() {
            return Join::Known(known);
        }
        let Some(place) = self.place(question) else { return Join::Full };
        let (verdict, receiver) = watch::channel(None);
        joinable.insert(fingerprint, Joinable { began: now, verdict: receiver.clone() });
        let load = RunningLoad { loads: Arc::clone(self), fingerprint, question, verdict, _place: place };
        Join::Begin(load, PendingAnswer(receiver))
    }

    /// Room for a question that nobody joins.
    pub(super) fn place(&self, question: Question) -> Option<Place> {
        self.room.try_take(question)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Fingerprint, Joinable>> {
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
    question: Question,
    verdict: watch::Sender<Option<Verdict>>,
    _place: Place,
}

impl RunningLoad {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(super) fn question(&self) -> Question {
        self.question
    }

    /// Nobody joins it any more: later requests need a later answer.
    pub(super) fn close(&self) {
        self.remove_if(|_| true);
    }

    /// Whether somebody waits for it. If not, nobody joins it any more.
    pub(super) fn is_wanted(&self) -> bool {
        // The table has a receiver too.
        !self.remove_if(|verdict| verdict.receiver_count() <= 1)
    }

    fn remove_if(&self, condition: impl FnOnce(&watch::Sender<Option<Verdict>>) -> bool) -> bool {
        let mut joinable = self.loads.lock();
        // Another load of the token may have begun since.
        let is_in_table =
            |load: &Joinable| self.verdict.receiver_count() > 0 && load.verdict.same_channel(&self.verdict.subscribe());
        let removes = condition(&self.verdict) && joinable.get(&self.fingerprint).is_some_and(is_in_table);
        if removes {
            joinable.remove(&self.fingerprint);
        }
        removes
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
