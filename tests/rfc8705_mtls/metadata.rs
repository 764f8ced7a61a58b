//! What the metadata says of client certificates (RFC 9728 §2).

use serde_json::{Value, json};
use tower_bearer::ResourceServer;
use tower_bearer::certificate::{CertificateHeader, ClientCertificates, TrustedProxies};
use tower_bearer::metadata::Metadata;
use tower_bearer::server::{Builder, ConfigError};

use super::{SECRET, SECRET_HEADER, proxies};
use crate::harness::{AUDIENCE, small_issuer};

const PARAMETER: &str = "tls_client_certificate_bound_access_tokens";

fn builder(metadata: Metadata) -> Builder {
    ResourceServer::builder(AUDIENCE).trust(small_issuer().issuer()).metadata(metadata)
}

fn parameter(builder: Builder) -> Option<Value> {
    let api = builder.build().unwrap();
    let document: Value = serde_json::from_slice(api.metadata().unwrap().json()).unwrap();
    document.get(PARAMETER).cloned()
}

#[test]
fn the_metadata_says_that_tokens_may_be_bound_to_certificates() {
    let certificates = ClientCertificates::from_connection();
    assert_eq!(parameter(builder(Metadata::new())), None);
    assert_eq!(parameter(builder(Metadata::new()).client_certificates(certificates.clone())), Some(json!(true)));
    let set = |value: bool| builder(Metadata::new().parameter(PARAMETER, value));
    assert_eq!(parameter(set(true).client_certificates(certificates.clone())), Some(json!(true)));
    assert_eq!(parameter(set(false)), Some(json!(false)));
    let error = set(false).client_certificates(certificates).build().unwrap_err();
    assert_eq!(error, ConfigError::MetadataDeniesCertificates);
}

#[test]
fn a_header_with_another_meaning_is_no_header_for_a_certificate() {
    let issuer = small_issuer();
    let build = |header| {
        let certificates = ClientCertificates::from_header(header);
        ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).client_certificates(certificates).build().map(drop)
    };
    let taken = |name: &str| Err(ConfigError::CertificateHeader { name: name.to_owned() });
    for name in ["authorization", "cookie", "host", "dpop"] {
        let header = || name.parse().unwrap();
        assert_eq!(build(CertificateHeader::escaped_pem(header(), proxies())), taken(name));
        let secret = TrustedProxies::with_secret(header(), SECRET).unwrap();
        assert_eq!(build(CertificateHeader::client_cert(secret)), taken(name));
    }
    let secret = TrustedProxies::with_secret(SECRET_HEADER, SECRET).unwrap();
    assert_eq!(build(CertificateHeader::escaped_pem(SECRET_HEADER, secret.clone())), taken("x-proxy-secret"));
    assert_eq!(build(CertificateHeader::client_cert(secret)), Ok(()));
}
