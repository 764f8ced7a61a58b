//! Readiness and permits: a request that is refused or waits for a key holds no permit of the inner service.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::{Require, ResourceServer};

use crate::harness::memory_source::{Fetch, MINUTE, SECOND, Setup, keys, old_and_new, settle};
use crate::harness::serve::serve_with_hyper;
use crate::harness::{good, paused_runtime, request, server, small_issuer};

fn bearer(token: &str) -> Request<Body> {
    request(Some(token))
}

/// A service with a limited number of places: a handle that is ready has one, and a call keeps it until it is answered. It
/// panics if it is called without being ready.
struct Limited {
    places: Arc<Semaphore>,
    clones: Arc<AtomicUsize>,
    answers_after: Duration,
    waiting: Option<Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send>>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Limited {
    fn new(places: usize) -> Self {
        let places = Arc::new(Semaphore::new(places));
        Self { places, clones: Arc::default(), answers_after: Duration::ZERO, waiting: None, place: None }
    }

    fn answers_after(self, answers_after: Duration) -> Self {
        Self { answers_after, ..self }
    }
}

impl Clone for Limited {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, Ordering::Relaxed);
        let (places, clones) = (Arc::clone(&self.places), Arc::clone(&self.clones));
        Self { places, clones, answers_after: self.answers_after, waiting: None, place: None }
    }
}

impl Service<Request<Body>> for Limited {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.place.is_none() {
            let places = &self.places;
            let waiting = self.waiting.get_or_insert_with(|| {
                let places = Arc::clone(places);
                Box::pin(async move { places.acquire_owned().await.unwrap() })
            });
            self.place = Some(ready!(waiting.as_mut().poll(cx)));
            self.waiting = None;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let place = self.place.take().expect("called without being ready");
        let answers_after = self.answers_after;
        Box::pin(async move {
            sleep(answers_after).await;
            drop(place);
            Ok(Response::default())
        })
    }
}

/// A server whose keys take one second to fetch, and a token that waits for them.
async fn without_the_key(warm: bool) -> (Setup, String) {
    if !warm {
        let setup = Setup::new(|issuer| Fetch::Late(keys(issuer), SECOND));
        let token = setup.token();
        return (setup, token);
    }
    let setup = Setup::warm(None).await;
    sleep(SECOND).await;
    let before = setup.issuer.jwks();
    setup.issuer.rotate();
    setup.source.set(Fetch::Late(old_and_new(&before, &setup.issuer), SECOND));
    let token = setup.token();
    (setup, token)
}

/// A token is validated before anything is reserved. So strangers with forged tokens take no place from others.
#[tokio::test(start_paused = true)]
async fn nothing_is_reserved_before_a_token_is_known_to_be_valid() {
    let issuer = small_issuer();
    let api = server(&issuer);
    api.ready().await;
    let limited = Limited::new(1);
    let places = Arc::clone(&limited.places);
    let mut service = api.layer().layer(limited);
    let good = good(&issuer).sign();
    let forged = format!("{}.{}", good.rsplit_once('.').unwrap().0, "A".repeat(86));
    service.ready().await.unwrap();
    assert_eq!(places.available_permits(), 1);

    // There is no place: a stranger is refused at once, and a good request waits for one.
    let held = Arc::clone(&places).try_acquire_owned().unwrap();
    let refused = timeout(SECOND, service.ready().await.unwrap().call(bearer(&forged))).await.unwrap().unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let mut waiting = service.ready().await.unwrap().call(bearer(&good));
    let mut waiting = std::pin::pin!(&mut waiting);
    assert!(timeout(SECOND, &mut waiting).await.is_err());
    drop(held);
    assert_eq!(waiting.await.unwrap().status(), StatusCode::OK);
    assert_eq!(places.available_permits(), 1);
}

/// The wait for a place comes after the check of the token.
#[tokio::test(start_paused = true)]
async fn a_token_that_expires_while_its_request_waits_for_a_place_is_refused() {
    let setup = Setup::warm(None).await;
    let limited = Limited::new(1);
    let places = Arc::clone(&limited.places);
    let mut service = setup.api.layer().layer(limited);
    for (advance, status) in [(MINUTE, StatusCode::OK), (25 * 60 * MINUTE, StatusCode::UNAUTHORIZED)] {
        let held = Arc::clone(&places).try_acquire_owned().unwrap();
        let mut waiting = Box::pin(service.ready().await.unwrap().call(bearer(&setup.token())));
        assert!(timeout(SECOND, &mut waiting).await.is_err());
        setup.clock.advance(advance);
        drop(held);
        assert_eq!(waiting.await.unwrap().status(), status);
        assert_eq!(places.available_permits(), 1);
    }
}

