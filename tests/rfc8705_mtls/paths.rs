//! Every way to the check of a certificate: each source of tokens, a token that is remembered, one that waits, and the text.

use http::{HeaderName, StatusCode};
use http::{Request, Response};
use std::convert::Infallible;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::certificate::{CertificateError, CertificateHeader, ClientCertificate, ClientCertificates};
use tower_bearer::credentials::TokenSource;
use tower_bearer::introspection::Introspection;
use tower_bearer::testing::{Endpoint, Fault, TestCertificate, TestIssuer};
use tower_bearer::validation::{TokenCache, TokenError, VerifyError};
use tower_bearer::{Issuer, Require, ResourceServer};

use super::headers::forms;
use super::{CLIENT_CERT, PROXY, Rig, STRANGER, bearer, byte_sequence, from, over, proxies, send};
use crate::harness::{AUDIENCE, good, server, small_issuer};

/// Row M1.
#[tokio::test]
async fn a_bound_token_passes_with_its_certificate_and_never_without() {
    let rig = Rig::new();
    let other = TestCertificate::new();
    for _ in 0..4 {
        rig.over(Some(&rig.certificate)).await.assert_accepted();
        rig.over(Some(&other)).await.assert_refused();
        rig.over(None).await.assert_refused();
    }
    // A token that is bound to nothing is accepted over any connection.
    let unbound = good(&rig.issuer).sign();
    for certificate in [None, Some(&other)] {
        rig.send(over(bearer(&unbound), certificate)).await.assert_accepted();
    }
}

/// Row M1.
#[tokio::test]
async fn a_thumbprint_that_differs_in_one_character_is_another() {
    let rig = Rig::new();
    let own = rig.certificate.extension();
    for at in 0..own.thumbprint().len() {
        let mut thumbprint = own.thumbprint().as_bytes().to_vec();
        // Both encode bits that are zero at the end, as the last character has to.
        thumbprint[at] = if thumbprint[at] == b'A' { b'E' } else { b'A' };
        let thumbprint = String::from_utf8(thumbprint).unwrap();
        let token = good(&rig.issuer).claim("cnf", serde_json::json!({ "x5t#S256": thumbprint })).sign();
        rig.send(over(bearer(&token), Some(&rig.certificate))).await.assert_refused();
        assert!(
            matches!(rig.api.verify(&token).await, Err(VerifyError::Certificate(_))),
            "{thumbprint} is well formed"
        );
    }
}

/// Row M1.
#[tokio::test]
async fn a_remembered_token_is_checked_at_every_request() {
    let rig = Rig::new();
    for _ in 0..3 {
        rig.over(Some(&rig.certificate)).await.assert_accepted();
    }
    let status = rig.api.token_cache_status().unwrap();
    assert!(status.hits >= 1, "{status:?}");
    let other = TestCertificate::new();
    rig.over(Some(&other)).await.assert_refused();
    rig.over(None).await.assert_refused();
    rig.over(Some(&rig.certificate)).await.assert_accepted();
    let after = rig.api.token_cache_status().unwrap();
    assert_eq!(after.hits, status.hits + 3);

    let without_cache =
        Rig::with(ClientCertificates::from_connection(), |builder| builder.token_cache(TokenCache::off()));
    without_cache.over(Some(&without_cache.certificate)).await.assert_accepted();
    without_cache.over(Some(&other)).await.assert_refused();
}

