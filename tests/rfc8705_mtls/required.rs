//! Servers that refuse tokens which are bound to nothing.

use http::Request;
use http::header::AUTHORIZATION;
use tower_bearer::certificate::{CertificateError, ClientCertificates};
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestClient;
use tower_bearer::validation::{TokenError, VerifyError};

use super::{Rig, bearer, over};
use crate::harness::{AUDIENCE, good};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Off,
    Optional,
    Required,
}

/// Which tokens pass with all that belongs to them: bound to nothing, to the certificate, to the key, to both.
async fn accepted(certificates: ClientCertificates, key: Key) -> [bool; 4] {
    let dpop = Dpop::at(AUDIENCE).unwrap();
    let rig = Rig::with(certificates, |builder| match key {
        Key::Off => builder,
        Key::Optional => builder.dpop(dpop),
        Key::Required => builder.dpop(dpop.required()),
    });
    let client = TestClient::new(Algorithm::ES256);
    let unbound = good(&rig.issuer);
    let by_key = unbound.clone().bound_to(&client);
    let both = by_key.clone().bound_to_certificate(rig.certificate.der());
    let mut results = [false; 4];
    let tokens = [(unbound.sign(), false), (rig.token.clone(), false), (by_key.sign(), true), (both.sign(), true)];
    for (result, (token, has_proof)) in results.iter_mut().zip(tokens) {
        let proof = client.proof("GET", "https://api.example.test/me", &token).sign();
        let with_proof = Request::get("/me").header(AUTHORIZATION, format!("DPoP {token}")).header("dpop", proof);
        let request = || if has_proof { None } else { Some(bearer(&token)) };
        let request = request().unwrap_or_else(|| with_proof.body(()).unwrap());
        *result = rig.send(over(request, Some(&rig.certificate))).await.status().is_success();
    }
    results
}

/// Row M9.
#[tokio::test]
async fn what_is_required_is_required_of_every_token() {
    let certificates = ClientCertificates::from_connection;
    for (settings, key, expected) in [
        (certificates(), Key::Off, [true, true, false, false]),
        (certificates(), Key::Optional, [true, true, true, true]),
        (certificates(), Key::Required, [false, false, true, true]),
        (certificates().required(), Key::Off, [false, true, false, false]),
        (certificates().required(), Key::Optional, [false, true, false, true]),
        (certificates().required(), Key::Required, [false, false, false, true]),
        (certificates().required_unless_dpop(), Key::Off, [false, true, false, false]),
        (certificates().required_unless_dpop(), Key::Optional, [false, true, true, true]),
        (certificates().required_unless_dpop(), Key::Required, [false, false, true, true]),
    ] {
        let name = format!("{settings:?}, required by DPoP: {}", key == Key::Required);
        assert_eq!(accepted(settings, key).await, expected, "{name}");
    }
}

/// Row M9.
#[tokio::test]
async fn an_unbound_token_is_refused_with_the_reason_of_what_is_required() {
    for certificates in
        [ClientCertificates::from_connection().required(), ClientCertificates::from_connection().required_unless_dpop()]
    {
        let rig = Rig::with(certificates, |builder| builder);
        let unbound = good(&rig.issuer).sign();
        let error = VerifyError::Certificate(CertificateError::NotBound);
        for _ in 0..3 {
            rig.send(over(bearer(&unbound), Some(&rig.certificate))).await.assert_refused();
            rig.over(Some(&rig.certificate)).await.assert_accepted();
            assert_eq!(rig.api.verify(&unbound).await.unwrap_err(), error);
            assert_eq!(rig.api.try_verify(&unbound).unwrap_err(), error);
        }
        let explanation = rig.api.explain(&unbound).await;
        assert_eq!(explanation.verdict().unwrap_err(), &error);
        let failures: Vec<_> = explanation.failures().map(|step| (step.name, &*step.found)).collect();
        assert_eq!(failures, [("certificate", "one that is not")]);
        let explained = rig.api.explain_request(&over(bearer(&unbound), Some(&rig.certificate))).await.unwrap();
        assert_eq!(explained.verdict().unwrap_err(), &error);
    }
    let dpop = Dpop::at(AUDIENCE).unwrap().required();
    let rig = Rig::with(ClientCertificates::from_connection(), |builder| builder.dpop(dpop));
    let unbound = good(&rig.issuer).sign();
    assert_eq!(rig.api.verify(&unbound).await.unwrap_err(), VerifyError::Token(TokenError::NotBound));
}
