//! Tokens with both bindings, or with one that is not checked.

use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use serde_json::json;
use tower_bearer::ResourceServer;
use tower_bearer::certificate::ClientCertificates;
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{ProofBuilder, TestCertificate, TestClient};
use tower_bearer::validation::{TokenError, VerifyError};

use super::{Reply, Rig, bearer, over};
use crate::harness::{AUDIENCE, good};

const URL: &str = "https://api.example.test/me";

fn rig() -> Rig {
    Rig::with(ClientCertificates::from_connection(), |builder| builder.dpop(Dpop::at(AUDIENCE).unwrap()))
}

fn dpop(token: &str, proof: &ProofBuilder) -> Request<()> {
    let request = Request::get("/me").header(AUTHORIZATION, format!("DPoP {token}"));
    request.header("dpop", proof.sign()).body(()).unwrap()
}

/// Row M3.
#[tokio::test]
async fn a_token_with_both_bindings_needs_both() {
    let rig = rig();
    let (client, thief, other) =
        (TestClient::new(Algorithm::ES256), TestClient::new(Algorithm::ES256), TestCertificate::new());
    let orders = [
        good(&rig.issuer).bound_to(&client).bound_to_certificate(rig.certificate.der()).sign(),
        good(&rig.issuer).bound_to_certificate(rig.certificate.der()).bound_to(&client).sign(),
    ];
    for token in &orders {
        let send = async |proof: ProofBuilder, certificate: Option<&TestCertificate>| -> Reply {
            rig.send(over(dpop(token, &proof), certificate)).await
        };
        for _ in 0..3 {
            send(client.proof("GET", URL, token), Some(&rig.certificate)).await.assert_accepted();
            send(client.proof("GET", URL, token), Some(&other)).await.assert_refused();
            send(client.proof("GET", URL, token), None).await.assert_refused();
            let proof = thief.proof("GET", URL, token);
            send(proof, Some(&rig.certificate)).await.assert_error(StatusCode::UNAUTHORIZED, "invalid_dpop_proof");
            send(thief.proof("GET", URL, token), Some(&other)).await.assert_refused();
            // The certificate alone.
            rig.send(over(bearer(token), Some(&rig.certificate))).await.assert_refused();
        }
        // A proof is not used up by a request with the wrong certificate.
        let proof = client.proof("GET", URL, token);
        send(proof.clone(), Some(&other)).await.assert_refused();
        send(proof.clone(), Some(&rig.certificate)).await.assert_accepted();
        send(proof, Some(&rig.certificate)).await.assert_error(StatusCode::UNAUTHORIZED, "invalid_dpop_proof");
    }
}

/// Row M3.
#[tokio::test]
async fn each_binding_alone_is_checked_where_both_are_configured() {
    let rig = rig();
    let client = TestClient::new(Algorithm::ES256);
    rig.over(Some(&rig.certificate)).await.assert_accepted();
    rig.over(None).await.assert_refused();
    // A token without a jkt is not one for the scheme DPoP (RFC 9449 §7.1).
    let proof = client.proof("GET", URL, &rig.token);
    rig.send(over(dpop(&rig.token, &proof), Some(&rig.certificate))).await.assert_refused();
    let by_key = good(&rig.issuer).bound_to(&client).sign();
    rig.send(dpop(&by_key, &client.proof("GET", URL, &by_key))).await.assert_accepted();
    rig.send(over(bearer(&by_key), Some(&rig.certificate))).await.assert_refused();
}

/// Row M3.
#[tokio::test]
async fn a_binding_that_is_not_checked_refuses_the_token() {
    let certificates_only = Rig::new();
    let client = TestClient::new(Algorithm::ES256);
    let certificate = &certificates_only.certificate;
    let both = good(&certificates_only.issuer).bound_to(&client).bound_to_certificate(certificate.der()).sign();
    certificates_only.send(over(bearer(&both), Some(certificate))).await.assert_refused();
    let key = good(&certificates_only.issuer).bound_to(&client).sign();
    certificates_only.send(over(bearer(&key), Some(certificate))).await.assert_refused();
    // It is the rule about the claim that refuses, before the signature, and not the check of a request alone.
    let bound = VerifyError::Token(TokenError::Bound);
    for token in [&both, &key] {
        assert_eq!(certificates_only.api.verify(token).await.unwrap_err(), bound);
    }
    let issuer = &certificates_only.issuer;
    let proofs_only =
        ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).dpop(Dpop::at(AUDIENCE).unwrap()).build().unwrap();
    for token in [&both, &certificates_only.token] {
        assert_eq!(proofs_only.verify(token).await.unwrap_err(), bound);
    }
}

/// Row M3.
#[tokio::test]
async fn another_confirmation_is_refused() {
    for rig in [Rig::new(), rig()] {
        let extension = rig.certificate.extension();
        let hash = extension.thumbprint();
        for cnf in [
            json!({ "x5t#S256": hash, "kid": "1" }),
            json!({ "x5t#S256": hash, "x5t": "AAAA" }),
            json!({ "x5t#S256": hash, "jwk": {} }),
            json!({ "x5t#S256": hash, "zebra": null }),
            json!({ "x5t#s256": hash }),
            json!({ "x5t": hash }),
            json!({ "X5T#S256": hash }),
            json!({ "x5t#S256": format!("{hash}=") }),
            json!({ "x5t#S256": &hash[..42] }),
            json!({ "x5t#S256": format!("{hash}A") }),
            json!({ "x5t#S256": "" }),
            json!({ "x5t#S256": null }),
            json!({ "x5t#S256": [hash] }),
            json!({}),
            json!(null),
            json!([hash]),
            json!(hash),
        ] {
            let token = good(&rig.issuer).claim("cnf", &cnf).sign();
            for certificate in [None, Some(&rig.certificate)] {
                let reply = rig.send(over(bearer(&token), certificate)).await;
                assert_eq!(reply.status(), StatusCode::UNAUTHORIZED, "{cnf}");
                reply.assert_refused();
            }
        }
    }
}