/// Row M1.
#[tokio::test]
async fn a_request_that_waits_for_keys_is_checked_after_it() {
    let rig = Rig::new();
    // The keys have not been fetched: the first request waits.
    assert_eq!(rig.issuer.requests(Endpoint::Jwks), 0);
    rig.over(None).await.assert_refused();
    let header =
        Rig::with(ClientCertificates::from_header(CertificateHeader::client_cert(proxies())), |builder| builder);
    let line = byte_sequence(header.certificate.der());
    let reply = header.send(from(PROXY, header.request(), &[(CLIENT_CERT, &line)])).await;
    assert_eq!(header.issuer.requests(Endpoint::Jwks), 1);
    assert!(!reply.seen().contains_key(CLIENT_CERT));
    let unavailable = Rig::new();
    unavailable.issuer.fail(Endpoint::Jwks, Fault::Status(500));
    assert_eq!(unavailable.over(Some(&unavailable.certificate)).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn without_the_setting_a_bound_token_is_refused() {
    let issuer = small_issuer();
    let (api, certificate) = (server(&issuer), TestCertificate::new());
    let token = good(&issuer).bound_to_certificate(certificate.der()).sign();
    send(&api, over(bearer(&token), Some(&certificate))).await.assert_refused();
    assert_eq!(api.verify(&token).await.unwrap_err(), VerifyError::Token(TokenError::Bound));
}

/// The text has no connection.
#[tokio::test]
async fn the_text_api_refuses_a_bound_token() {
    let rig = Rig::new();
    let absent = VerifyError::Certificate(CertificateError::Absent);
    assert_eq!(rig.api.verify(&rig.token).await.unwrap_err(), absent);
    assert_eq!(rig.api.try_verify(&rig.token).unwrap_err(), absent);
    assert_eq!(absent.reason(), Some("certificate_absent"));
    let explanation = rig.api.explain(&rig.token).await;
    assert_eq!(explanation.verdict().unwrap_err(), &absent);
    let failures: Vec<_> = explanation.failures().map(|step| (step.name, &*step.found)).collect();
    assert_eq!(failures, [("certificate", "the token alone")]);
    assert!(rig.api.verify(&good(&rig.issuer).sign()).await.is_ok());
}

#[tokio::test]
async fn verify_request_checks_the_certificate() {
    let rig = Rig::new();
    let other = TestCertificate::new();
    let token = rig.api.verify_request(&over(rig.request(), Some(&rig.certificate))).await.unwrap();
    assert_eq!(token.subject(), "user-1");
    for certificate in [None, Some(&other)] {
        let rejection = rig.api.verify_request(&over(rig.request(), certificate)).await.unwrap_err();
        assert_eq!(rejection.status(), StatusCode::UNAUTHORIZED);
    }
    let header =
        Rig::with(ClientCertificates::from_header(CertificateHeader::client_cert(proxies())), |builder| builder);
    let line = byte_sequence(header.certificate.der());
    let request = |peer: [u8; 4], lines: &[_]| from(peer, header.request(), lines);
    assert!(header.api.verify_request(&request(PROXY, &[(CLIENT_CERT, &line)])).await.is_ok());
    for (bad, status) in [
        (request(STRANGER, &[(CLIENT_CERT, &line)]), StatusCode::UNAUTHORIZED),
        (request(PROXY, &[]), StatusCode::UNAUTHORIZED),
        (request(PROXY, &[(CLIENT_CERT, &line), (CLIENT_CERT, &line)]), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(header.api.verify_request(&bad).await.unwrap_err().status(), status);
    }
}

/// A certificate is no part of a header, so the token may come from anywhere (RFC 8705 §3).
#[tokio::test]
async fn a_bound_token_from_another_source_is_checked_too() {
    let rig = Rig::new();
    let name = HeaderName::from_static("x-token");
    let layer = rig.api.layer().token_from(TokenSource::header(name.clone()));
    let service = layer.layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));
    let request = || Request::get("/me").header(&name, &rig.token).body(()).unwrap();
    for (certificate, status) in [
        (Some(&rig.certificate), StatusCode::OK),
        (Some(&TestCertificate::new()), StatusCode::UNAUTHORIZED),
        (None, StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(service.clone().oneshot(over(request(), certificate)).await.unwrap().status(), status);
    }
}

/// The certificate may be in an extension of the TLS server.
#[tokio::test]
async fn an_extension_of_another_type_names_the_certificate() {
    #[derive(Clone)]
    struct TlsInfo(Vec<Vec<u8>>);
    let certificates =
        ClientCertificates::from_extension(|tls: &TlsInfo| tls.0.first().map(ClientCertificate::from_der));
    let rig = Rig::with(certificates, |builder| builder);
    let (own, other) = (rig.certificate.der().to_vec(), TestCertificate::new().der().to_vec());
    for (chain, is_accepted) in [
        (vec![own.clone()], true),
        (vec![own.clone(), other.clone()], true),
        (vec![other.clone(), own.clone()], false),
        (vec![], false),
    ] {
        let mut request = rig.request();
        request.extensions_mut().insert(TlsInfo(chain));
        let reply = rig.send(request).await;
        if is_accepted { reply.assert_accepted() } else { reply.assert_refused() }
    }
    // Of the type that is not configured.
    rig.over(Some(&rig.certificate)).await.assert_refused();
}

/// The error of a bound token under the scheme DPoP is not in the challenge of a proof, and scope errors are in that of Bearer.
#[tokio::test]
async fn a_requirement_that_is_not_met_is_in_the_challenge_of_bearer() {
    let (issuer, certificate) = (small_issuer(), TestCertificate::new());
    let api = ResourceServer::builder(AUDIENCE)
        .trust(issuer.issuer())
        .client_certificates(ClientCertificates::from_connection())
        .dpop(tower_bearer::dpop::Dpop::at(AUDIENCE).unwrap())
        .build()
        .unwrap();
    let token = good(&issuer).bound_to_certificate(certificate.der()).sign();
    let layer = api.layer().require(Require::scope("write:me"));
    let service = layer.layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));
    let answer = service.oneshot(over(bearer(&token), Some(&certificate))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let challenges: Vec<_> =
        answer.headers().get_all("www-authenticate").iter().map(|it| it.to_str().unwrap()).collect();
    let of = |scheme: &str| challenges.iter().find(|challenge| challenge.starts_with(scheme)).unwrap();
    assert!(of("Bearer").contains("insufficient_scope") && !of("DPoP").contains("error="), "{challenges:?}");
}

/// What the issuer says of an opaque token binds it too (RFC 8705 §3.2).
#[tokio::test]
async fn an_introspected_bound_token_is_checked() {
    let issuer = small_issuer();
    let api = introspecting(&issuer, ClientCertificates::from_connection());
    let (certificate, other) = (TestCertificate::new(), TestCertificate::new());
    let token = issuer.opaque_token(&good(&issuer).bound_to_certificate(certificate.der()));
    for _ in 0..3 {
        send(&api, over(bearer(&token), Some(&other))).await.assert_refused();
        send(&api, over(bearer(&token), None)).await.assert_refused();
        send(&api, over(bearer(&token), Some(&certificate))).await.assert_accepted();
    }
    assert_eq!(issuer.requests(Endpoint::Introspection), 1);
    assert_eq!(api.verify(&token).await.unwrap_err(), VerifyError::Certificate(CertificateError::Absent));
    let unbound = issuer.opaque_token(&good(&issuer));
    send(&api, over(bearer(&unbound), None)).await.assert_accepted();
}

/// Rows M1, M2.
#[tokio::test]
async fn an_introspected_bound_token_needs_the_certificate_that_a_proxy_names() {
    for (name, header, form) in forms(&proxies()) {
        let issuer = small_issuer();
        let api = introspecting(&issuer, ClientCertificates::from_header(header));
        let certificate = TestCertificate::new();
        let (own, other) = (form(certificate.der()), form(TestCertificate::new().der()));
        let token = issuer.opaque_token(&good(&issuer).bound_to_certificate(certificate.der()));
        for _ in 0..3 {
            send(&api, from(PROXY, bearer(&token), &[(name.clone(), &other)])).await.assert_refused();
            send(&api, from(PROXY, bearer(&token), &[])).await.assert_refused();
            send(&api, from(STRANGER, bearer(&token), &[(name.clone(), &own)])).await.assert_refused();
            send(&api, over(bearer(&token), Some(&certificate))).await.assert_refused();
            let two = from(PROXY, bearer(&token), &[(name.clone(), &own), (name.clone(), &own)]);
            send(&api, two).await.assert_error(StatusCode::BAD_REQUEST, "invalid_request");
            let reply = send(&api, from(PROXY, bearer(&token), &[(name.clone(), &own)])).await;
            reply.assert_accepted();
            assert!(!reply.seen().contains_key(&name));
        }
        assert_eq!(issuer.requests(Endpoint::Introspection), 1);
    }
}

/// A server that asks the issuer about its tokens.
fn introspecting(issuer: &TestIssuer, certificates: ClientCertificates) -> ResourceServer {
    let introspection = Introspection::discover(issuer.url(), issuer.introspection_client()).unwrap();
    let trusted: Issuer = issuer.issuer().introspect(introspection);
    ResourceServer::builder(AUDIENCE).trust(trusted).client_certificates(certificates).build().unwrap()
}