/// One handle is kept after a refusal and one while its request waits; a third is served.
#[tokio::test(start_paused = true)]
async fn a_kept_handle_holds_no_permit_after_a_refusal_or_a_wait() {
    let issuer = small_issuer();
    let refusals = [
        ("no credentials", request(None), StatusCode::UNAUTHORIZED),
        (
            "malformed",
            Request::builder().header(AUTHORIZATION, "Bearer").body(Body::empty()).unwrap(),
            StatusCode::BAD_REQUEST,
        ),
        ("a bad token", bearer("x"), StatusCode::UNAUTHORIZED),
        ("the layer's requirement", bearer(&good(&issuer).scope("other").sign()), StatusCode::FORBIDDEN),
        ("a requirement within", bearer(&good(&issuer).scope("outer").sign()), StatusCode::FORBIDDEN),
    ];
    let api = server(&issuer);
    api.ready().await;
    for (what, refused, status) in refusals {
        let limited = Limited::new(1);
        let places = Arc::clone(&limited.places);
        let service = ServiceBuilder::new()
            .layer(api.layer().require(Require::scope("outer").or(Require::scope("read:me"))))
            .layer(Require::scope("read:me"))
            .service(limited);
        let mut first = service.clone();
        let answer = first.ready().await.unwrap().call(refused).await.unwrap();
        assert_eq!((answer.status(), places.available_permits()), (status, 1), "{what}");

        let (cold, cold_token) = without_the_key(false).await;
        let mut second = cold.api.layer().layer(first.clone());
        let parked = second.ready().await.unwrap().call(bearer(&cold_token));
        assert_eq!(places.available_permits(), 1, "{what}: a request waits for its key");

        let mut third = service.clone();
        let served = async { third.ready().await.unwrap().call(bearer(&good(&issuer).sign())).await.unwrap() };
        let served = timeout(MINUTE, served).await.unwrap_or_else(|_| panic!("{what}: the third hangs"));
        assert_eq!(served.status(), StatusCode::OK);
        // Its token is good for the outer layer, and bad for the one within.
        assert_eq!(timeout(MINUTE, parked).await.unwrap().unwrap().status(), StatusCode::UNAUTHORIZED);
        assert_eq!(places.available_permits(), 1, "{what}");
        // The handles serve on.
        for handle in [&mut first, &mut third] {
            let answer = handle.ready().await.unwrap().call(bearer(&good(&issuer).sign())).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
        }
    }
}

