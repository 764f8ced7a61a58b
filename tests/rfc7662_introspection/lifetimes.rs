//! For how long an answer counts, and how often the issuer is asked.

use std::sync::Arc;
use std::time::Duration;

use tower_bearer::introspection::Introspection;
use tower_bearer::testing::{Fault, TestClock};

use super::*;

/// A rig by a clock, whose answers are used for so many seconds.
fn rig(lifetime: u64) -> (Rig, TestClock) {
    let clock = TestClock::new();
    let trusted = |issuer: &TestIssuer| {
        let introspection = Introspection::discover(issuer.url(), issuer.introspection_client()).unwrap();
        issuer.issuer().introspect(introspection.lifetime(Duration::from_secs(lifetime)))
    };
    (Rig::with(trusted, |builder| builder.clock(clock.clone())), clock)
}

/// Row N4.
#[tokio::test]
async fn a_revoked_token_is_refused_when_its_answer_ends_however_often_it_is_used() {
    let (rig, clock) = rig(60);
    let token = rig.token();
    assert_eq!(rig.status(&token).await, 200);
    rig.issuer.revoke(&token);
    for _ in 0..59 {
        clock.advance(Duration::from_secs(1));
        assert_eq!(rig.status(&token).await, 200);
    }
    assert_eq!(rig.calls(), 1);
    clock.advance(Duration::from_secs(1));
    assert_refused(rig.send(&token).await);
    assert_eq!(rig.calls(), 2);
}

/// Row N4.
#[tokio::test]
async fn a_token_expires_within_the_lifetime_of_its_answer() {
    let (rig, clock) = rig(60);
    let token = rig.issuer.opaque_token(&rig.claims().expires_in(Duration::from_secs(5)));
    assert_eq!(rig.status(&token).await, 200);
    // 30 seconds of leeway, as for a JWT.
    for _ in 0..34 {
        clock.advance(Duration::from_secs(1));
        assert_eq!(rig.status(&token).await, 200);
    }
    clock.advance(Duration::from_secs(2));
    assert_refused(rig.send(&token).await);
    assert_eq!(rig.calls(), 1, "nobody has to be asked");
}

#[tokio::test]
async fn with_a_lifetime_of_zero_every_request_gets_an_answer_of_its_own_time() {
    let (rig, _) = rig(0);
    let token = rig.token();
    for calls in 1..=3 {
        assert_eq!(rig.status(&token).await, 200);
        assert_eq!(rig.calls(), calls);
    }
    rig.issuer.revoke(&token);
    assert_refused(rig.send(&token).await);
}

#[tokio::test]
async fn an_unknown_token_is_asked_about_again_after_five_seconds() {
    let (rig, clock) = rig(60);
    for _ in 0..5 {
        assert_refused(rig.send("later").await);
    }
    assert_eq!(rig.calls(), 1);
    let answer = serde_json::json!({ "active": true, "sub": "a", "aud": AUDIENCE, "exp": 4_000_000_000_u64 });
    rig.issuer.set_answer("later", answer);
    clock.advance(Duration::from_secs(5));
    assert_eq!(rig.status("later").await, 200);
}

/// A token of another API costs one question, and not one for each request.
#[tokio::test]
async fn a_token_that_the_rules_refuse_is_remembered_like_an_unknown_one() {
    let (rig, _) = rig(60);
    let token = rig.issuer.opaque_token(&rig.claims().audience("https://other.example.test"));
    for _ in 0..5 {
        assert_refused(rig.send(&token).await);
    }
    assert_eq!(rig.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_with_one_new_token_cost_one_question() {
    let rig = Arc::new(Rig::new());
    rig.issuer.fail(Endpoint::Introspection, Fault::Delay(Duration::from_millis(300)));
    let token: Arc<str> = rig.token().into();
    let requests: Vec<_> = std::iter::repeat_with(|| {
        let (rig, token) = (Arc::clone(&rig), Arc::clone(&token));
        tokio::spawn(async move { rig.status(&token).await })
    })
    .take(1_000)
    .collect();
    // The first one, and some others, hang up.
    for request in requests.iter().take(100) {
        request.abort();
    }
    for request in requests.into_iter().skip(100) {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(rig.calls(), 1);
}

/// The requests that asked have all gone, and the answer is kept for later ones.
#[tokio::test]
async fn a_question_outlives_the_request_that_caused_it() {
    let rig = Rig::new();
    rig.issuer.fail(Endpoint::Introspection, Fault::Delay(Duration::from_millis(100)));
    let token = rig.token();
    let given_up = tokio::time::timeout(Duration::from_millis(20), rig.send(&token)).await;
    assert!(given_up.is_err());
    let patience = std::time::Instant::now();
    while rig.api.try_verify(&token).is_err() {
        assert!(patience.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rig.calls(), 1);
}
