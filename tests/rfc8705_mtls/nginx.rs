//! A real nginx that ends TLS and names the client certificate, with the configuration that the documentation shows.

use std::fs;
use std::net::SocketAddr;

use http::HeaderName;
use tower_bearer::certificate::{CertificateHeader, TrustedProxies};

use super::over_tls::{app_behind, assert_status, request};
use super::tls::{Authority, Identity};
use super::{escaped, pem};
use crate::harness::nginx::Nginx;
use crate::harness::serve::serve_with_peers;
use crate::harness::{good, small_issuer};

const NAME: HeaderName = HeaderName::from_static("x-client-cert");

/// nginx in front of the API at this address.
fn start(api: SocketAddr, own: &Identity) -> Nginx {
    Nginx::start(|address, folder| {
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        fs::write(&certificate, pem(own.der())).unwrap();
        fs::write(&key, own.key_pem()).unwrap();
        format!(
            "server {{
                listen {address} ssl; ssl_certificate {}; ssl_certificate_key {};
                {}
                location / {{ proxy_pass http://{api}; }}
            }}",
            certificate.display(),
            key.display(),
            documented(),
        )
    })
}

/// What the documentation of `CertificateHeader::escaped_pem` shows.
fn documented() -> String {
    let documentation = include_str!("../../src/binding/certificate/certificate_header.rs");
    let (_, rest) = documentation.split_once("/// ```nginx\n").unwrap();
    let (shown, _) = rest.split_once("/// ```").unwrap();
    shown.lines().filter_map(|line| line.trim_start().strip_prefix("///")).collect::<Vec<_>>().join("\n")
}

/// Rows M1, M2.
#[tokio::test]
async fn nginx_names_the_certificate_of_the_connection_whatever_the_client_writes() {
    let (issuer, authority) = (small_issuer(), Authority::new());
    let header = CertificateHeader::escaped_pem(NAME, TrustedProxies::at(["127.0.0.1"]).unwrap());
    let api = serve_with_peers(app_behind(&issuer, header)).await;
    let nginx = start(api, &authority.issue("localhost"));
    let (right, other) = (authority.issue("client-1"), authority.issue("client-2"));
    let token = good(&issuer).bound_to_certificate(right.der()).sign();
    let unbound = good(&issuer).sign();
    let send = async |identity, token: &str, lines: &str| {
        authority.exchange(nginx.address, identity, &request(token, lines)).await
    };
    let line = |name: &str, identity: &Identity| format!("{name}: {}\r\n", escaped(&pem(identity.der())));
    let spoofed = [
        String::new(),
        line("X-Client-Cert", &right),
        line("x-client-cert", &right).repeat(2),
        line("X-Client-Cert", &other),
        line("X_Client_Cert", &right),
        format!("X-Client-Cert: \r\n{}", line("x-cLiEnT-cErT", &right)),
    ];
    for lines in &spoofed {
        for _ in 0..2 {
            let answer = send(Some(&right), &token, lines).await;
            assert_status(&answer, 200);
            assert!(!answer.contains("client-cert"), "{answer}");
            assert_status(&send(Some(&other), &token, lines).await, 401);
            assert_status(&send(None, &token, lines).await, 401);
        }
        assert_status(&send(None, &unbound, lines).await, 200);
    }
}
