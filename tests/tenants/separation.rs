//! Tenants have nothing in common but the bounds.

use std::time::Duration;

use http::Request;
use http::header::AUTHORIZATION;
use tower_bearer::certificate::ClientCertificates;
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::testing::{ProofBuilder, TestCertificate, TestClient, TestClock, TestIssuer};

use super::{Rig, iss, request, status_of};
use crate::harness::memory_source::{Fetch, HOUR, MINUTE, Source, keys};

/// Two tenants with the same keys, so the same kid, who expect each other's audience.
#[tokio::test]
async fn tenants_with_the_same_keys_do_not_accept_each_others_tokens() {
    let rig = Rig::new(0);
    let [one, other] = ["https://one.example.test", "https://other.example.test"];
    rig.database.insert(&iss(0), &rig.source(), |issuer| issuer.audiences([one]));
    rig.database.insert(&iss(1), &rig.source(), |issuer| issuer.audiences([other]));
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
async fn remembered_tokens_of_tenants_expire_as_others_do() {
    let clock = TestClock::new();
    let of_server = clock.clone();
    let rig = Rig::with(1, |settings| settings, |builder| builder.clock(of_server));
    let token = rig.token(&iss(0)).expires_in(MINUTE).sign();
    for _ in 0..3 {
        assert_eq!(rig.status(&token).await, 200);
    }
    clock.advance(2 * MINUTE);
    assert_eq!(rig.status(&token).await, 401);
}

/// The provider of the tenant no longer publishes the key.
#[tokio::test(start_paused = true)]
async fn remembered_tokens_of_tenants_end_with_their_key_as_others_do() {
    let rig = Rig::new(0);
    let source = rig.source();
    rig.database.insert(&iss(0), &source, |issuer| issuer);
    let token = rig.token(&iss(0)).expires_in(HOUR).sign();
    for _ in 0..3 {
        assert_eq!(rig.status(&token).await, 200);
    }
    source.set(Fetch::Keys(keys(&crate::harness::small_issuer()), None));
    tokio::time::sleep(25 * MINUTE).await;
    assert_eq!(rig.status(&token).await, 401);
    assert_eq!(rig.database.calls(), 1);
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

/// The same session at two tenants is two sessions, and one that is revoked while the request waits for its tenant is revoked too.
#[tokio::test(start_paused = true)]
async fn sessions_of_tenants_are_revoked_as_others_are() {
    let revocations = Revocations::new(Duration::from_secs(24 * 60 * 60));
    let of_server = revocations.clone();
    let rig = Rig::with(3, |settings| settings, |builder| builder.revocations(of_server));
    let token = |number: usize| rig.token(&iss(number)).claim("sid", "s1").sign();
    let (one, other) = (token(0), token(1));
    for _ in 0..3 {
        assert_eq!((rig.status(&one).await, rig.status(&other).await), (200, 200));
    }
    revocations.revoke(&Revocation::session(&iss(0), "s1")).await.unwrap();
    for _ in 0..2 {
        assert_eq!((rig.status(&one).await, rig.status(&other).await), (401, 200));
        assert_eq!(rig.status(&rig.token(&iss(0)).claim("sid", "s2").sign()).await, 200);
    }
    rig.database.set_delay(Duration::from_secs(2));
    let waiting = token(2);
    let (status, ()) = tokio::join!(rig.status(&waiting), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        revocations.revoke(&Revocation::session(&iss(2), "s1")).await.unwrap();
    });
    assert_eq!(status, 401);
    // The tenant has come into use all the same.
    assert_eq!(rig.use_tenant(2).await, 200);
    assert_eq!(rig.database.calls_about(&iss(2)), 1);
}

/// The first request of each tenant waits for it, and the later ones have a remembered token.
#[tokio::test]
async fn tokens_of_tenants_are_bound_to_client_certificates_as_others_are() {
    let certificates = ClientCertificates::from_connection();
    let rig = Rig::with(3, |settings| settings, |builder| builder.client_certificates(certificates));
    let (right, other) = (TestCertificate::new(), TestCertificate::new());
    let send = async |token: &str, certificate: Option<&TestCertificate>| {
        let mut request = request(token);
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate.extension());
        }
        status_of(&rig.api.verify_request(&request).await)
    };
    let cases = [(Some(&right), 200), (Some(&other), 401), (None, 401)];
    for (number, first) in cases.into_iter().enumerate() {
        let token = rig.token(&iss(number)).bound_to_certificate(right.der()).sign();
        for (certificate, status) in [first, first, first].into_iter().chain(cases) {
            assert_eq!(send(&token, certificate).await, status, "{number}");
        }
        assert_eq!(rig.database.calls_about(&iss(number)), 1);
        // It says nothing about a token that is bound to nothing.
        assert_eq!(send(&rig.token(&iss(number)).sign(), None).await, 200);
    }
}

/// The first request of each tenant waits for it, and the later ones have a remembered token.
#[tokio::test]
async fn tokens_of_tenants_are_bound_to_keys_as_others_are() {
    const URL: &str = "https://api.example.test/me";
    let rig = Rig::with(5, |settings| settings, |builder| builder.dpop(Dpop::at("https://api.example.test").unwrap()));
    let (client, thief) = (TestClient::new(Algorithm::ES256), TestClient::new(Algorithm::ES256));
    let token = |number: usize| rig.token(&iss(number)).bound_to(&client).sign();
    let send = async |scheme: &str, token: &str, proof: Option<&ProofBuilder>| {
        let mut request = Request::get(URL).header(AUTHORIZATION, format!("{scheme} {token}"));
        if let Some(proof) = proof {
            request = request.header("dpop", proof.sign());
        }
        status_of(&rig.api.verify_request(&request.body(()).unwrap()).await)
    };
    let try_case = async |case: usize, token: &str| match case {
        0 => (send("DPoP", token, Some(&client.proof("GET", URL, token))).await, 200),
        1 => (send("DPoP", token, Some(&thief.proof("GET", URL, token))).await, 401),
        2 => (send("DPoP", token, None).await, 401),
        3 => (send("Bearer", token, None).await, 401),
        // A proof for the token that the same client has from another tenant.
        _ => (send("DPoP", token, Some(&client.proof("GET", URL, &rig.token(&iss(0)).sign()))).await, 401),
    };
    for first in 0..5 {
        let token = token(first);
        for case in [first, first, first].into_iter().chain(0..5) {
            let (found, expected) = try_case(case, &token).await;
            assert_eq!(found, expected, "{first}, {case}");
        }
        assert_eq!(rig.database.calls_about(&iss(first)), 1);
    }
}
