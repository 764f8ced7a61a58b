//! What strangers can do at the feeds: nothing that users notice.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use http::Request;
use http_body::{Frame, SizeHint};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower_bearer::feeds::{BackChannelLogout, SharedSignals};
use tower_bearer::jose::JwkSet;
use tower_bearer::keys::{FetchFuture, FetchRequest, KeySource};
use tower_bearer::revocation::Revocations;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer, TokenBuilder, logout_request, push_request};
use tower_bearer::{Issuer, ResourceServer};

use super::LIFE;
use super::feed_rig::{CAEP, CLIENT, FeedRig, Reply, SSF, iss_sub, send};
use crate::harness::memory_source::{Fetch, Source};
use crate::harness::{AUDIENCE, good, small_issuer};

/// A body that never comes, of at least this size.
struct Never(u64);

impl http_body::Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        let mut size = SizeHint::new();
        size.set_lower(self.0);
        size
    }
}

/// A body in pieces of a kilobyte, whose size nobody knows before its end.
struct Pieces(usize);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or_default();
        Poll::Ready(left.map(|_| Ok(Frame::data(Bytes::from_static(&[b' '; 1024])))))
    }
}

/// The server and the feeds of one issuer, as an application sets them up.
fn set_up(issuer: &Issuer) -> (ResourceServer, Router) {
    let revocations = Revocations::new(LIFE);
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.clone()).revocations(revocations.clone()).build().unwrap();
    let signals = SharedSignals::from_issuer(issuer.clone(), SSF).receiver(&revocations).unwrap();
    let logout = BackChannelLogout::from_issuer(issuer.clone(), CLIENT).receiver(&revocations).unwrap();
    (api, Router::new().route_service("/ssf", signals).route_service("/logout", logout))
}

fn set(issuer: &TestIssuer, sub: &str) -> TokenBuilder {
    let event = format!("{CAEP}session-revoked");
    issuer.security_event(SSF, &event, json!({})).claim("sub_id", iss_sub(issuer, sub))
}

async fn push(app: &Router, set: &TokenBuilder) -> Reply {
    send(app, "/ssf", push_request(&set.sign()).map(Body::from)).await
}

async fn log_out(app: &Router, token: &TokenBuilder) -> Reply {
    send(app, "/logout", logout_request(&token.sign()).map(Body::from)).await
}

/// Sends a request, and does not wait for the answer.
fn begin(app: &Router, path: &'static str, request: Request<Body>) -> JoinHandle<Reply> {
    let app = app.clone();
    tokio::spawn(async move { send(&app, path, request).await })
}

/// A paused clock stands still meanwhile.
async fn others_run() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn junk_spends_no_fetch_of_users() {
    let issuer = small_issuer();
    let (api, app) = set_up(&issuer.issuer());
    assert!(api.verify(&good(&issuer).sign()).await.is_ok());
    assert_eq!(issuer.requests(Endpoint::Jwks), 1);
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for number in 0..50 {
        let kid = format!("junk-{number}");
        let replies = [
            push(&app, &set(&issuer, "alice").header("kid", &kid)).await,
            log_out(&app, &issuer.logout_token(CLIENT).subject("alice").header("kid", &kid)).await,
        ];
        for reply in replies {
            *statuses.entry(reply.status.as_u16()).or_default() += 1;
        }
    }
    // Each feed has its first fetch, and two for unknown keys.
    assert!(statuses.keys().all(|status| [400, 429].contains(status)), "{statuses:?}");
    let by_junk = issuer.requests(Endpoint::Jwks) - 1;
    assert!((2..=6).contains(&by_junk), "{by_junk}");
    // Users wait for nobody: their next key is found at once.
    issuer.rotate();
    let before = issuer.requests(Endpoint::Jwks);
    api.verify(&good(&issuer).sign()).await.unwrap();
    assert_eq!(issuer.requests(Endpoint::Jwks), before + 1);
}

