//! The rows of the checklist over raw sockets: real handshakes, and headers as they stand on the wire.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use http::HeaderName;
use tower_bearer::certificate::{CertificateHeader, ClientCertificates, PeerAddress, TrustedProxies};
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::server::Builder;
use tower_bearer::testing::{TestClient, TestIssuer};
use tower_bearer::{AccessToken, ResourceServer};

use super::tls::{Authority, exchange_plain};
use super::{SECRET, TestCertificate, byte_sequence, escaped, pem};
use crate::harness::serve::{serve, serve_with_peers};
use crate::harness::{AUDIENCE, good, small_issuer};

/// The handler answers with the names of the headers that it sees.
pub(super) fn app(issuer: &TestIssuer, change: impl FnOnce(Builder) -> Builder) -> Router {
    let api = change(ResourceServer::builder(AUDIENCE).trust(issuer.issuer())).build().unwrap();
    let handler = get(async |_: AccessToken, request: Request| {
        let names: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
        format!("[{}]", names.join(","))
    });
    Router::new().route("/me", handler).layer(api.layer())
}

/// The same where the certificate comes in this header, with the peer that axum's server tells.
pub(super) fn app_behind(issuer: &TestIssuer, header: CertificateHeader) -> Router {
    let certificates = ClientCertificates::from_header(header);
    app(issuer, |builder| builder.client_certificates(certificates)).layer(from_fn(with_peer))
}

/// As the documentation of `PeerAddress` shows.
async fn with_peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(PeerAddress(peer.ip()));
    next.run(request).await
}

pub(super) fn request(token: &str, lines: &str) -> String {
    format!("GET /me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{lines}Connection: close\r\n\r\n")
}

#[track_caller]
pub(super) fn assert_status(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let error = match status {
        401 => "error=\"invalid_token\"",
        400 => "error=\"invalid_request\"",
        _ => return assert!(!answer.contains("error="), "{answer}"),
    };
    assert!(answer.contains(error), "{answer}");
}

/// Rows M1, M9.
#[tokio::test]
async fn the_certificate_of_the_connection_decides() {
    let (issuer, authority) = (small_issuer(), Authority::new());
    let certificates = ClientCertificates::from_connection().required();
    let address = authority.serve(app(&issuer, |builder| builder.client_certificates(certificates))).await;
    let (right, other) = (authority.issue("client-1"), authority.issue("client-2"));
    let renewed = authority.renew("client-1", &right);
    let token = good(&issuer).bound_to_certificate(right.der()).sign();
    let unbound = good(&issuer).sign();
    for _ in 0..3 {
        assert_status(&authority.exchange(address, Some(&right), &request(&token, "")).await, 200);
        assert_status(&authority.exchange(address, Some(&other), &request(&token, "")).await, 401);
        assert_status(&authority.exchange(address, Some(&renewed), &request(&token, "")).await, 401);
        assert_status(&authority.exchange(address, None, &request(&token, "")).await, 401);
        assert_status(&authority.exchange(address, Some(&right), &request(&unbound, "")).await, 401);
    }
    // Headers that name the right certificate do not count here.
    let spoofed = [
        format!("Client-Cert: {}\r\n", byte_sequence(right.der())),
        format!("X-Forwarded-Client-Cert: Cert=\"{}\"\r\n", escaped(&pem(right.der()))),
        format!("X-SSL-Cert: {}\r\n", escaped(&pem(right.der()))),
    ];
    for lines in &spoofed {
        for identity in [None, Some(&other)] {
            assert_status(&authority.exchange(address, identity, &request(&token, lines)).await, 401);
        }
    }
    // Several requests of one connection: each token is compared with the certificate of the connection.
    let others = good(&issuer).bound_to_certificate(other.der()).sign();
    let kept = |token: &str| request(token, "").replace("Connection: close\r\n", "");
    let text = kept(&token) + &kept(&others) + &kept(&token) + &request(&others, "");
    let answers = authority.exchange(address, Some(&right), &text).await;
    let statuses: Vec<_> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "401", "200", "401"], "{answers}");
}

