//! Attacks and races on keys, fetches and layers.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use http::{Request, StatusCode};
use serde_json::json;
use tokio::task::yield_now;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::clock::Clock;
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::keys::{FetchFuture, FetchRequest, Fetched, KeySource};
use tower_bearer::server::ConfigError;
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::validation::VerifyError;
use tower_bearer::{Issuer, Require, ResourceServer, Scope};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::harness::memory_source::{Fetch, HOUR, INSTANT, SECOND, Setup, keys, settle};
use crate::harness::{AUDIENCE, current_thread_runtime, good, paused_runtime, present, server, small_issuer};

/// A clock that runs other code between a reading and the return to the reader.
#[derive(Clone)]
pub(crate) struct Interrupted {
    pub(crate) clock: TestClock,
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

struct Meanwhile {
    /// How many more readings pass without an interruption.
    readings: usize,
    then: Box<dyn FnOnce() + Send>,
}

impl Interrupted {
    pub(crate) fn new() -> Self {
        Self { clock: TestClock::new(), meanwhile: Arc::default() }
    }

    pub(crate) fn after(&self, readings: usize, then: impl FnOnce() + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Meanwhile { readings, then: Box::new(then) });
    }
}

impl Clock for Interrupted {
    fn now(&self) -> SystemTime {
        self.clock.now()
    }

    fn monotonic(&self) -> Instant {
        let now = self.clock.monotonic();
        let due = {
            let mut meanwhile = self.meanwhile.lock().unwrap();
            match meanwhile.as_mut() {
                Some(Meanwhile { readings: 0, .. }) => meanwhile.take(),
                Some(meanwhile) => {
                    meanwhile.readings -= 1;
                    None
                }
                None => None,
            }
        };
        if let Some(due) = due {
            (due.then)();
        }
        now
    }
}

/// A request reads the clock and is interrupted by another one, which changes the state of the keys but not their age.
#[tokio::test(start_paused = true)]
async fn keys_past_the_stale_limit_are_refused_during_concurrent_requests() {
    for readings in 0..2 {
        let Setup { issuer, source, .. } = Setup::new(|issuer| Fetch::Keys(keys(issuer), None));
        let clock = Interrupted::new();
        let trusted = Issuer::keys(issuer.url(), source.clone()).unwrap();
        let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap();
        let token = good(&issuer).expires_in(24 * HOUR).sign();
        api.verify(&token).await.unwrap();
        source.set(Fetch::Hang);
        clock.clock.advance(3 * HOUR);
        clock.after(readings, {
            let (api, token, clock) = (api.clone(), token.clone(), clock.clone());
            move || {
                clock.clock.advance(INSTANT);
                assert!(api.try_verify(&token).is_err());
            }
        });
        let verdict = api.try_verify(&token);
        assert!(matches!(verdict, Err(VerifyError::KeysUnavailable { .. })), "after {readings} readings: {verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_without_kid_is_not_refused_before_the_first_keys_arrive() {
    for readings in 0..2 {
        let Setup { issuer, source, .. } = Setup::new(|issuer| Fetch::Keys(keys(issuer), None));
        let clock = Interrupted::new();
        let trusted = Issuer::keys(issuer.url(), source).unwrap();
        let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap();
        let token = good(&issuer).without_header("kid").sign();
        clock.after(readings, {
            let (api, token, clock) = (api.clone(), token.clone(), clock.clone());
            move || {
                clock.clock.advance(INSTANT);
                assert!(api.try_verify(&token).is_err());
            }
        });
        let verdict = api.verify(&token).await;
        assert!(verdict.is_ok(), "after {readings} readings: {verdict:?}");
    }
}

/// What the inner service reserved is not kept by a request that waits, on a stranger's word, for a key that may not
/// exist.
#[tokio::test(start_paused = true)]
async fn a_request_waiting_for_a_key_holds_no_permit_of_the_inner_service() {
    let setup = Setup::warm(None).await;
    tokio::time::sleep(SECOND).await;
    setup.source.set(Fetch::Hang);
    let ok = |_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) };
    let service =
        ServiceBuilder::new().layer(setup.api.layer()).layer(ConcurrencyLimitLayer::new(1)).service(service_fn(ok));
    let request = |token: String| {
        let request = Request::builder().header("authorization", format!("Bearer {token}"));
        service.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    let stranger = tokio::spawn(request(setup.token_by("unheard-of")));
    settle().await;
    assert!(!stranger.is_finished());
    let started = tokio::time::Instant::now();
    assert_eq!(request(setup.token()).await.unwrap().status(), StatusCode::OK);
    assert_eq!(started.elapsed(), Duration::ZERO, "it waited for a stranger");
}

/// Such as CORS headers: without them a browser does not show the refusal to the page.
#[tokio::test]
async fn headers_added_by_a_layer_in_between_stay_on_a_refusal() {
    let issuer = small_issuer();
    let app = Router::new()
        .route("/me", get(async || "me").layer(Require::scope("write:me")))
        .layer(map_response(async |mut response: Response| {
            response.headers_mut().insert("access-control-allow-origin", "*".parse().unwrap());
            response
        }))
        .layer(server(&issuer).layer());
    let answer = present(&app, &good(&issuer).sign()).await;
    answer.assert_insufficient_scope("write:me");
    assert_eq!(answer.headers.get("access-control-allow-origin"), Some(&"*".parse().unwrap()));
}

/// Asks the server for its status whenever something is logged, as a metrics layer might.
struct Curious(ResourceServer);

impl<S: tracing::Subscriber> Layer<S> for Curious {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        thread_local!(static ASKING: Cell<bool> = const { Cell::new(false) });
        if !ASKING.replace(true) {
            let _ = self.0.status();
            ASKING.set(false);
        }
    }
}

