//! An issuer whose keys come from memory: scripted and counted, for paused clocks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::keys::{FetchError, FetchFuture, FetchRequest, Fetched, KeySource};
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::validation::VerifyError;
use tower_bearer::{AccessToken, Issuer, ResourceServer};

use super::{AUDIENCE, app, good};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// Long enough to order two events: on a paused clock everything else happens at one instant.
pub(crate) const INSTANT: Duration = Duration::from_millis(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// What a fetch does.
#[derive(Clone)]
pub(crate) enum Fetch {
    Keys(JwkSet, Option<Duration>),
    /// Keys that an HTTP cache has held for this long.
    Aged(JwkSet, Duration),
    Fail,
    Hang,
    Panic,
    /// Brings the keys so much later.
    Late(JwkSet, Duration),
    /// Brings the keys when the gate opens.
    Gate(JwkSet, watch::Receiver<bool>),
}

/// A source of keys without a network, which records its fetches.
#[derive(Clone)]
pub(crate) struct Source(Arc<Mutex<(Fetch, Vec<Instant>)>>);

impl Source {
    pub(crate) fn new(fetch: Fetch) -> Self {
        Self(Arc::new(Mutex::new((fetch, Vec::new()))))
    }

    pub(crate) fn set(&self, fetch: Fetch) {
        self.0.lock().unwrap().0 = fetch;
    }

    pub(crate) fn fetches(&self) -> usize {
        self.0.lock().unwrap().1.len()
    }

    /// How many hold the source, this one included.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// The time from each fetch to the next.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        self.0.lock().unwrap().1.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

impl KeySource for Source {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
        let fetch = {
            let mut state = self.0.lock().unwrap();
            state.1.push(Instant::now());
            state.0.clone()
        };
        Box::pin(async move {
            match fetch {
                Fetch::Keys(keys, None) => Ok(Fetched::keys(keys)),
                Fetch::Keys(keys, Some(lifetime)) => Ok(Fetched::keys(keys).lifetime(lifetime)),
                Fetch::Aged(keys, age) => Ok(Fetched::keys(keys).age(age)),
                Fetch::Fail => Err(FetchError::Other { reason: "on purpose".into() }),
                Fetch::Hang => std::future::pending().await,
                Fetch::Panic => panic!("on purpose"),
                Fetch::Late(keys, delay) => {
                    tokio::time::sleep(delay).await;
                    Ok(Fetched::keys(keys))
                }
                Fetch::Gate(keys, mut gate) => {
                    gate.wait_for(|open| *open).await.unwrap();
                    Ok(Fetched::keys(keys))
                }
            }
        })
    }
}

/// A server whose issuer's keys the test controls, and tokens that outlive every test.
pub(crate) struct Setup {
    pub(crate) issuer: TestIssuer,
    pub(crate) source: Source,
    pub(crate) api: ResourceServer,
    pub(crate) clock: TestClock,
}

impl Setup {
    pub(crate) fn new(first: impl FnOnce(&TestIssuer) -> Fetch) -> Self {
        let clock = TestClock::new();
        // Its tokens are dated by the same clock, so that none is from the future however long a test takes.
        let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).clock(clock.clone()).start();
        let source = Source::new(first(&issuer));
        let trusted = Issuer::keys(issuer.url(), source.clone()).unwrap();
        let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap();
        Self { issuer, source, api, clock }
    }

    /// A setup that has its keys already, fresh for `lifetime`.
    pub(crate) async fn warm(lifetime: Option<Duration>) -> Self {
        let setup = Self::new(|issuer| Fetch::Keys(keys(issuer), lifetime));
        setup.verify().await.unwrap();
        assert_eq!(setup.source.fetches(), 1);
        setup
    }

    pub(crate) fn token(&self) -> String {
        good(&self.issuer).expires_in(24 * HOUR).sign()
    }

    pub(crate) fn token_by(&self, kid: &str) -> String {
        good(&self.issuer).header("kid", kid).expires_in(24 * HOUR).sign()
    }

    pub(crate) async fn verify(&self) -> Result<AccessToken, VerifyError> {
        self.api.verify(&self.token()).await
    }

    pub(crate) fn try_verify(&self) -> Result<AccessToken, VerifyError> {
        self.api.try_verify(&self.token())
    }

    pub(crate) fn app(&self) -> Router {
        app(&self.api)
    }

    pub(crate) fn publish_current(&self) {
        self.source.set(Fetch::Keys(keys(&self.issuer), None));
    }
}

pub(crate) fn keys(issuer: &TestIssuer) -> JwkSet {
    JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap()
}

/// Lets all tasks run that can make progress without time passing.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// What an issuer publishes that signs with new keys and keeps the old.
pub(crate) fn old_and_new(old: &Value, issuer: &TestIssuer) -> JwkSet {
    let mut both = old.clone();
    both["keys"].as_array_mut().unwrap().extend(issuer.jwks()["keys"].as_array().unwrap().iter().cloned());
    JwkSet::from_json(both.to_string().as_bytes()).unwrap()
}
