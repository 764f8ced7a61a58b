//! How a bound token may be presented, and how one that is not.

use http::header::{AUTHORIZATION, COOKIE};
use http::{Request, StatusCode};
use serde_json::json;
use tower::{Layer, ServiceBuilder};
use tower_bearer::credentials::TokenSource;
use tower_bearer::jose::Algorithm;
use tower_bearer::metadata::Metadata;
use tower_bearer::testing::TestClient;
use tower_bearer::validation::{TokenError, VerifyError};
use tower_bearer::{Require, ResourceServer};

use super::{PROOF, Rig, URL, answer, dpop, echo, request};
use crate::harness::{AUDIENCE, good, small_issuer};

/// Rows L11 to L13, L16.
///
/// After a wait for the keys, after a miss of the cache, and after a hit.
#[tokio::test]
async fn a_bound_token_passes_with_its_proof_and_never_without() {
    for warm in [0, 1, 2, 3] {
        let rig = Rig::new();
        for _ in 0..warm {
            assert_eq!(rig.send(&rig.proof().sign()).await.status(), StatusCode::OK);
        }
        let bearer = format!("Bearer {}", rig.token);
        let with_scheme = format!("DPoP {}", rig.token);
        let proof = rig.proof().sign();
        let refused = rig.request(&[(AUTHORIZATION, &bearer)]).await;
        refused.assert_refused("Bearer", "invalid_token");
        let refused = rig.request(&[(AUTHORIZATION, &bearer), (PROOF, &proof)]).await;
        refused.assert_refused("Bearer", "invalid_token");
        rig.request(&[(AUTHORIZATION, &with_scheme)]).await.assert_refused("DPoP", "invalid_dpop_proof");
        let two = [(AUTHORIZATION, &*with_scheme), (PROOF, &*proof), (PROOF, &*proof)];
        rig.request(&two).await.assert_refused("DPoP", "invalid_dpop_proof");
        let list = format!("{proof}, {proof}");
        let listed = [(AUTHORIZATION, &*with_scheme), (PROOF, &*list)];
        rig.request(&listed).await.assert_refused("DPoP", "invalid_dpop_proof");
        // None of these used the proof up.
        assert_eq!(rig.send(&proof).await.status(), StatusCode::OK, "warm: {warm}");
    }
}

/// Each first request of a server waits for the keys.
#[tokio::test]
async fn a_request_that_waited_for_keys_is_checked_like_any_other() {
    let bad = [
        ("Bearer", "invalid_token", "Bearer", None),
        ("DPoP", "invalid_dpop_proof", "DPoP", None),
        ("DPoP", "invalid_dpop_proof", "DPoP", Some("https://other.example.test/me")),
    ];
    for (challenge, error, scheme, url) in bad {
        let rig = Rig::new();
        let proof = rig.client.proof("GET", url.unwrap_or(URL), &rig.token).sign();
        let authorization = format!("{scheme} {}", rig.token);
        let mut headers = vec![(AUTHORIZATION, &*authorization)];
        if url.is_some() {
            headers.push((PROOF, &*proof));
        }
        rig.request(&headers).await.assert_refused(challenge, error);
    }
}

/// Row L16.
#[tokio::test]
async fn a_token_that_is_not_bound_passes_as_bearer_only() {
    let rig = Rig::new();
    let token = good(&rig.issuer).sign();
    let proof = rig.client.proof("GET", URL, &token).sign();
    for _ in 0..3 {
        let reply = rig.request(&[(AUTHORIZATION, &format!("Bearer {token}"))]).await;
        assert_eq!(reply.status(), StatusCode::OK);
        let headers = [(AUTHORIZATION, &*format!("DPoP {token}")), (PROOF, &*proof)];
        rig.request(&headers).await.assert_refused("DPoP", "invalid_token");
    }
}

/// Row M9.
#[tokio::test]
async fn a_server_can_require_bound_tokens() {
    let rig = Rig::with(dpop().required(), |builder| builder);
    let token = good(&rig.issuer).sign();
    for _ in 0..3 {
        let reply = rig.request(&[(AUTHORIZATION, &format!("Bearer {token}"))]).await;
        assert_eq!((reply.status(), reply.errors()), (StatusCode::UNAUTHORIZED, vec![("DPoP", Some("invalid_token"))]));
        assert_eq!(rig.send(&rig.proof().sign()).await.status(), StatusCode::OK);
    }
    assert_eq!(rig.request(&[]).await.errors(), [("DPoP", None)]);
    assert_eq!(rig.api.verify(&token).await.unwrap_err(), VerifyError::Token(TokenError::NotBound));
}

