//! Signed answers (RFC 9701).

use std::time::Duration;

use serde_json::json;
use tower_bearer::introspection::Introspection;
use tower_bearer::testing::{Fault, TestClock};

use super::*;

fn rig() -> (Rig, TestClock) {
    rig_with(|builder| builder)
}

fn rig_with(change: impl FnOnce(Builder) -> Builder) -> (Rig, TestClock) {
    let clock = TestClock::new();
    let trusted = |issuer: &TestIssuer| {
        let introspection = Introspection::discover(issuer.url(), issuer.introspection_client()).unwrap();
        issuer.issuer().introspect(introspection.signed_answers())
    };
    (Rig::with(trusted, |builder| change(builder.clock(clock.clone()))), clock)
}

/// Row N7.
#[tokio::test]
async fn a_signed_answer_is_accepted_like_a_plain_one() {
    let (rig, _) = rig();
    let token = rig.token();
    for _ in 0..3 {
        let accepted = rig.send(&token).await.unwrap();
        assert_eq!((accepted.subject(), accepted.issuer()), ("user-1", rig.issuer.url()));
    }
    assert_eq!((rig.calls(), rig.issuer.requests(Endpoint::Jwks)), (1, 1));
    assert_refused(rig.send("unknown").await);
    // The next key signs.
    rig.issuer.rotate();
    assert_eq!(rig.status(&rig.token()).await, 200);
}

/// Row N7.
#[tokio::test]
async fn a_signed_answer_of_the_second_of_the_question_is_not_from_before_it() {
    let (rig, clock) = rig_with(|builder| builder.leeway(Duration::ZERO));
    let second = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    clock.set(std::time::UNIX_EPOCH + Duration::from_millis(second * 1000 + 900));
    for (iat, status) in [(second, 200), (second - 1, 503)] {
        rig.issuer.change_signed_answers(move |answer| answer.claim("iat", iat));
        assert_eq!(rig.status(&rig.token()).await, status);
    }
}

/// Row N7.
#[tokio::test]
async fn each_rule_about_a_signed_answer_refuses_it() {
    type Change = fn(TokenBuilder) -> TokenBuilder;
    let stranger = small_issuer();
    let other_key = move |answer: TokenBuilder| answer.signed_by(&stranger);
    let changes: [(&str, Change); 11] = [
        ("another type", |answer| answer.header("typ", "at+jwt")),
        ("no type", |answer| answer.without_header("typ")),
        ("another issuer", |answer| answer.claim("iss", "https://other.example.test")),
        ("no issuer", |answer| answer.without_claim("iss")),
        ("another server's", |answer| answer.audience("https://other.example.test")),
        ("no audience", |answer| answer.without_claim("aud")),
        ("too old", |answer| answer.claim("iat", 1_700_000_000)),
        ("from before the question", |answer| {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
            answer.claim("iat", now - 45)
        }),
        ("no iat", |answer| answer.without_claim("iat")),
        ("no answer in it", |answer| answer.without_claim("token_introspection")),
        ("no object in it", |answer| answer.claim("token_introspection", json!([{ "active": true }]))),
    ];
    let (rig, clock) = rig();
    for (what, change) in changes {
        rig.issuer.change_signed_answers(change);
        let token = rig.token();
        assert_unavailable(rig.send(&token).await);
        rig.issuer.change_signed_answers(|answer| answer);
        clock.advance(Duration::from_secs(1));
        assert_eq!(rig.status(&token).await, 200, "{what}");
    }
    rig.issuer.change_signed_answers(other_key);
    assert_unavailable(rig.send(&rig.token()).await);
    // In the answer itself only `token_introspection` counts.
    rig.issuer.change_signed_answers(|answer| answer.claim("active", true).claim("token_introspection", json!({})));
    assert_refused(rig.send(&rig.token()).await);
}

/// The issuer is set to sign, so that plain answers may be forged.
#[tokio::test]
async fn a_plain_answer_is_refused_where_signed_ones_are_wanted() {
    let (rig, _) = rig();
    let exp = 4_000_000_000_u64;
    let plain = json!({ "active": true, "sub": "a", "aud": AUDIENCE, "exp": exp }).to_string();
    rig.issuer.fail(Endpoint::Introspection, Fault::Body(plain.into()));
    assert_unavailable(rig.send(&rig.token()).await);
}

/// Row N8.
#[tokio::test]
async fn a_signed_answer_is_no_access_token() {
    let (issuer, plain) = (small_issuer(), small_issuer());
    let answer = issuer
        .token()
        .header("typ", "token-introspection+jwt")
        .audience(AUDIENCE)
        .claim("token_introspection", json!({ "active": true, "aud": AUDIENCE }));
    let jwts = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).trust(plain.introspection()).build().unwrap();
    assert_refused(jwts.verify_request(&request(&answer.sign())).await);
    let introspecting = ResourceServer::builder(AUDIENCE).trust(issuer.introspection()).build().unwrap();
    assert_refused(introspecting.verify_request(&request(&answer.sign())).await);
}

#[tokio::test]
async fn without_keys_no_signed_answer_is_accepted() {
    let (rig, _) = rig();
    rig.issuer.fail(Endpoint::Jwks, Fault::Status(500));
    assert_unavailable(tokio::time::timeout(Duration::from_secs(8), rig.send(&rig.token())).await.unwrap());
}
