//! Revocation is asked after every wait.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::dpop::{Dpop, Freshness, ReplayAnswer, ReplayEntry, ReplayStore};
use tower_bearer::jose::JwkSet;
use tower_bearer::mcp::{MessageBody, Operations};
use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::testing::{Endpoint, Fault, TestClient, TestIssuer};
use tower_bearer::{Issuer, Require, ResourceServer};

use super::{LIFE, Rig};
use crate::harness::memory_source::{Fetch, Source};
use crate::harness::{AUDIENCE, request, small_issuer};

/// Counts the requests that reach it.
pub(super) type Reached = Arc<AtomicUsize>;

pub(super) fn service_of(
    api: &ResourceServer,
    reached: &Reached,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static + use<>
{
    let reached = Arc::clone(reached);
    ServiceBuilder::new().layer(api.layer()).service(service_fn(move |_: Request<Body>| {
        reached.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(Response::new(Body::empty())))
    }))
}

fn token(issuer: &TestIssuer) -> String {
    issuer.token().audience(AUDIENCE).scope("read:me").subject("alice").sign()
}

/// What the requests got, in the order of the statuses.
async fn statuses(
    requests: impl IntoIterator<Item = JoinHandle<Result<Response<Body>, Infallible>>>,
) -> Vec<StatusCode> {
    let mut statuses = Vec::new();
    for one in requests {
        statuses.push(one.await.unwrap().unwrap().status());
    }
    statuses.sort();
    statuses
}

/// Waits, by letting others run, until something has happened.
pub(super) async fn until(happened: impl Fn() -> bool) {
    while !happened() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_that_waits_for_keys_is_refused() {
    let issuer = small_issuer();
    let (gate, opened) = watch::channel(false);
    let keys = JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
    let source = Source::new(Fetch::Gate(keys, opened));
    let revocations = Revocations::new(LIFE);
    let api = ResourceServer::builder(AUDIENCE).trust(Issuer::keys(issuer.url(), source.clone()).unwrap());
    let api = api.revocations(revocations.clone()).build().unwrap();
    let reached = Reached::default();
    let waiting = tokio::spawn(service_of(&api, &reached).oneshot(request(Some(&token(&issuer)))));
    until(|| source.fetches() > 0).await;
    revocations.revoke(&Revocation::subject(issuer.url(), "alice")).await.unwrap();
    gate.send(true).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(reached.load(Ordering::Relaxed), 0);
}

/// A store that answers when its gate opens.
struct Gated {
    asked: Reached,
    opened: watch::Receiver<bool>,
}

impl ReplayStore for Gated {
    fn insert(&self, _: ReplayEntry) -> ReplayAnswer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut opened = self.opened.clone();
        ReplayAnswer::later(async move {
            opened.wait_for(|opened| *opened).await.unwrap();
            Ok(Freshness::Fresh)
        })
    }
}

#[tokio::test]
async fn a_request_that_waits_for_the_store_of_proofs_is_refused() {
    let issuer = small_issuer();
    let (gate, opened) = watch::channel(false);
    let (asked, reached) = (Reached::default(), Reached::default());
    let store = Gated { asked: Arc::clone(&asked), opened };
    let revocations = Revocations::new(LIFE);
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).revocations(revocations.clone());
    let api = api.dpop(Dpop::at(AUDIENCE).unwrap().replay_store(store)).build().unwrap();
    let client = TestClient::new(tower_bearer::jose::Algorithm::ES256);
    let token = issuer.token().audience(AUDIENCE).subject("alice").bound_to(&client).sign();
    let bound = || {
        Request::get("/")
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", client.proof("GET", &format!("{AUDIENCE}/"), &token).sign())
            .body(Body::empty())
            .unwrap()
    };
    let waiting = tokio::spawn(service_of(&api, &reached).oneshot(bound()));
    until(|| asked.load(Ordering::Relaxed) > 0).await;
    revocations.revoke(&Revocation::subject(issuer.url(), "alice")).await.unwrap();
    gate.send(true).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::UNAUTHORIZED);
    let late = service_of(&api, &reached).oneshot(bound()).await.unwrap();
    assert_eq!((late.status(), reached.load(Ordering::Relaxed)), (StatusCode::UNAUTHORIZED, 0));
}

