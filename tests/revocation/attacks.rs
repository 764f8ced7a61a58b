//! Tokens that try to pass although they are revoked, and good ones that must.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use http::{Response, StatusCode};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::clock::Clock as _;
use tower_bearer::introspection::Introspection;
use tower_bearer::mcp::{MessageBody, Operations};
use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::testing::{Endpoint, TestClock};
use tower_bearer::{AccessToken, Require, ResourceServer};

use super::{LIFE, Rig};
use crate::harness::{AUDIENCE, request, small_issuer};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: f64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs_f64(seconds)
}

/// Of a second in which both happened, no token stays good: many clocks and events have whole seconds.
#[tokio::test]
async fn a_fraction_in_iat_saves_no_token() {
    for (issued, revoked, good) in
        [(0.5, 0.9, false), (0.9, 0.9, false), (0.9, 0.5, false), (-0.1, 0.0, false), (1.0, 0.9, true)]
    {
        let rig = Rig::new();
        let token = rig.token(issued).sign();
        rig.clock.set(at(rig.now() + revoked));
        rig.revocations.revoke(&Revocation::subject(rig.issuer.url(), "alice")).await.unwrap();
        assert_eq!(rig.api.verify(&token).await.is_ok(), good, "issued at {issued}, revoked at {revoked}");
    }
}

/// The clock of the issuer may be ahead by the leeway, and then the token is accepted for the leeway longer.
#[tokio::test]
async fn a_token_of_a_clock_that_is_ahead_does_not_outlive_its_revocation() {
    const LEEWAY: f64 = 60.0;
    for kind in 0..2 {
        let rig = Rig::with(|builder| builder.leeway(Duration::from_secs_f64(LEEWAY)));
        // So that entries that end in one minute are removed soon.
        rig.clock.set(at((rig.now() / 60.0).floor() * 60.0 + 50.0));
        let token = rig.token(LEEWAY).claim("exp", rig.now() + LEEWAY + LIFE.as_secs_f64()).sign();
        assert!(rig.api.verify(&token).await.is_ok());
        let revocation = match kind {
            0 => Revocation::session(rig.issuer.url(), "s"),
            _ => Revocation::token(rig.issuer.url(), "j"),
        };
        rig.revocations.revoke(&revocation).await.unwrap();
        rig.clock.advance(LIFE + 119 * SECOND);
        // That removes what has ended.
        rig.revocations.revoke(&Revocation::session(rig.issuer.url(), "other")).await.unwrap();
        assert!(rig.api.verify(&token).await.is_err(), "{revocation:?}");
        rig.clock.advance(SECOND);
        let expired = rig.api.verify(&token).await.unwrap_err();
        assert!(expired.to_string().contains("expired"), "{expired}");
    }
}

/// An answer may be remembered for longer than the tokens of the issuer live.
#[tokio::test]
async fn a_remembered_answer_does_not_outlive_the_revocation() {
    let (issuer, clock) = (small_issuer(), TestClock::new());
    let revocations = Revocations::new(SECOND).clock(clock.clone());
    let introspection = Introspection::discover(issuer.url(), issuer.introspection_client()).unwrap();
    let trusted = issuer.issuer().introspect(introspection.lifetime(600 * SECOND));
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone());
    let api = api.revocations(revocations.clone()).build().unwrap();
    let claims = issuer.token().audience(AUDIENCE).subject("alice").expires_in(LIFE);
    let token = issuer.opaque_token(&claims);
    assert!(api.verify(&token).await.is_ok());
    clock.advance(SECOND);
    revocations.revoke(&Revocation::subject(issuer.url(), "alice")).await.unwrap();
    clock.advance(400 * SECOND);
    revocations.revoke(&Revocation::subject(issuer.url(), "other")).await.unwrap();
    assert!(api.verify(&token).await.is_ok());
    assert_eq!(issuer.requests(Endpoint::Introspection), 2, "the answer is older than the revocation");
}