/// Row M3.
#[tokio::test]
async fn both_confirmations_are_checked_over_tls() {
    let (issuer, authority, client) = (small_issuer(), Authority::new(), TestClient::new(Algorithm::ES256));
    let router = app(&issuer, |builder| {
        builder.client_certificates(ClientCertificates::from_connection()).dpop(Dpop::at(AUDIENCE).unwrap())
    });
    let address = authority.serve(router).await;
    let (right, other) = (authority.issue("client-1"), authority.issue("client-2"));
    let token = good(&issuer).bound_to(&client).bound_to_certificate(right.der()).sign();
    let with_proof = |client: &TestClient| {
        let proof = client.proof("GET", "https://api.example.test/me", &token).sign();
        request(&token, &format!("DPoP: {proof}\r\n")).replace("Bearer", "DPoP")
    };
    let thief = TestClient::new(Algorithm::ES256);
    assert_status(&authority.exchange(address, Some(&right), &with_proof(&client)).await, 200);
    assert_status(&authority.exchange(address, Some(&other), &with_proof(&client)).await, 401);
    assert_status(&authority.exchange(address, None, &with_proof(&client)).await, 401);
    let forged = authority.exchange(address, Some(&right), &with_proof(&thief)).await;
    assert!(forged.starts_with("HTTP/1.1 401 ") && forged.contains("error=\"invalid_dpop_proof\""), "{forged}");
    assert_status(&authority.exchange(address, Some(&right), &request(&token, "")).await, 401);
    let unknown = good(&issuer).claim("cnf", serde_json::json!({ "kid": "1" })).sign();
    assert_status(&authority.exchange(address, Some(&right), &request(&unknown, "")).await, 401);
}

/// Row M2.
#[tokio::test]
async fn a_header_on_the_wire_counts_from_a_named_proxy() {
    let (issuer, certificate) = (small_issuer(), TestCertificate::new());
    let token = good(&issuer).bound_to_certificate(certificate.der()).sign();
    let unbound = good(&issuer).sign();
    let line = byte_sequence(certificate.der());
    for (network, expected) in [("127.0.0.0/8", 200), ("10.0.0.0/8", 401)] {
        let header = CertificateHeader::client_cert(TrustedProxies::at([network]).unwrap());
        let address = serve_with_peers(app_behind(&issuer, header)).await;
        for name in ["Client-Cert", "client-cert", "CLIENT-CERT", "cLiEnT-cErT"] {
            let send = async |token: &str, lines: &str| exchange_plain(address, request(token, lines).as_bytes()).await;
            let answer = send(&token, &format!("{name}: {line}\r\n")).await;
            assert_status(&answer, expected);
            assert!(!answer.to_lowercase().contains("client-cert"), "{answer}");
            // White space around a value is none of it.
            assert_status(&send(&token, &format!("{name}:  {line}\t\r\n")).await, expected);
            assert_status(&send(&token, &format!("{name}: {line}\r\nclient-cert: {line}\r\n")).await, 400);
            assert_status(&send(&token, &format!("{name}: {line}\r\nX: y\r\nCLIENT-CERT:\r\n")).await, 400);
            assert_status(&send(&token, &format!("{name}: {line}, {line}\r\n")).await, 401);
            assert_status(&send(&token, &format!("{name}: {}\r\n", "A".repeat(64 * 1024))).await, 401);
            assert_status(&send(&token, "").await, 401);
            let answer = send(&unbound, &format!("{name}: {line}\r\n")).await;
            assert_status(&answer, 200);
            assert!(answer.ends_with("[host,authorization,connection]"), "{answer}");
            // Another name to a server that tells hyphens from underscores.
            assert_status(&send(&token, &format!("Client_Cert: {line}\r\n")).await, 401);
        }
    }
}

