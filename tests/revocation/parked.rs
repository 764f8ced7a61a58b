//! An event arrives while an issuer is being asked about a token.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt;
use tower_bearer::ResourceServer;
use tower_bearer::introspection::Introspection;
use tower_bearer::revocation::Revocations;
use tower_bearer::testing::TestClock;

use super::feed_rig::{FeedRig, iss_sub};
use super::paths::{Reached, service_of, until};
use super::{LIFE, Rig};
use crate::harness::serve::serve;
use crate::harness::{AUDIENCE, app, decoded, request, small_issuer};

/// A server that asks about tokens, and an issuer that answers once its gate is open.
struct Parked {
    feeds: FeedRig,
    asked: Reached,
    reached: Reached,
    gate: watch::Sender<bool>,
}

impl Parked {
    async fn new() -> Self {
        let (issuer, clock) = (small_issuer(), TestClock::new());
        let token = issuer.token().audience(AUDIENCE).subject("alice").claim("sid", "s").expires_in(LIFE / 2);
        let [_, answer] = decoded(&token.claim("active", true));
        let (gate, opened) = watch::channel(false);
        let asked = Reached::default();
        let address = serve(endpoint(answer, Arc::clone(&asked), opened)).await;
        let introspection =
            Introspection::at(&format!("http://{address}/"), issuer.url(), issuer.introspection_client()).unwrap();
        let revocations = Revocations::new(LIFE).clock(clock.clone());
        let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer().introspect(introspection));
        let api = api.clock(clock.clone()).revocations(revocations.clone()).build().unwrap();
        let rig = Rig { app: app(&api), issuer, clock, revocations, api };
        Self { feeds: FeedRig::of(rig, |signals| signals), asked, reached: Reached::default(), gate }
    }

    /// The status of a request with the token.
    fn send(&self) -> impl Future<Output = StatusCode> + use<> {
        let sent = service_of(&self.feeds.rig.api, &self.reached).oneshot(request(Some("opaque")));
        async { sent.await.unwrap().status() }
    }

    /// An event about this subject comes while a request waits for the answer. What the request gets.
    async fn park(&self, subject: &Value) -> StatusCode {
        let waiting = tokio::spawn(self.send());
        until(|| self.asked() == 1).await;
        // In the same moment, by the clock.
        self.feeds.push(&self.feeds.set_about(subject)).await.assert_empty(202, None);
        assert!(!waiting.is_finished());
        self.gate.send(true).unwrap();
        waiting.await.unwrap()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn reached(&self) -> usize {
        self.reached.load(Ordering::Relaxed)
    }
}

fn endpoint(answer: String, asked: Reached, opened: watch::Receiver<bool>) -> Router {
    Router::new().route(
        "/",
        post(async move || {
            asked.fetch_add(1, Ordering::Relaxed);
            opened.clone().wait_for(|opened| *opened).await.unwrap();
            ([("content-type", "application/json")], answer)
        }),
    )
}

/// Whatever its issuer says, also when it is asked again.
#[tokio::test]
async fn a_token_whose_session_ends_while_its_issuer_is_asked_is_refused() {
    let parked = Parked::new().await;
    let session = json!({ "format": "complex", "session": { "format": "opaque", "id": "s" } });
    assert_eq!(parked.park(&session).await, StatusCode::UNAUTHORIZED);
    for later in [0, 1, 3600] {
        parked.feeds.rig.clock.advance(Duration::from_secs(later));
        assert_eq!(parked.send().await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(parked.reached(), 0);
}

/// The answer may be about a time before. The next one is not.
#[tokio::test]
async fn a_token_whose_user_is_signed_out_while_its_issuer_is_asked_is_refused_until_it_is_asked_again() {
    let parked = Parked::new().await;
    let subject = iss_sub(&parked.feeds.rig.issuer, "alice");
    assert_eq!(parked.park(&subject).await, StatusCode::UNAUTHORIZED);
    assert_eq!((parked.asked(), parked.reached()), (1, 0));
    parked.feeds.rig.clock.advance(Duration::from_secs(1));
    assert_eq!(parked.send().await, StatusCode::OK);
    assert_eq!((parked.asked(), parked.reached()), (2, 1));
}