/// The transmitter was down for longer than tokens live. JWTs have expired since, and what the issuer has said of an opaque token counts still.
#[tokio::test]
async fn an_event_that_comes_very_late_ends_remembered_answers() {
    for late in [3719, 3721, 100_000] {
        let (issuer, clock) = (small_issuer(), TestClock::new());
        let revocations = Revocations::new(3600 * SECOND).clock(clock.clone());
        let introspection = Introspection::discover(issuer.url(), issuer.introspection_client()).unwrap();
        let trusted = issuer.issuer().introspect(introspection.lifetime(600 * SECOND));
        let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone());
        let api = api.revocations(revocations.clone()).build().unwrap();
        let token = issuer.opaque_token(&issuer.token().audience(AUDIENCE).subject("alice").expires_in(LIFE));
        assert!(api.verify(&token).await.is_ok());
        clock.advance(SECOND);
        let event = clock.now() - late * SECOND;
        revocations.revoke(&Revocation::subject(issuer.url(), "alice").at(event)).await.unwrap();
        clock.advance(590 * SECOND);
        // That removes what has ended.
        revocations.revoke(&Revocation::subject(issuer.url(), "other")).await.unwrap();
        assert!(api.verify(&token).await.is_ok());
        assert_eq!(issuer.requests(Endpoint::Introspection), 2, "{late}");
    }
}

#[derive(Clone)]
struct ApiKey;

/// It has no token that could be revoked.
#[tokio::test]
async fn a_request_without_a_token_passes_after_its_body_is_read() {
    let rig = Rig::new();
    rig.revocations.revoke(&Revocation::issuer(rig.issuer.url())).await.unwrap();
    let either = || Require::scope("read:me").or_extension::<ApiKey>();
    let layer = rig.api.layer().ignore_tokens(|text| text.starts_with("ak_")).require(either());
    let handler = service_fn(async |request: http::Request<MessageBody<Body>>| {
        drop(request);
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let service = ServiceBuilder::new().layer(layer).layer(Operations::new().otherwise(either())).service(handler);
    let mut call = request(Some("ak_1")).map(|_| Body::from(r#"{"method":"ping"}"#));
    call.extensions_mut().insert(ApiKey);
    *call.method_mut() = http::Method::POST;
    assert_eq!(service.oneshot(call).await.unwrap().status(), StatusCode::OK);
}

/// No check that begins after `revoke` has returned passes, while other threads check the same token all the time.
#[test]
fn a_check_that_begins_after_the_revocation_fails_on_every_thread() {
    const TOKENS: usize = 500;
    let rig = Rig::new();
    let runtime = crate::harness::current_thread_runtime();
    let tokens: Vec<AccessToken> = (0..TOKENS)
        .map(|number| {
            let token = rig.token(-60.0).claim("sid", number.to_string()).claim("jti", number.to_string()).sign();
            runtime.block_on(rig.api.verify(&token)).unwrap()
        })
        .collect();
    let [revoked, checked, mistakes] = [(); 3].map(|()| AtomicUsize::new(0));
    let passes = |number: usize| rig.api.check(&tokens[number], &Require::token()).is_ok();
    std::thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                for number in 0..TOKENS {
                    while revoked.load(Ordering::Acquire) <= number {
                        passes(number);
                        checked.fetch_add(1, Ordering::Relaxed);
                    }
                    mistakes.fetch_add(usize::from(passes(number)), Ordering::Relaxed);
                }
            });
        }
        for number in 0..TOKENS {
            // Somebody checks this very token now.
            let before = checked.load(Ordering::Relaxed);
            while checked.load(Ordering::Relaxed) < before + 10 {
                std::thread::yield_now();
            }
            let number = number.to_string();
            let revocation = match number.len() % 2 {
                0 => Revocation::session(rig.issuer.url(), &number),
                _ => Revocation::token(rig.issuer.url(), &number),
            };
            super::at_once(rig.revocations.revoke(&revocation)).unwrap();
            revoked.fetch_add(1, Ordering::Release);
        }
    });
    assert_eq!(mistakes.load(Ordering::Relaxed), 0);
    assert!((0..TOKENS).all(|number| !passes(number)));
}

