//! axum-server, whose extension names the certificate of the connection.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum_server::tls::TlsInfo;
use axum_server::tls_rustls::{RustlsConfig, from_tcp_rustls};
use tower_bearer::certificate::{ClientCertificate, ClientCertificates};

use super::byte_sequence;
use super::over_tls::{app, assert_status, request};
use super::tls::Authority;
use crate::harness::{good, small_issuer};

fn serve(authority: &Authority, app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = from_tcp_rustls(listener, RustlsConfig::from_config(authority.server_config())).unwrap();
    tokio::spawn(async move { server.serve(app.into_make_service()).await.unwrap() });
    address
}

/// Row M1.
#[tokio::test]
async fn the_certificate_that_axum_server_tells_decides() {
    let (issuer, authority) = (small_issuer(), Authority::new());
    // As in the documentation of `from_extension`.
    let certificates = ClientCertificates::from_extension(|tls: &Arc<TlsInfo>| {
        tls.peer_certificates.first().map(ClientCertificate::from_der)
    });
    let address = serve(&authority, app(&issuer, |builder| builder.client_certificates(certificates)));
    let (right, other) = (authority.issue("client-1"), authority.issue("client-2"));
    let token = good(&issuer).bound_to_certificate(right.der()).sign();
    let spoofed = format!("Client-Cert: {}\r\n", byte_sequence(right.der()));
    for lines in ["", &spoofed] {
        for _ in 0..2 {
            assert_status(&authority.exchange(address, Some(&right), &request(&token, lines)).await, 200);
            assert_status(&authority.exchange(address, Some(&other), &request(&token, lines)).await, 401);
            assert_status(&authority.exchange(address, None, &request(&token, lines)).await, 401);
        }
    }
}