/// Also after the token was accepted: it waited for keys, and then for the service.
#[tokio::test]
async fn a_request_that_waits_for_the_service_is_refused() {
    let issuer = small_issuer();
    let [(keys_gate, keys_opened), (gate, opened)] = [watch::channel(false), watch::channel(false)];
    let keys = JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
    let source = Source::new(Fetch::Gate(keys, keys_opened));
    let revocations = Revocations::new(LIFE);
    let api = ResourceServer::builder(AUDIENCE).trust(Issuer::keys(issuer.url(), source.clone()).unwrap());
    let api = api.revocations(revocations.clone()).build().unwrap();
    let reached = Reached::default();
    let count = Arc::clone(&reached);
    let handler = service_fn(move |_: Request<Body>| {
        count.fetch_add(1, Ordering::Relaxed);
        let mut opened = opened.clone();
        async move {
            opened.wait_for(|opened| *opened).await.unwrap();
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    let service = ServiceBuilder::new().layer(api.layer()).layer(ConcurrencyLimitLayer::new(1)).service(handler);
    // Both wait for the keys, and then one of them for the other.
    let both = [(); 2].map(|()| tokio::spawn(service.clone().oneshot(request(Some(&token(&issuer))))));
    until(|| source.fetches() > 0).await;
    keys_gate.send(true).unwrap();
    until(|| reached.load(Ordering::Relaxed) == 1).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    revocations.revoke(&Revocation::issuer(issuer.url())).await.unwrap();
    gate.send(true).unwrap();
    assert_eq!(statuses(both).await, [StatusCode::OK, StatusCode::UNAUTHORIZED]);
    assert_eq!(reached.load(Ordering::Relaxed), 1);
}

/// A body that is sent as it comes.
struct Fed(mpsc::UnboundedReceiver<Bytes>);

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[tokio::test]
async fn a_request_whose_body_is_being_read_is_refused() {
    let rig = Rig::new();
    let reached = Reached::default();
    let count = Arc::clone(&reached);
    let handler = service_fn(move |_: Request<MessageBody<Body>>| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    let operations = Operations::new().otherwise(Require::scope("read:me"));
    let service = ServiceBuilder::new().layer(rig.api.layer()).layer(operations).service(handler);
    let token = rig.token(-60.0).sign();
    assert!(rig.api.verify(&token).await.is_ok());
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut call = request(Some(&token)).map(|_| Body::new(Fed(receiver)));
    *call.method_mut() = http::Method::POST;
    let mut waiting = Box::pin(service.oneshot(call));
    sender.send(r#"{"method":"#.into()).unwrap();
    assert!(waiting.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
    rig.revocations.revoke(&Revocation::session(rig.issuer.url(), "s")).await.unwrap();
    sender.send(r#""ping"}"#.into()).unwrap();
    drop(sender);
    assert_eq!(waiting.await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(reached.load(Ordering::Relaxed), 0);
}

/// Also after its body was read: it waits for the service then.
#[tokio::test]
async fn a_request_that_waits_for_the_service_after_its_body_is_refused() {
    let rig = Rig::new();
    let (gate, opened) = watch::channel(false);
    let reached = Reached::default();
    let count = Arc::clone(&reached);
    let handler = service_fn(move |_: Request<MessageBody<Body>>| {
        count.fetch_add(1, Ordering::Relaxed);
        let mut opened = opened.clone();
        async move {
            opened.wait_for(|opened| *opened).await.unwrap();
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    let operations = Operations::new().otherwise(Require::scope("read:me"));
    let service = ServiceBuilder::new().layer(rig.api.layer()).layer(operations);
    let service = service.layer(ConcurrencyLimitLayer::new(1)).service(handler);
    let token = rig.token(-60.0).sign();
    assert!(rig.api.verify(&token).await.is_ok());
    let (bodies, both): (Vec<_>, Vec<_>) = (0..2)
        .map(|_| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let mut call = request(Some(&token)).map(|_| Body::new(Fed(receiver)));
            *call.method_mut() = http::Method::POST;
            (sender, tokio::spawn(service.clone().oneshot(call)))
        })
        .unzip();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    for body in bodies {
        body.send(r#"{"method":"ping"}"#.into()).unwrap();
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(reached.load(Ordering::Relaxed), 1);
    rig.revocations.revoke(&Revocation::session(rig.issuer.url(), "s")).await.unwrap();
    gate.send(true).unwrap();
    assert_eq!(statuses(both).await, [StatusCode::OK, StatusCode::UNAUTHORIZED]);
    assert_eq!(reached.load(Ordering::Relaxed), 1);
}

/// A layer without a requirement checks nothing but the token, and a handler may not look at it.
#[tokio::test]
async fn a_request_that_waits_for_nothing_is_refused() {
    let rig = Rig::new();
    let reached = Reached::default();
    let token = rig.token(-60.0).sign();
    let send = || service_of(&rig.api, &reached).oneshot(request(Some(&token)));
    for _ in 0..3 {
        assert_eq!(send().await.unwrap().status(), StatusCode::OK);
    }
    rig.revocations.revoke(&Revocation::token(rig.issuer.url(), "j")).await.unwrap();
    assert_eq!((send().await.unwrap().status(), reached.load(Ordering::Relaxed)), (StatusCode::UNAUTHORIZED, 3));
    let rejection = rig.api.verify_request(&request(Some(&token))).await.unwrap_err();
    assert_eq!(rejection.error(), Some("invalid_token"));
}

/// Its issuer is asked again, and tells whether it is good now. A session that has ended stays so.
#[tokio::test]
async fn an_opaque_token_is_asked_about_again() {
    let issuer = small_issuer();
    let revocations = Revocations::new(LIFE);
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.introspection()).revocations(revocations.clone());
    let api = api.build().unwrap();
    // It lives longer than revocations are remembered, which does not matter.
    let claims = issuer.token().audience(AUDIENCE).subject("alice").claim("sid", "s").expires_in(30 * LIFE);
    let token = issuer.opaque_token(&claims.without_claim("iat"));
    let questions = || issuer.requests(Endpoint::Introspection);
    for _ in 0..3 {
        assert!(api.verify(&token).await.is_ok());
    }
    assert_eq!(questions(), 1);
    let subject = || Revocation::subject(issuer.url(), "alice");
    revocations.revoke(&subject()).await.unwrap();
    for _ in 0..3 {
        assert!(api.verify(&token).await.is_ok());
    }
    assert_eq!(questions(), 2);
    // While it is asked, the answer is about a time before the revocation.
    issuer.fail(Endpoint::Introspection, Fault::Delay(Duration::from_millis(300)));
    revocations.revoke(&subject()).await.unwrap();
    let (other, text) = (api.clone(), token.clone());
    let waiting = tokio::spawn(async move { other.verify(&text).await });
    until(|| questions() == 3).await;
    revocations.revoke(&subject()).await.unwrap();
    assert!(waiting.await.unwrap().is_err());
    issuer.recover();
    assert!(api.verify(&token).await.is_ok());
    assert_eq!(questions(), 4);
    revocations.revoke(&Revocation::session(issuer.url(), "s")).await.unwrap();
    for _ in 0..3 {
        assert!(api.verify(&token).await.is_err());
    }
    assert_eq!(questions(), 5, "the answer is remembered");
}