type Stack = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// The layer around services that reserve something when they are ready, and within one that keeps it ready.
fn stacks(api: &ResourceServer) -> Vec<(&'static str, Stack)> {
    let ok = service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(Response::new(Body::empty())) });
    let (layer, limit) = (api.layer(), tower::limit::ConcurrencyLimitLayer::new(1));
    let stack = ServiceBuilder::new;
    vec![
        ("a limit within", Stack::new(stack().layer(&layer).layer(&limit).service(ok))),
        ("a buffer within", Stack::new(stack().layer(&layer).buffer(1).service(ok))),
        ("a buffer and a limit within", Stack::new(stack().layer(&layer).buffer(1).layer(&limit).service(ok))),
        ("a limit that sheds within", Stack::new(stack().layer(&layer).load_shed().layer(&limit).service(ok))),
        ("a buffer outside", Stack::new(stack().buffer(1).layer(&layer).layer(&limit).service(ok))),
        ("a limit that sheds outside", Stack::new(stack().load_shed().layer(&layer).layer(&limit).service(ok))),
        ("limits on both sides", Stack::new(stack().layer(&limit).layer(&layer).layer(&limit).service(ok))),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_single_handle_makes_progress_while_keys_are_fetched() {
    for warm in [false, true] {
        for at in 0..7 {
            let (setup, token) = without_the_key(warm).await;
            let (what, mut service) = stacks(&setup.api).swap_remove(at);
            for _ in 0..2 {
                let answer = async { service.ready().await.unwrap().call(bearer(&token)).await.unwrap() };
                let answer = timeout(MINUTE, answer).await.unwrap_or_else(|_| panic!("{what} hangs, warm: {warm}"));
                assert_eq!(answer.status(), StatusCode::OK, "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_ready_handles_do_not_block_each_other() {
    for warm in [false, true] {
        let (setup, token) = without_the_key(warm).await;
        let service = setup.api.layer().layer(Limited::new(2));
        let (mut one, mut other) = (service.clone(), service);
        one.ready().await.unwrap();
        other.ready().await.unwrap();
        let answers = async { tokio::join!(one.call(bearer(&token)), other.call(bearer(&token))) };
        let (one, other) = timeout(MINUTE, answers).await.expect("they hang");
        assert_eq!((one.unwrap().status(), other.unwrap().status()), (StatusCode::OK, StatusCode::OK));
    }
}

/// hyper clones the service for each request of each connection, and there is one permit.
#[tokio::test]
async fn a_hyper_server_works_while_keys_are_fetched() {
    let issuer = small_issuer();
    let ok = |_: Request<Incoming>| async { Ok::<_, BoxError>(Response::new(Empty::<Bytes>::new())) };
    let limit = tower::limit::ConcurrencyLimitLayer::new(1);
    let service = ServiceBuilder::new().layer(server(&issuer).layer()).layer(limit).service(service_fn(ok));
    let url = format!("http://{}", serve_with_hyper(service).await);
    let client = reqwest::Client::builder().no_proxy().timeout(MINUTE).build().unwrap();
    let token = good(&issuer).sign();
    let ask = || async { client.get(&url).bearer_auth(&token).send().await.unwrap().status() };
    assert_eq!(tokio::join!(ask(), ask(), ask()), (StatusCode::OK, StatusCode::OK, StatusCode::OK));
}

/// A request waits for its key until 1 s, for a permit until 2 s, and is served until 3 s.
#[tokio::test(start_paused = true)]
async fn a_cancelled_call_releases_its_permit_at_every_stage() {
    for stage in 0..=35_u32 {
        let (setup, token) = without_the_key(false).await;
        let limited = Limited::new(1).answers_after(SECOND);
        let places = Arc::clone(&limited.places);
        let mut handle = setup.api.layer().layer(limited);
        let response = handle.ready().await.unwrap().call(bearer(&token));
        let held = Arc::clone(&places).try_acquire_owned().expect("a request that waits for its key has no place");
        tokio::spawn(async move {
            sleep(2 * SECOND).await;
            drop(held);
        });
        let gone = timeout(SECOND / 20 + SECOND * stage / 10, response).await;
        assert_eq!(gone.is_ok(), stage >= 30, "stage {stage}");
        sleep(2 * SECOND).await;
        settle().await;
        assert_eq!(places.available_permits(), 1, "stage {stage}");
        let again = async { handle.ready().await.unwrap().call(bearer(&token)).await.unwrap().status() };
        assert_eq!(timeout(MINUTE, again).await, Ok(StatusCode::OK), "stage {stage}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_wait_for_a_key_releases_its_permit() {
    let setup = Setup::new(|_| Fetch::Hang);
    let limited = Limited::new(1);
    let places = Arc::clone(&limited.places);
    let mut handle = setup.api.layer().layer(limited);
    let answer = handle.ready().await.unwrap().call(bearer(&setup.token())).await.unwrap();
    assert_eq!((answer.status(), places.available_permits()), (StatusCode::SERVICE_UNAVAILABLE, 1));
}

#[test]
fn a_dropped_runtime_releases_its_permits() {
    let setup = Setup::new(|_| Fetch::Hang);
    let limited = Limited::new(1);
    let places = Arc::clone(&limited.places);
    let service = setup.api.layer().layer(limited);
    let ended = paused_runtime();
    ended.block_on(async {
        let mut handle = service.clone();
        let token = setup.token();
        tokio::spawn(async move { handle.ready().await.unwrap().call(bearer(&token)).await });
        settle().await;
        assert_eq!(setup.source.fetches(), 1);
    });
    drop(ended);
    assert_eq!(places.available_permits(), 1);
    setup.publish_current();
    setup.clock.advance(MINUTE);
    let answer = paused_runtime().block_on(service.oneshot(bearer(&setup.token()))).unwrap();
    assert_eq!((answer.status(), places.available_permits()), (StatusCode::OK, 1));
}

/// A request that is passed on at once needs no clone of the service.
#[tokio::test]
async fn an_accepted_request_uses_the_ready_handle_without_a_clone() {
    let issuer = small_issuer();
    let api = server(&issuer);
    api.ready().await;
    let limited = Limited::new(1);
    let clones = Arc::clone(&limited.clones);
    let mut service = ServiceBuilder::new().layer(api.layer().optional()).service(limited);
    for request in [bearer(&good(&issuer).sign()), request(None)] {
        let answer = service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!((answer.status(), clones.load(Ordering::Relaxed)), (StatusCode::OK, 0));
    }
    let mut required = api.layer().layer(Require::scope("read:me").layer(service));
    let answer = required.ready().await.unwrap().call(bearer(&good(&issuer).sign())).await.unwrap();
    assert_eq!((answer.status(), clones.load(Ordering::Relaxed)), (StatusCode::OK, 0));
}
