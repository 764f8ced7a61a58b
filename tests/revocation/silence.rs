//! Feeds that are silent, and what that means for requests.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::StatusCode;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use tower_bearer::clock::Clock as _;
use tower_bearer::feeds::{BackChannelLogout, SharedSignals};
use tower_bearer::rejection::RejectionKind;
use tower_bearer::revocation::{FeedKind, FeedStatus, Revocation, Revocations};
use tower_bearer::testing::{TestClock, TestIssuer, push_request};
use tower_bearer::validation::VerifyError;
use tower_bearer::{Require, ResourceServer};

use super::LIFE;
use super::feed_rig::{CLIENT, FeedRig, SSF, issuer_of, send};
use super::sharing::Log;
use crate::harness::{AUDIENCE, app, builder_with_keys, present, small_issuer};

const SECOND: Duration = Duration::from_secs(1);

fn server(issuer: &TestIssuer, clock: &TestClock, revocations: &Revocations) -> ResourceServer {
    let builder = builder_with_keys(issuer.url(), &issuer.jwks()).clock(clock.clone());
    builder.revocations(revocations.clone()).build().unwrap()
}

fn status(revocations: &Revocations) -> FeedStatus {
    let [status] = revocations.status().try_into().unwrap();
    status
}

/// Time passes by both clocks, and the store is heard.
async fn pass(clock: &TestClock, time: Duration) {
    for _ in 0..time.as_secs() {
        clock.set(clock.now() + SECOND);
        // The monotonic time is that of the runtime.
        tokio::time::sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_silent_shows_and_refuses_only_if_it_is_to() {
    for refuses in [true, false] {
        let (issuer, clock, log) = (small_issuer(), TestClock::new(), Log::default());
        let revocations = Revocations::new(LIFE).clock(clock.clone());
        let revocations = if refuses {
            revocations.share_and_refuse_when_stale(log.clone(), 5 * SECOND)
        } else {
            revocations.share(log.clone())
        };
        let api = server(&issuer, &clock, &revocations);
        let (app, token) = (app(&api), issuer.token().audience(AUDIENCE).scope("read:me").sign());
        // Nothing has been read yet.
        let answer = present(&app, &token).await;
        assert_eq!(answer.status == StatusCode::SERVICE_UNAVAILABLE, refuses);
        assert!(!status(&revocations).is_ready() && status(&revocations).is_stale() && !api.is_ready());
        pass(&clock, SECOND).await;
        assert_eq!(present(&app, &token).await.status, StatusCode::OK);
        let heard = status(&revocations);
        assert!(heard.is_ready() && !heard.is_stale() && heard.last_heard().is_some() && api.is_ready());
        assert_eq!((heard.kind(), heard.issuer()), (FeedKind::Store, None));

        let before = api.verify(&token).await.unwrap();
        log.fail(true);
        pass(&clock, 3 * SECOND).await;
        assert_eq!(present(&app, &token).await.status, StatusCode::OK);
        pass(&clock, 3 * SECOND).await;
        let answer = present(&app, &token).await;
        assert_eq!(answer.status == StatusCode::SERVICE_UNAVAILABLE, refuses);
        assert_eq!(status(&revocations).is_stale(), refuses);
        assert_eq!(api.is_ready(), !refuses);
        if refuses {
            assert_eq!(answer.headers[RETRY_AFTER], "1");
            // No error code that would make the client discard its token.
            assert!(!answer.headers.contains_key(WWW_AUTHENTICATE));
            let error = api.verify(&token).await.unwrap_err();
            assert_eq!(error, VerifyError::RevocationsUnavailable { retry_after: SECOND });
            let explanation = api.explain(&token).await;
            let failed: Vec<_> = explanation.failures().map(|step| (step.name, step.found.clone())).collect();
            assert_eq!(failed, [("revocation", "a feed that has been silent for too long".to_owned())]);
            // Also to those who have waited or ask late.
            let late = api.check(&before, &Require::token()).unwrap_err();
            assert_eq!((late.kind(), late.retry_after()), (RejectionKind::RevocationsUnavailable, Some(SECOND)));
            // What is certain is said.
            revocations.revoke(&Revocation::issuer(issuer.url())).await.unwrap_err();
            assert_eq!(present(&app, &token).await.status, StatusCode::UNAUTHORIZED);
        } else {
            pass(&clock, 6 * SECOND).await;
            assert!(status(&revocations).is_stale());
            assert_eq!(present(&app, &token).await.status, StatusCode::OK);
        }
        log.fail(false);
        pass(&clock, SECOND).await;
        assert!(!status(&revocations).is_stale() && api.is_ready());
    }
}

/// A machine that was suspended does not know what was revoked meanwhile.
#[tokio::test(start_paused = true)]
async fn silence_counts_by_either_clock() {
    let (issuer, clock, log) = (small_issuer(), TestClock::new(), Log::default());
    let revocations = Revocations::new(LIFE).clock(clock.clone());
    let revocations = revocations.share_and_refuse_when_stale(log.clone(), 5 * SECOND);
    let api = server(&issuer, &clock, &revocations);
    let token = issuer.token().audience(AUDIENCE).sign();
    pass(&clock, SECOND).await;
    assert!(api.verify(&token).await.is_ok());
    log.fail(true);
    clock.set(clock.now() + 6 * SECOND);
    assert!(api.verify(&token).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_feed_may_be_silent_for_ever() {
    let (clock, log) = (TestClock::new(), Log::default());
    let revocations = Revocations::new(LIFE).clock(clock.clone());
    let revocations = revocations.share_and_refuse_when_stale(log, Duration::MAX);
    pass(&clock, SECOND).await;
    assert!(status(&revocations).is_ready());
    let feeds = FeedRig::with(|signals| signals.expect_events_within(Duration::MAX).refuse_when_stale(Duration::MAX));
    feeds.rig.clock.advance(1000 * LIFE);
    assert!(!feeds.status(FeedKind::SharedSignals).is_stale());
    assert!(feeds.accepts(&feeds.rig.token(-60.0)).await);
}

/// An attacker who has captured an event sends it again and again while the transmitter cannot be reached.
#[tokio::test]
async fn an_old_event_is_no_sign_of_life() {
    let feeds = FeedRig::with(|signals| signals.refuse_when_stale(60 * SECOND));
    let captured = feeds.set("zoe");
    let mut heard = Vec::new();
    for _ in 0..5 {
        feeds.rig.clock.advance(25 * SECOND);
        feeds.push(&captured).await.assert_empty(202, None);
        heard.push(!feeds.status(FeedKind::SharedSignals).is_stale());
    }
    // It is as good as a new one for as long as the transmitter may be silent, and what was heard counts for as long again.
    assert_eq!(heard, [true, true, true, true, false]);
    // It is carried out all the same.
    assert!(!feeds.rig.revocations.is_empty());
    feeds.push(&feeds.set("zoe")).await.assert_empty(202, None);
    assert!(feeds.accepts(&feeds.rig.token(-10.0)).await);
    // Without a limit there is nothing to keep up.
    let feeds = FeedRig::new();
    feeds.push(&feeds.set("zoe").claim("iat", feeds.rig.now() - 1e6)).await.assert_empty(202, None);
    assert!(feeds.status(FeedKind::SharedSignals).last_heard().is_some());
}

/// An application makes its routes again while it runs: a feed that nobody serves any more must not refuse all tokens.
#[tokio::test]
async fn a_receiver_that_is_made_again_has_the_feed_of_the_former_one() {
    let feeds = FeedRig::with(|signals| signals.refuse_when_stale(60 * SECOND));
    let revocations = &feeds.rig.revocations;
    let again = |audience: &str, limit: Duration| {
        let signals = SharedSignals::from_issuer(issuer_of(&feeds.rig.issuer), audience).refuse_when_stale(limit);
        Router::new().route_service("/ssf", signals.receiver(revocations).unwrap())
    };
    let numbers = || (revocations.status().len(), feeds.counts()[0]);
    assert_eq!(numbers(), (2, 0));
    let app = again(SSF, 60 * SECOND);
    BackChannelLogout::from_issuer(issuer_of(&feeds.rig.issuer), CLIENT).receiver(revocations).unwrap();
    // It is no sign of life.
    feeds.rig.clock.advance(61 * SECOND);
    assert!(feeds.rig.api.verify(&feeds.rig.token(-1.0).sign()).await.is_err());
    let push = async |app: &Router| {
        let set = feeds.set("zoe").claim("iat", feeds.rig.now()).sign();
        send(app, "/ssf", push_request(&set).map(Body::from)).await.assert_empty(202, None);
    };
    push(&app).await;
    assert!(feeds.accepts(&feeds.rig.token(-1.0)).await);
    assert_eq!(numbers(), (2, 1));
    // The limits that were set last apply.
    let app = again(SSF, 120 * SECOND);
    feeds.rig.clock.advance(100 * SECOND);
    assert!(feeds.accepts(&feeds.rig.token(-1.0)).await);
    push(&app).await;
    assert_eq!(numbers(), (2, 1));
    // Another stream is another feed.
    let _other = again("https://api.example.test/other", 60 * SECOND);
    assert_eq!(numbers().0, 3);
}