/// Row M2.
#[tokio::test]
async fn a_secret_on_the_wire_vouches_for_the_header() {
    let (issuer, certificate) = (small_issuer(), TestCertificate::new());
    let token = good(&issuer).bound_to_certificate(certificate.der()).sign();
    let secret = TrustedProxies::with_secret(HeaderName::from_static("x-proxy-secret"), SECRET).unwrap();
    let header = CertificateHeader::x_forwarded_client_cert(secret);
    let address =
        serve(app(&issuer, |builder| builder.client_certificates(ClientCertificates::from_header(header)))).await;
    let line = format!("X-Forwarded-Client-Cert: By=a;Cert=\"{}\"\r\n", escaped(&pem(certificate.der())));
    let send = async |lines: String| exchange_plain(address, request(&token, &lines).as_bytes()).await;
    let answer = send(format!("{line}X-Proxy-Secret: {SECRET}\r\n")).await;
    assert_status(&answer, 200);
    assert!(answer.ends_with("[host,authorization,connection]"), "{answer}");
    assert_status(&send(format!("{line}X-Proxy-Secret: {SECRET}x\r\n")).await, 401);
    assert_status(&send(line.clone()).await, 401);
    assert_status(&send(format!("{line}X-Proxy-Secret: {SECRET}\r\nx-proxy-secret: {SECRET}\r\n")).await, 400);
    assert_status(&send(format!("{line}{line}X-Proxy-Secret: {SECRET}\r\n")).await, 400);
}

/// Rows M1, M2.
#[tokio::test]
async fn a_header_on_the_wire_names_one_certificate_and_nothing_more() {
    let (issuer, certificate, other) = (small_issuer(), TestCertificate::new(), TestCertificate::new());
    let token = good(&issuer).bound_to_certificate(certificate.der()).sign();
    let proxies = || TrustedProxies::at(["127.0.0.1"]).unwrap();
    let line = |der: &[u8]| escaped(&pem(der));
    let (own, others) = (line(certificate.der()), line(other.der()));
    let with_more = line(&[certificate.der(), b"x"].concat());
    let escaped_pem = CertificateHeader::escaped_pem(HeaderName::from_static("x-client-cert"), proxies());
    // Trailing data, in the value, in its PEM and in its DER.
    let wrong = [
        others.clone(),
        format!("{own}x"),
        format!("{own}%0A"),
        format!("{own}%20"),
        format!("{own}%00"),
        format!("{own},"),
        format!("{own}%0Ax"),
        format!("{own}{others}"),
        format!("{own}{own}"),
        format!("{others}{own}"),
        format!("x{own}"),
        format!("%0A{own}"),
        own.replace("-----END", "x-----END"),
        with_more.clone(),
        pem(certificate.der()).replace('\n', " "),
    ];
    assert_names_one(&issuer, escaped_pem, &token, "X-Client-Cert", &own, &wrong).await;

    let element = |line: &str| format!("By=spiffe://a/b;Cert=\"{line}\"");
    let xfcc = CertificateHeader::x_forwarded_client_cert(proxies());
    let (own_element, others_element) = (element(&own), element(&others));
    let wrong = [
        others_element.clone(),
        format!("{own_element},{own_element}"),
        format!("{own_element}, {own_element}"),
        format!("{own_element},{others_element}"),
        format!("{others_element},{own_element}"),
        format!("{own_element},By=spiffe://a/c"),
        format!("By=spiffe://a/c,{own_element}"),
        format!("{own_element},"),
        format!("{own_element};"),
        format!("{own_element}x"),
        format!("{own_element};Cert=\"{own}\""),
        element(&format!("{own}x")),
        element(&format!("{own}{own}")),
        element(&with_more),
    ];
    assert_names_one(&issuer, xfcc, &token, "X-Forwarded-Client-Cert", &own_element, &wrong).await;
}

/// `right` is accepted and reaches no handler, everything else is refused, and two lines are malformed.
async fn assert_names_one(
    issuer: &TestIssuer,
    header: CertificateHeader,
    token: &str,
    name: &str,
    right: &str,
    wrong: &[String],
) {
    let address = serve_with_peers(app_behind(issuer, header)).await;
    let send = async |lines: String| exchange_plain(address, request(token, &lines).as_bytes()).await;
    for _ in 0..2 {
        let answer = send(format!("{name}: {right}\r\n")).await;
        assert_status(&answer, 200);
        assert!(answer.ends_with("[host,authorization,connection]"), "{answer}");
        for wrong in wrong {
            assert_status(&send(format!("{name}: {wrong}\r\n")).await, 401);
            assert_status(&send(format!("{name}: {wrong}\r\n{name}: {right}\r\n")).await, 400);
        }
        assert_status(&send(format!("{name}: {right}\r\n{name}: {right}\r\n")).await, 400);
        assert_status(&send(String::new()).await, 401);
    }
}