/// RFC 9449 §7.1: the token is in `Authorization`.
#[tokio::test]
async fn a_bound_token_from_another_source_is_refused() {
    let rig = Rig::new();
    let service = rig.api.layer().token_from(TokenSource::cookie("t")).token_from(TokenSource::query());
    let service = service.layer(echo());
    let (cookie, proof) = (format!("t={}", rig.token), rig.proof().sign());
    for with_proof in [false, true] {
        let mut headers = vec![(COOKIE, &*cookie)];
        headers.extend(with_proof.then_some((PROOF, &*proof)));
        answer(service.clone(), request(&headers)).await.assert_refused("Bearer", "invalid_token");
        let mut query = Request::get(format!("/me?access_token={}", rig.token));
        if with_proof {
            query = query.header(PROOF, &proof);
        }
        answer(service.clone(), query.body(()).unwrap()).await.assert_refused("Bearer", "invalid_token");
    }
}

/// A layer inside another of the same server sees the same proof. One of another server has a replay store of its own.
#[tokio::test]
async fn layers_within_each_other_use_a_proof_once() {
    let rig = Rig::new();
    let other = ResourceServer::builder(AUDIENCE).trust(rig.issuer.issuer()).dpop(dpop()).build().unwrap();
    let service =
        ServiceBuilder::new().layer(rig.api.layer()).layer(other.layer()).layer(rig.api.layer()).service(echo());
    let authorization = format!("DPoP {}", rig.token);
    for _ in 0..3 {
        let proof = rig.proof().sign();
        let headers = [(AUTHORIZATION, &*authorization), (PROOF, &*proof)];
        assert_eq!(answer(service.clone(), request(&headers)).await.status(), StatusCode::OK);
        answer(service.clone(), request(&headers)).await.assert_refused("DPoP", "invalid_dpop_proof");
        // The other server has used it too.
        answer(other.layer().layer(echo()), request(&headers)).await.assert_refused("DPoP", "invalid_dpop_proof");
    }
    let strict = ServiceBuilder::new().layer(rig.api.layer().optional()).layer(rig.api.layer()).service(echo());
    let bearer = format!("Bearer {}", rig.token);
    answer(strict, request(&[(AUTHORIZATION, &bearer)])).await.assert_refused("Bearer", "invalid_token");
}

#[tokio::test]
async fn an_optional_layer_refuses_a_bound_token_without_its_proof() {
    let rig = Rig::new();
    let service = rig.api.layer().optional().layer(echo());
    for _ in 0..3 {
        assert_eq!(answer(service.clone(), request(&[])).await.status(), StatusCode::OK);
        let authorization = format!("DPoP {}", rig.token);
        answer(service.clone(), request(&[(AUTHORIZATION, &authorization)]))
            .await
            .assert_refused("DPoP", "invalid_dpop_proof");
    }
}

/// A token alone has no proof.
#[tokio::test]
async fn the_text_api_refuses_a_bound_token() {
    let rig = Rig::new();
    let expected = VerifyError::Token(TokenError::BoundWithoutProof);
    for _ in 0..3 {
        assert_eq!(rig.api.verify(&rig.token).await.unwrap_err(), expected);
        assert_eq!(rig.api.try_verify(&rig.token).unwrap_err(), expected);
        let explanation = rig.api.explain(&rig.token).await;
        assert_eq!(explanation.verdict().unwrap_err(), &expected);
        assert_eq!(explanation.failures().map(|step| step.name).collect::<Vec<_>>(), ["proof"]);
    }
}

#[tokio::test]
async fn a_request_is_verified_without_a_layer() {
    let rig = Rig::new();
    let authorization = format!("DPoP {}", rig.token);
    for _ in 0..3 {
        let proof = rig.proof().sign();
        let with_proof = request(&[(AUTHORIZATION, &authorization), (PROOF, &proof)]);
        assert!(rig.api.verify_request(&with_proof).await.is_ok());
        let again = rig.api.verify_request(&with_proof).await.unwrap_err();
        assert_eq!(again.error(), Some("invalid_dpop_proof"));
        let without = request(&[(AUTHORIZATION, &format!("Bearer {}", rig.token))]);
        assert_eq!(rig.api.verify_request(&without).await.unwrap_err().error(), Some("invalid_token"));
        assert_eq!(rig.api.verify_request(&request(&[])).await.unwrap_err().error(), None);
    }
}

/// A confirmation that is not checked is not ignored: whether it comes instead of `jkt` or beside it.
#[tokio::test]
async fn another_confirmation_is_refused() {
    let rig = Rig::new();
    let jkt = rig.client.jkt();
    for cnf in [
        json!({ "x5t#S256": jkt }),
        json!({ "jkt": jkt, "x5t#S256": jkt }),
        json!({ "jkt": jkt, "kid": "1" }),
        json!({ "jkt": [jkt] }),
        json!({ "jkt": "" }),
        json!({ "jkt": null }),
        json!({}),
        json!(null),
        json!([{ "jkt": jkt }]),
        json!("jkt"),
    ] {
        let token = good(&rig.issuer).claim("cnf", &cnf).sign();
        let proof = rig.client.proof("GET", URL, &token).sign();
        for scheme in ["DPoP", "Bearer"] {
            let headers = [(AUTHORIZATION, &*format!("{scheme} {token}")), (PROOF, &*proof)];
            rig.request(&headers).await.assert_refused(scheme, "invalid_token");
        }
    }
}