#[test]
fn a_log_subscriber_may_query_the_server_without_deadlock() {
    let setup = Setup::new(|_| Fetch::Fail);
    let subscriber = tracing_subscriber::registry().with(Curious(setup.api.clone()));
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = current_thread_runtime();
        with_default(subscriber, || runtime.block_on(setup.verify()).unwrap_err());
        done.send(()).unwrap();
    });
    // Nothing in it takes time.
    finished.recv_timeout(Duration::from_secs(10)).expect("a deadlock");
}

#[test]
fn an_issuer_url_with_white_space_is_a_configuration_error() {
    for bad in ["https://login.example.com\n", " https://login.example.com"] {
        assert!(matches!(Issuer::discover(bad), Err(ConfigError::Text { .. })), "{bad:?}");
    }
    let within = Issuer::discover("https://login.exa\tmple.com");
    assert!(matches!(within, Err(ConfigError::Issuer { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_counted_as_a_failure() {
    let setup = Setup::new(|_| Fetch::Panic);
    setup.verify().await.unwrap_err();
    let [status] = &setup.api.status()[..] else { panic!() };
    assert_eq!((status.fetches, status.failures), (1, 1));
    assert!(status.last_error.is_some());
}

/// Counts the fetches, and hangs from the second on.
struct HangsLater {
    keys: JwkSet,
    fetches: Arc<AtomicUsize>,
}

impl KeySource for HangsLater {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
        let first = self.fetches.fetch_add(1, Ordering::Relaxed) == 0;
        Box::pin(async move {
            if !first {
                std::future::pending::<()>().await;
            }
            Ok(Fetched::keys(self.keys.clone()))
        })
    }
}

/// A new runtime for each call, as in a synchronous program: it ends before its fetch does.
#[test]
fn a_refresh_lost_with_its_runtime_is_not_restarted_on_every_request() {
    let issuer = small_issuer();
    let fetches = Arc::<AtomicUsize>::default();
    let source = HangsLater { keys: keys(&issuer), fetches: Arc::clone(&fetches) };
    let clock = TestClock::new();
    let trusted = Issuer::keys(issuer.url(), source).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap();
    let token = good(&issuer).expires_in(24 * HOUR).sign();
    let verify = || {
        current_thread_runtime().block_on(async {
            api.verify(&token).await.unwrap();
            yield_now().await;
        });
    };
    verify();
    // A refresh is due, and the keys are still within their lifetime.
    clock.advance(570 * SECOND);
    for _ in 0..100 {
        verify();
    }
    assert!(fetches.load(Ordering::Relaxed) <= 3, "{fetches:?} fetches within one instant");
}

/// The fetch was abandoned, and another has returned keys since.
#[test]
fn an_abandoned_fetch_changes_nothing_when_it_completes() {
    let setup = Setup::new(|_| Fetch::Hang);
    let stalled = paused_runtime();
    stalled.block_on(async {
        setup.try_verify().unwrap_err();
        settle().await;
    });
    setup.clock.advance(11 * SECOND);
    setup.publish_current();
    let healthy = paused_runtime();
    healthy.block_on(setup.verify()).unwrap();
    stalled.block_on(async { tokio::time::sleep(10 * SECOND).await });
    let [status] = &setup.api.status()[..] else { panic!() };
    assert_eq!((status.is_usable, &status.last_error), (true, &None));
}

/// Such a fetch would have no effect, and would exceed the rate limit for the issuer.
#[test]
fn a_fetch_abandoned_before_it_started_sends_no_request() {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), None));
    let stalled: Vec<_> = (0..5)
        .map(|_| {
            let stalled = paused_runtime();
            stalled.block_on(async { setup.try_verify().unwrap_err() });
            setup.clock.advance(11 * SECOND);
            stalled
        })
        .collect();
    assert_eq!(setup.source.fetches(), 0);
    for stalled in &stalled {
        stalled.block_on(settle());
    }
    assert_eq!(setup.source.fetches(), 1);
}

#[test]
fn scopes_compare_as_sets() {
    let scope = |text: &str| text.parse::<Scope>().unwrap();
    assert_eq!(scope("a b"), scope("b a"));
    assert_eq!(scope("a a"), scope("a"));
}

/// RFC 7518 §6.3.2: the primes are the private key, with or without `d`.
/// Row E20.
#[test]
fn every_private_jwk_member_makes_the_key_unusable() {
    let issuer = TestIssuer::builder().algorithms([Algorithm::RS256]).start();
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"] {
        let mut jwks = issuer.jwks();
        jwks["keys"][0][member] = json!("AQAB");
        assert!(JwkSet::from_json(jwks.to_string().as_bytes()).unwrap().keys().is_empty(), "{member}");
    }
}

/// Two nested layers with an issuer each: no token is valid for both.
#[tokio::test]
async fn nested_layers_each_require_their_own_issuer() {
    let (one, other) = (small_issuer(), small_issuer());
    let ok = |_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) };
    for optional in [false, true] {
        let inner = server(&other).layer();
        let inner = if optional { inner.optional() } else { inner };
        let mut service = ServiceBuilder::new().layer(server(&one).layer()).layer(inner).service(service_fn(ok));
        for issuer in [&one, &other] {
            let request = Request::builder().header("authorization", format!("Bearer {}", good(issuer).sign()));
            let response = service.ready().await.unwrap().call(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        }
    }
}