/// Strange names, times and lengths of life.
#[tokio::test]
async fn odd_revocations_concern_the_tokens_that_they_name() {
    let long = "x".repeat(3000);
    for name in ["\0", "a\0b", "é", "\u{301}", &long] {
        let rig = Rig::new();
        let [token, other] =
            [name.to_owned(), format!("{name}\0")].map(|sid| rig.token(-60.0).claim("sid", sid).subject("u").sign());
        rig.revocations.revoke(&Revocation::session(rig.issuer.url(), name)).await.unwrap();
        assert!(rig.api.verify(&token).await.is_err(), "{name:?}");
        assert!(rig.api.verify(&other).await.is_ok(), "{name:?}");
    }
    // Only a text is the name of a session, so others have none.
    for sid in [
        serde_json::json!(1),
        serde_json::json!(["1"]),
        serde_json::json!(null),
        serde_json::json!({"1": 1}),
        serde_json::json!(""),
    ] {
        let rig = Rig::new();
        rig.revocations.revoke(&Revocation::session(rig.issuer.url(), "1")).await.unwrap();
        let token = rig.token(-60.0).claim("sid", sid.clone()).sign();
        assert_eq!(rig.api.verify(&token).await.unwrap().session_id(), None, "{sid}");
        rig.revocations.revoke(&Revocation::subject(rig.issuer.url(), "alice")).await.unwrap();
        assert!(rig.api.verify(&token).await.is_err(), "{sid}");
    }
    // A time before 1970 is long ago; a life without end keeps what it concerns.
    for life in [LIFE, Duration::MAX] {
        let (issuer, clock) = (small_issuer(), TestClock::new());
        let revocations = Revocations::new(life).clock(clock.clone());
        let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).clock(clock.clone());
        let api = api.revocations(revocations.clone()).build().unwrap();
        let token = issuer.token().audience(AUDIENCE).subject("alice").claim("sid", "s").sign();
        revocations.revoke(&Revocation::subject(issuer.url(), "alice").at(UNIX_EPOCH - LIFE)).await.unwrap();
        assert!(api.verify(&token).await.is_ok());
        revocations.revoke(&Revocation::session(issuer.url(), "s")).await.unwrap();
        assert!(api.verify(&token).await.is_err());
    }
    // The clock of the machine is not set yet. A token is issued in the future then.
    let (issuer, clock) = (small_issuer(), TestClock::new());
    let now = clock.now();
    let revocations = Revocations::new(LIFE).clock(clock.clone());
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).clock(clock.clone());
    let api = api.revocations(revocations.clone()).build().unwrap();
    let token = issuer.token().audience(AUDIENCE).subject("alice").claim("sid", "s").sign();
    clock.set(UNIX_EPOCH - LIFE);
    revocations.revoke(&Revocation::session(issuer.url(), "s")).await.unwrap();
    assert!(api.verify(&token).await.is_err());
    clock.set(now);
    revocations.revoke(&Revocation::session(issuer.url(), "other")).await.unwrap();
    assert!(api.verify(&token).await.is_err());
}

/// Nobody's token lives for no time, so none is accepted.
#[tokio::test]
async fn a_life_of_zero_refuses_every_jwt() {
    let issuer = small_issuer();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).revocations(Revocations::new(Duration::ZERO));
    let api = api.build().unwrap();
    assert!(api.verify(&issuer.token().audience(AUDIENCE).sign()).await.is_err());
}

/// Counts how often a future is polled.
struct Counted<F>(Pin<Box<F>>, usize);

impl<F: Future> Future for Counted<F> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        self.1 += 1;
        let polls = self.1;
        self.0.as_mut().poll(cx).map(|_| polls)
    }
}

/// Each open connection looks a few times a second, however many revocations there are.
#[tokio::test(start_paused = true)]
async fn a_storm_of_revocations_wakes_a_connection_a_few_times_a_second() {
    const STREAMS: usize = 100;
    const SECONDS: usize = 10;
    let rig = Rig::new();
    let token = rig.api.verify(&rig.token(-60.0).sign()).await.unwrap();
    let streams: Vec<_> = (0..STREAMS).map(|_| tokio::spawn(Counted(Box::pin(token.expires()), 0))).collect();
    for number in 0..SECONDS * 1000 {
        let subject = format!("user-{number}");
        rig.revocations.revoke(&Revocation::subject(rig.issuer.url(), &subject)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    rig.revocations.revoke(&Revocation::subject(rig.issuer.url(), "alice")).await.unwrap();
    for stream in streams {
        let polls = stream.await.unwrap();
        assert!((SECONDS..=11 * SECONDS).contains(&polls), "{polls} polls in {SECONDS} s");
    }
}
