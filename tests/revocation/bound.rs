//! Tokens that are bound to a client and remembered.

use axum::body::Body;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use tower::ServiceExt;
use tower_bearer::certificate::ClientCertificates;
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestCertificate, TestClient, TokenBuilder};

use super::Rig;
use super::feed_rig::FeedRig;
use crate::harness::AUDIENCE;

fn rig() -> FeedRig {
    let bindings = Rig::with(|builder| {
        builder.client_certificates(ClientCertificates::from_connection()).dpop(Dpop::at(AUDIENCE).unwrap())
    });
    FeedRig::of(bindings, |signals| signals)
}

/// Uses the tokens of two users until they are remembered, revokes those of one, and uses both again.
async fn assert_revoked(
    feeds: &FeedRig,
    bind: impl Fn(TokenBuilder) -> TokenBuilder,
    request: impl Fn(&str) -> Request<Body>,
) {
    let [alice, bob] = ["alice", "bob"].map(|user| bind(feeds.rig.token(-60.0).subject(user)).sign());
    let send = async |token: &str| feeds.rig.app.clone().oneshot(request(token)).await.unwrap();
    for token in [&alice, &bob] {
        for _ in 0..3 {
            assert_eq!(send(token).await.status(), StatusCode::OK);
        }
    }
    assert_eq!(feeds.rig.api.token_cache_status().unwrap().hits, 2);
    feeds.push(&feeds.set("alice")).await.assert_empty(202, None);
    let refusal = send(&alice).await;
    assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
    let challenges: Vec<_> =
        refusal.headers().get_all(WWW_AUTHENTICATE).iter().map(|it| it.to_str().unwrap()).collect();
    assert!(challenges.iter().any(|challenge| challenge.contains("error=\"invalid_token\"")), "{challenges:?}");
    assert_eq!(send(&bob).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_is_refused() {
    let certificate = TestCertificate::new();
    let bind = |token: TokenBuilder| token.bound_to_certificate(certificate.der());
    let over_its_connection = |token: &str| {
        let request = Request::get("/me").header(AUTHORIZATION, format!("Bearer {token}"));
        request.extension(certificate.extension()).body(Body::empty()).unwrap()
    };
    assert_revoked(&rig(), bind, over_its_connection).await;
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_refused_with_a_fresh_proof() {
    let feeds = rig();
    let client = TestClient::new(Algorithm::ES256).clock(feeds.rig.clock.clone());
    let with_a_proof = |token: &str| {
        let proof = client.proof("GET", &format!("{AUDIENCE}/me"), token).sign();
        let request = Request::get("/me").header(AUTHORIZATION, format!("DPoP {token}"));
        request.header("dpop", proof).body(Body::empty()).unwrap()
    };
    assert_revoked(&feeds, |token| token.bound_to(&client), with_a_proof).await;
}
