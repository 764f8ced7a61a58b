//! Tenants have nothing in common but the bounds.

use std::time::Duration;

use http::Request;
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::testing::{TestClient, TestIssuer};

use super::{Rig, iss, status_of};
use crate::harness::memory_source::{Fetch, Source, keys};

/// Two tenants with the same keys, so the same kid, who expect each other's audience.
#[tokio::test]
async fn tenants_with_the_same_keys_do_not_accept_each_others_tokens() {
    let rig = Rig::new(0);
    let [one, other] = ["https://one.example.test", "https://other.example.test"];
    rig.database.insert(&iss(0), &rig.source(), |issuer| issuer.allow_audience(one));
    rig.database.insert(&iss(1), &rig.source(), |issuer| issuer.allow_audience(other));
    let token = |number: usize, audience: &str| rig.token(&iss(number)).audience(audience).sign();
    for _ in 0..3 {
        assert_eq!(rig.status(&token(0, one)).await, 200);
        assert_eq!(rig.status(&token(1, other)).await, 200);
        assert_eq!(rig.status(&token(0, other)).await, 401);
        assert_eq!(rig.status(&token(1, one)).await, 401);
    }
    // A token of one that says it is of the other has another signature.
    let good = token(0, one);
    let [header, _, signature] = *good.split('.').collect::<Vec<_>>() else { panic!("{good}") };
    let as_other = rig.token(&iss(1)).audience(other).signing_input();
    let (_, payload) = as_other.split_once('.').unwrap();
    assert_eq!(rig.status(&format!("{header}.{payload}.{signature}")).await, 401);
    assert_eq!(rig.database.fetches(), 2, "and each has fetched them itself");
}

#[tokio::test]
async fn each_tenant_has_its_own_algorithms_and_rules() {
    let rig = Rig::new(0);
    let signer = TestIssuer::builder().algorithms([Algorithm::ES256, Algorithm::PS256]).start();
    let source = || Source::new(Fetch::Keys(keys(&signer), None));
    rig.database.insert(&iss(0), &source(), |issuer| issuer.algorithms([Algorithm::ES256]));
    rig.database.insert(&iss(1), &source(), |issuer| issuer.algorithms([Algorithm::PS256]));
    rig.database.insert(&iss(2), &source(), |issuer| issuer.allow_subjects(["alice"]));
    let token = |number: usize, algorithm: Algorithm| {
        let token = signer.token_by(algorithm).claim("iss", iss(number)).audience(crate::harness::AUDIENCE);
        token.subject(if algorithm == Algorithm::ES256 { "alice" } else { "bob" }).sign()
    };
    for (number, algorithm, status) in [
        (0, Algorithm::ES256, 200),
        (0, Algorithm::PS256, 401),
        (1, Algorithm::ES256, 401),
        (1, Algorithm::PS256, 200),
        (2, Algorithm::ES256, 200),
        (2, Algorithm::PS256, 401),
    ] {
        assert_eq!(rig.status(&token(number, algorithm)).await, status, "{number} {algorithm}");
    }
}

#[tokio::test]
async fn the_rotation_of_one_tenant_is_nothing_to_the_others() {
    let rig = Rig::new(2);
    let (one, other) = (rig.token(&iss(0)).sign(), rig.token(&iss(1)).sign());
    for _ in 0..3 {
        assert_eq!((rig.status(&one).await, rig.status(&other).await), (200, 200));
    }
    let successor = crate::harness::small_issuer();
    let source = Source::new(Fetch::Keys(keys(&successor), None));
    rig.database.insert(&iss(0), &source, |issuer| issuer);
    rig.tenants().add(rig.database.get(&iss(0)).unwrap()).unwrap();
    assert_eq!((rig.status(&one).await, rig.status(&other).await), (401, 200));
}

#[tokio::test]
async fn tokens_of_tenants_are_revoked_as_others_are() {
    let revocations = Revocations::new(Duration::from_secs(24 * 60 * 60));
    let of_server = revocations.clone();
    let rig = Rig::with(2, |settings| settings, |builder| builder.revocations(of_server));
    let token = |number: usize| rig.token(&iss(number)).subject("alice").sign();
    let (one, other) = (token(0), token(1));
    for _ in 0..3 {
        assert_eq!((rig.status(&one).await, rig.status(&other).await), (200, 200));
    }
    revocations.revoke(&Revocation::subject(&iss(0), "alice")).await.unwrap();
    assert_eq!((rig.status(&one).await, rig.status(&other).await), (401, 200));
}

#[tokio::test]
async fn tokens_of_tenants_are_bound_to_keys_as_others_are() {
    let rig = Rig::with(2, |settings| settings, |builder| builder.dpop(Dpop::at("https://api.example.test").unwrap()));
    let client = TestClient::new(Algorithm::ES256);
    let token = rig.token(&iss(0)).claim("cnf", serde_json::json!({ "jkt": client.jkt() })).sign();
    let send = |scheme: &str, proof: Option<String>| {
        let mut request =
            Request::get("https://api.example.test/me").header("authorization", format!("{scheme} {token}"));
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let request = request.body(()).unwrap();
        let api = rig.api.clone();
        async move { api.verify_request(&request).await }
    };
    let proof = || client.proof("GET", "https://api.example.test/me", &token).sign();
    for _ in 0..3 {
        assert_eq!(status_of(&send("DPoP", Some(proof())).await), 200);
        assert_eq!(status_of(&send("DPoP", None).await), 401);
        assert_eq!(status_of(&send("Bearer", None).await), 401);
    }
}