/// Keys without names: each message without a `kid` may cost as many verifications as there are keys, up to a budget.
#[tokio::test(start_paused = true)]
async fn junk_spends_no_verification_of_users() {
    let issuers: Vec<_> = (0..17).map(|_| small_issuer()).collect();
    let unnamed: Vec<Value> = issuers
        .iter()
        .map(|issuer| {
            let mut key = issuer.jwks()["keys"][0].clone();
            key.as_object_mut().unwrap().remove("kid");
            key
        })
        .collect();
    let keys = JwkSet::from_json(json!({ "keys": unnamed }).to_string().as_bytes()).unwrap();
    let (issuer, stranger) = (issuers.last().unwrap(), small_issuer());
    let (api, app) = set_up(&Issuer::keys(issuer.url(), keys).unwrap());
    let mut statuses = Vec::new();
    for _ in 0..70 {
        statuses
            .push(push(&app, &set(issuer, "alice").without_header("kid").signed_by(&stranger)).await.status.as_u16());
    }
    // 16 further keys each, of 1,000.
    assert_eq!((statuses[0], statuses[61], statuses[69]), (400, 400, 429));
    assert!(api.verify(&good(issuer).without_header("kid").sign()).await.is_ok());
    // Nor of the other feed.
    let logout = issuer.logout_token(CLIENT).subject("bob").without_header("kid");
    log_out(&app, &logout).await.assert_empty(200, None);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_never_end_keep_no_message_out() {
    let feeds = FeedRig::new();
    for (path, good) in [
        ("/ssf", push_request(&feeds.set("alice").sign())),
        ("/logout", logout_request(&feeds.logout_token().subject("alice").sign())),
    ] {
        let start = tokio::time::Instant::now();
        let slow = || begin(&feeds.app, path, good.clone().map(|_| Body::new(Never(0))));
        let waiting: Vec<_> = (0..256).map(|_| slow()).collect();
        others_run().await;
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
        // The oldest one is given up for it, and no other.
        assert!(feeds.send(path, good.clone()).await.status.is_success());
        let mut waiting = waiting.into_iter();
        waiting.next().unwrap().await.unwrap().assert_empty(429, Some("1"));
        // One that gives up makes room.
        waiting.next().unwrap().abort();
        others_run().await;
        assert!(feeds.send(path, good.clone()).await.status.is_success());
        assert_eq!(start.elapsed(), Duration::ZERO);
        for waiting in waiting {
            waiting.await.unwrap().assert_empty(408, None);
        }
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }
    assert_eq!((feeds.counts()[4], feeds.logout_counts()[4]), (255, 255));
}

/// They wait for the keys that are fetched on their account.
#[tokio::test(start_paused = true)]
async fn messages_with_unknown_keys_keep_no_message_out() {
    let issuer = small_issuer();
    let keys = JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
    let source = Source::new(Fetch::Keys(keys, None));
    let (_, app) = set_up(&Issuer::keys(issuer.url(), source.clone()).unwrap());
    let (set, logout) = (set(&issuer, "alice"), issuer.logout_token(CLIENT).subject("alice"));
    push(&app, &set).await.assert_empty(202, None);
    log_out(&app, &logout).await.assert_empty(200, None);
    source.set(Fetch::Hang);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (good_set, good_logout) = (push_request(&set.sign()), logout_request(&logout.sign()));
    let (junk_set, junk_logout) = (set.header("kid", "junk").sign(), logout.header("kid", "junk").sign());
    for (path, good, junk) in
        [("/ssf", good_set, push_request(&junk_set)), ("/logout", good_logout, logout_request(&junk_logout))]
    {
        let waiting: Vec<_> = (0..200).map(|_| begin(&app, path, junk.clone().map(Body::from))).collect();
        others_run().await;
        assert_eq!(waiting.iter().filter(|waiting| !waiting.is_finished()).count(), 32);
        assert!(send(&app, path, good.map(Body::from)).await.status.is_success());
    }
}

/// Whether it says its size or not.
#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_is_not_read() {
    let feeds = FeedRig::new();
    for (path, good) in [("/ssf", push_request("")), ("/logout", logout_request(""))] {
        for (body, status) in [
            (Body::new(Never(64 * 1024 + 1)), 413),
            (Body::new(Pieces(65)), 413),
            (Body::new(Pieces(usize::MAX)), 413),
            (Body::new(Pieces(64)), 400),
        ] {
            let start = tokio::time::Instant::now();
            let reply = send(&feeds.app, path, good.clone().map(|_| body)).await;
            assert_eq!((reply.status.as_u16(), start.elapsed()), (status, Duration::ZERO), "{path}");
        }
    }
}

/// However long a fetch may take.
#[tokio::test(start_paused = true)]
async fn a_message_waits_for_keys_for_six_seconds() {
    struct Slow;

    impl KeySource for Slow {
        fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
            Box::pin(std::future::pending())
        }

        fn time_limit(&self) -> Duration {
            Duration::from_secs(600)
        }
    }

    let issuer = small_issuer();
    let (_, app) = set_up(&Issuer::keys(issuer.url(), Slow).unwrap());
    let start = tokio::time::Instant::now();
    let (set, logout) = (set(&issuer, "alice"), issuer.logout_token(CLIENT).subject("alice"));
    let (pushed, logged_out) = tokio::join!(push(&app, &set), log_out(&app, &logout));
    assert_eq!(start.elapsed(), Duration::from_secs(6));
    pushed.assert_empty(503, Some("5"));
    logged_out.assert_empty(503, Some("5"));
}

/// The message may be good, so its sender tries again.
#[tokio::test(start_paused = true)]
async fn a_message_without_keys_is_good_once_there_are_keys() {
    let issuer = small_issuer();
    let source = Source::new(Fetch::Hang);
    let (_, app) = set_up(&Issuer::keys(issuer.url(), source.clone()).unwrap());
    let (set, logout) = (set(&issuer, "alice"), issuer.logout_token(CLIENT).subject("alice"));
    let (pushed, logged_out) = tokio::join!(push(&app, &set), log_out(&app, &logout));
    for reply in [&pushed, &logged_out] {
        assert_eq!(reply.status, 503);
        assert!((1..=5).contains(&reply.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap()));
    }
    source.set(Fetch::Keys(JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap(), None));
    tokio::time::sleep(Duration::from_secs(5)).await;
    push(&app, &set).await.assert_empty(202, None);
    log_out(&app, &logout).await.assert_empty(200, None);
}

#[tokio::test]
async fn a_transmitter_without_keys_is_asked_to_try_again() {
    let issuer = small_issuer();
    let (api, app) = set_up(&issuer.issuer());
    issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let reply = push(&app, &set(&issuer, "alice")).await;
    assert_eq!((reply.status.as_u16(), &*reply.body), (503, ""));
    assert!(reply.headers.contains_key("retry-after"));
    // The failure is that of the feed.
    issuer.recover();
    assert!(api.verify(&good(&issuer).sign()).await.is_ok());
}

/// A new key of the transmitter is found as a new key of users is.
#[tokio::test]
async fn a_new_key_of_the_transmitter_is_found_at_once() {
    let issuer = small_issuer();
    let (_, app) = set_up(&issuer.issuer());
    push(&app, &set(&issuer, "alice")).await.assert_empty(202, None);
    issuer.rotate();
    push(&app, &set(&issuer, "alice")).await.assert_empty(202, None);
    assert_eq!(issuer.requests(Endpoint::Jwks), 2);
}
