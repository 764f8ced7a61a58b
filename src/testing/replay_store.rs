use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::binding::dpop::{Freshness, MemoryReplayStore, ReplayAnswer, ReplayEntry, ReplayStore, ReplayStoreError};

/// A store of used DPoP proofs that fails on demand, for tests of an API whose instances share a store.
///
/// Otherwise it works like a [`MemoryReplayStore`]. Clones share one store: give one to the server and keep another.
///
/// ```
/// use http::{Request, StatusCode};
/// use tower_bearer::dpop::Dpop;
/// use tower_bearer::jose::Algorithm;
/// use tower_bearer::rejection::RejectionKind;
/// use tower_bearer::testing::{ReplayFault, TestClient, TestIssuer, TestReplayStore};
/// use tower_bearer::ResourceServer;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "https://api.example.test";
/// let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).start();
/// let store = TestReplayStore::new();
/// let dpop = Dpop::at(url)?.replay_store(store.clone());
/// let api = ResourceServer::builder(url).trust(issuer.issuer()).dpop(dpop).build()?;
///
/// let client = TestClient::new(Algorithm::ES256);
/// let token = issuer.token().audience(url).bound_to(&client).sign();
/// let request = || {
///     let proof = client.proof("GET", "https://api.example.test/me", &token).sign();
///     Request::get("/me").header("authorization", format!("DPoP {token}")).header("dpop", proof).body(())
/// };
/// assert!(api.verify_request(&request()?).await.is_ok());
///
/// store.fail(ReplayFault::Unavailable);
/// let rejection = api.verify_request(&request()?).await.unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::ReplayStoreUnavailable);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TestReplayStore(Arc<Inner>);

struct Inner {
    proofs: MemoryReplayStore,
    requests: AtomicUsize,
    behavior: Mutex<Behavior>,
}

#[derive(Clone, Copy, Default)]
struct Behavior {
    fault: Option<ReplayFault>,
    delay: Option<Duration>,
}

/// What a [`TestReplayStore`] does instead of inserting a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayFault {
    /// Returns an error, as if the store were unreachable.
    Unavailable,
    /// Answers [`Freshness::Full`].
    Full,
    /// Answers [`Freshness::TooManyOfOneKey`].
    TooManyOfOneKey,
    /// Never answers.
    Hang,
}

impl TestReplayStore {
    /// A store without a fault, which answers immediately.
    #[must_use]
    pub fn new() -> Self {
        let proofs = MemoryReplayStore::new();
        Self(Arc::new(Inner { proofs, requests: AtomicUsize::new(0), behavior: Mutex::default() }))
    }

    /// Fails with `fault` from now on. No proof is inserted.
    pub fn fail(&self, fault: ReplayFault) {
        self.change(|behavior| behavior.fault = Some(fault));
    }

    /// Delays every answer by this time from now on, by tokio's clock. A proof is inserted at the end of the delay.
    pub fn delay(&self, delay: Duration) {
        self.change(|behavior| behavior.delay = Some(delay));
    }

    /// Ends the fault and the delay.
    pub fn recover(&self) {
        self.change(|behavior| *behavior = Behavior::default());
    }

    /// How many proofs the store was asked about, whatever it answered.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.0.requests.load(Ordering::Relaxed)
    }

    fn answer(&self, fault: Option<ReplayFault>, entry: ReplayEntry) -> ReplayAnswer {
        match fault {
            None => self.0.proofs.insert(entry),
            Some(ReplayFault::Unavailable) => {
                ReplayAnswer::Now(Err(ReplayStoreError::new("the test has made the store fail")))
            }
            Some(ReplayFault::Full) => ReplayAnswer::Now(Ok(Freshness::Full)),
            Some(ReplayFault::TooManyOfOneKey) => ReplayAnswer::Now(Ok(Freshness::TooManyOfOneKey)),
            Some(ReplayFault::Hang) => ReplayAnswer::later(std::future::pending()),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Behavior)) {
        change(&mut self.0.behavior.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Default for TestReplayStore {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplayStore for TestReplayStore {
    fn insert(&self, entry: ReplayEntry) -> ReplayAnswer {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        let Behavior { fault, delay } = *self.0.behavior.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(delay) = delay else { return self.answer(fault, entry) };
        let store = self.clone();
        ReplayAnswer::later(async move {
            tokio::time::sleep(delay).await;
            match store.answer(fault, entry) {
                ReplayAnswer::Now(answer) => answer,
                ReplayAnswer::Later(answer) => answer.await,
            }
        })
    }
}

impl fmt::Debug for TestReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Behavior { fault, delay } = *self.0.behavior.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("TestReplayStore").field("fault", &fault).field("delay", &delay).finish_non_exhaustive()
    }
}