/// Without DPoP, the scheme is unknown and a bound token is refused.
#[tokio::test]
async fn a_server_without_dpop_accepts_no_bound_token() {
    let (issuer, client) = (small_issuer(), TestClient::new(Algorithm::ES256));
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).build().unwrap();
    let token = good(&issuer).bound_to(&client).sign();
    let proof = client.proof("GET", URL, &token).sign();
    for (scheme, errors) in [("Bearer", [("Bearer", Some("invalid_token"))]), ("DPoP", [("Bearer", None)])] {
        let headers = [(AUTHORIZATION, &*format!("{scheme} {token}")), (PROOF, &*proof)];
        let reply = answer(api.layer().layer(echo()), request(&headers)).await;
        assert_eq!((reply.status(), reply.errors()), (StatusCode::UNAUTHORIZED, errors.to_vec()));
    }
}

/// Rows L12, L18.
#[tokio::test]
async fn challenges_name_both_schemes_and_the_algorithms() {
    let rig = Rig::with(dpop().algorithms([Algorithm::ES256, Algorithm::EdDSA]), |builder| builder);
    let reply = rig.request(&[]).await;
    assert_eq!(reply.errors(), [("Bearer", None), ("DPoP", None)]);
    let challenges: Vec<_> = reply.0.headers().get_all("www-authenticate").iter().collect();
    assert_eq!(challenges[1], format!("DPoP realm=\"{AUDIENCE}\", algs=\"ES256 EdDSA\"").as_str());
    // A token that does not grant enough: the error is in the challenge of the scheme that was used.
    let service = rig.api.layer().require(Require::scope("write")).layer(echo());
    let authorization = format!("DPoP {}", rig.token);
    let headers =
        [(AUTHORIZATION, &*authorization), (PROOF, &*rig.proof().sign())].map(|(name, value)| (name, value.to_owned()));
    let headers = headers.each_ref().map(|(name, value)| (name.clone(), &**value));
    let reply = answer(service, request(&headers)).await;
    assert_eq!(reply.status(), StatusCode::FORBIDDEN);
    assert_eq!(reply.errors(), [("Bearer", None), ("DPoP", Some("insufficient_scope"))]);
}

/// Rows L12, L18.
///
/// The error is in the challenge of the scheme that was used, and in that of Bearer if it is ambiguous.
#[tokio::test]
async fn malformed_credentials_get_the_error_of_their_scheme() {
    let rig = Rig::new();
    for value in ["DPoP", "dpop ", "DPoP,x", "DPoP\tx", "DPoP x, DPoP x", "DPoP \"x\""] {
        let headers = [(AUTHORIZATION, value)];
        let reply = rig.request(&headers).await;
        assert_eq!((reply.status(), reply.errors()), (StatusCode::BAD_REQUEST, malformed("DPoP")), "{value:?}");
        let refused = rig.api.verify_request(&request(&headers)).await.unwrap_err();
        let errors: Vec<_> =
            refused.challenges().map(|challenge| challenge.to_str().unwrap().contains("error=")).collect();
        assert_eq!(errors, [false, true], "{value:?}");
    }
    let several = [(AUTHORIZATION, "DPoP x"), (AUTHORIZATION, "DPoP x")];
    for headers in [&[(AUTHORIZATION, "Bearer")][..], &[(AUTHORIZATION, "Bearer x, y")], &several] {
        let reply = rig.request(headers).await;
        assert_eq!((reply.status(), reply.errors()), (StatusCode::BAD_REQUEST, malformed("Bearer")), "{headers:?}");
    }
}

fn malformed(used: &str) -> Vec<(&'static str, Option<&'static str>)> {
    ["Bearer", "DPoP"].map(|scheme| (scheme, (scheme == used).then_some("invalid_request"))).into()
}

#[test]
fn the_metadata_names_dpop() {
    let document = |dpop| {
        let rig = Rig::with(dpop, |builder| builder.metadata(Metadata::new()));
        serde_json::from_slice::<serde_json::Value>(rig.api.metadata().unwrap().json()).unwrap()
    };
    let offered = document(dpop().algorithms([Algorithm::ES256]));
    assert_eq!(offered["dpop_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(offered.get("dpop_bound_access_tokens_required"), None);
    assert_eq!(document(dpop().required())["dpop_bound_access_tokens_required"], json!(true));
}
