//! Mutual TLS as data: each setting does what the method does, and every mistake is told.

use std::fs;

use http::HeaderName;
use tower_bearer::ResourceServer;
use tower_bearer::certificate::{CertificateHeader, ClientCertificates, TrustedProxies};
use tower_bearer::config::Config;
use tower_bearer::server::Builder;

use super::{SECRET, SECRET_HEADER};

fn builder(settings: &str) -> Result<Builder, Vec<String>> {
    let document = format!("audience = 'a'\nissuers = ['https://login.example.com']\n{settings}");
    let config: Config = toml::from_str(&document).unwrap();
    config.builder().map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn assert_equal(settings: &str, certificates: Option<ClientCertificates>) {
    let issuer = tower_bearer::Issuer::discover("https://login.example.com").unwrap();
    let expected = ResourceServer::builder("a").trust(issuer);
    let expected = certificates.into_iter().fold(expected, Builder::client_certificates);
    let made = builder(settings).unwrap();
    assert_eq!(format!("{made:?}"), format!("{expected:?}"), "{settings}");
    made.build().unwrap();
}

#[test]
fn settings_equal_the_methods() {
    let connection = ClientCertificates::from_connection;
    let header = ClientCertificates::from_header;
    let proxies = || TrustedProxies::at(["10.0.0.0/8", "::1"]).unwrap();
    let secret = || TrustedProxies::with_secret(SECRET_HEADER, SECRET).unwrap();
    let networks = "trusted_proxies = ['10.0.0.0/8', '::1']";
    assert_equal("", None);
    assert_equal("client_certificates = false", None);
    assert_equal("client_certificates = true", Some(connection()));
    for (settings, certificates) in [
        ("from = 'connection'".to_owned(), connection()),
        ("from = 'connection'\nrequired = true".into(), connection().required()),
        ("from = 'connection'\nrequired = false\nrequired_unless_dpop = false".into(), connection()),
        ("from = 'connection'\nrequired_unless_dpop = true".into(), connection().required_unless_dpop()),
        (format!("from = 'client_cert'\n{networks}"), header(CertificateHeader::client_cert(proxies()))),
        (
            format!("from = 'x_forwarded_client_cert'\n{networks}\nrequired = true"),
            header(CertificateHeader::x_forwarded_client_cert(proxies())).required(),
        ),
        (
            format!("from = 'escaped_pem'\nheader = 'X-Client-Cert'\n{networks}"),
            header(CertificateHeader::escaped_pem(HeaderName::from_static("x-client-cert"), proxies())),
        ),
        (
            format!("from = 'client_cert'\nsecret_header = 'x-proxy-secret'\nsecret = '{SECRET}'"),
            header(CertificateHeader::client_cert(secret())),
        ),
    ] {
        assert_equal(&format!("[client_certificates]\n{settings}"), Some(certificates));
    }
}

/// The `Debug` form does not show the secret, so it is compared by what it lets in.
#[tokio::test]
async fn the_secret_comes_from_a_file() {
    let path = std::env::temp_dir().join(format!("tower-bearer-proxy-secret-{}", std::process::id()));
    fs::write(&path, format!("{SECRET}\n")).unwrap();
    let (issuer, certificate) = (crate::harness::small_issuer(), tower_bearer::testing::TestCertificate::new());
    let settings = format!(
        "[client_certificates]\nfrom = 'client_cert'\nsecret_header = 'x-proxy-secret'\nsecret_file = {:?}",
        path.display().to_string()
    );
    let api = builder(&settings).unwrap().trust(issuer.issuer().audiences([crate::harness::AUDIENCE])).build().unwrap();
    fs::remove_file(path).unwrap();
    let token = crate::harness::good(&issuer).bound_to_certificate(certificate.der()).sign();
    let line = super::byte_sequence(certificate.der());
    let request = |secret| {
        let lines = [(super::CLIENT_CERT, &*line), (SECRET_HEADER, secret)];
        super::from(super::STRANGER, super::bearer(&token), &lines)
    };
    super::send(&api, request(SECRET)).await.assert_accepted();
    super::send(&api, request("another-secret-of-a-proxy")).await.assert_refused();
}

#[test]
fn variables_set_the_same() {
    let config = Config::from_vars(
        "API_",
        [
            ("API_AUDIENCE", "a"),
            ("API_ISSUERS", "https://login.example.com"),
            ("API_CLIENT_CERTIFICATES__FROM", "escaped_pem"),
            ("API_CLIENT_CERTIFICATES__HEADER", "x-client-cert"),
            ("API_CLIENT_CERTIFICATES__TRUSTED_PROXIES", "10.0.0.0/8 ::1"),
            ("API_CLIENT_CERTIFICATES__REQUIRED", "true"),
        ],
    );
    let data = "[client_certificates]\nfrom = 'escaped_pem'\nheader = 'x-client-cert'\ntrusted_proxies = ['10.0.0.0/8', '::1']\nrequired = true";
    assert_eq!(format!("{:?}", config.builder().unwrap()), format!("{:?}", builder(data).unwrap()));
}

/// Each document has this one problem.
#[track_caller]
fn assert_problems<const N: usize>(cases: [(String, &str); N]) {
    for (settings, expected) in cases {
        assert_eq!(builder(&settings).err(), Some(vec![expected.to_owned()]), "{settings}");
    }
}

#[test]
fn every_mistake_about_the_source_is_told() {
    let proxies = "trusted_proxies = ['10.0.0.0/8']";
    let secret = format!("secret = '{SECRET}'");
    assert_problems([
        (
            "client_certificates = 1".to_owned(),
            "client_certificates: expected a table, true or false, found the number 1",
        ),
        (
            "[client_certificates]".into(),
            "client_certificates.from: missing setting, expected where certificates come from",
        ),
        (
            "[client_certificates]\nfrom = 'conection'".into(),
            "client_certificates.from: expected one of \"connection\", \"client_cert\", \"x_forwarded_client_cert\", \"escaped_pem\", found the string \"conection\"; did you mean \"connection\"?",
        ),
        (
            "[client_certificates]\nfrom = 'connection'\nrequird = true".into(),
            "client_certificates.requird: unknown setting; did you mean required?",
        ),
        (
            format!("[client_certificates]\nfrom = 'connection'\n{proxies}"),
            "client_certificates.trusted_proxies: without effect, because no header is read with from = \"connection\"",
        ),
        (
            format!("[client_certificates]\nfrom = 'connection'\n{secret}"),
            "client_certificates.secret: without effect, because no header is read with from = \"connection\"",
        ),
        (
            "[client_certificates]\nfrom = 'client_cert'".into(),
            "client_certificates: expected trusted_proxies or secret_header, found neither: anybody can write the header",
        ),
        (
            format!("[client_certificates]\nfrom = 'client_cert'\nsecret_header = 'x-s'\n{secret}\n{proxies}"),
            "client_certificates.secret_header: expected either trusted_proxies or secret_header, found both",
        ),
        (
            format!("[client_certificates]\nfrom = 'client_cert'\nheader = 'x-c'\n{proxies}"),
            "client_certificates.header: without effect, because the header of this form has a fixed name",
        ),
        (
            format!("[client_certificates]\nfrom = 'escaped_pem'\n{proxies}"),
            "client_certificates.header: missing setting, expected the name of the header",
        ),
        (
            format!("[client_certificates]\nfrom = 'escaped_pem'\nheader = 'a b'\n{proxies}"),
            "client_certificates.header: expected the name of a header, found the string \"a b\"",
        ),
        (
            format!("[client_certificates]\nfrom = 'escaped_pem'\nheader = 'Authorization'\n{proxies}"),
            "client_certificates: the header \"authorization\" has another meaning, expected one that holds only the client certificate, or only the secret of the proxy",
        ),
    ]);
}

#[test]
fn every_mistake_about_the_proxies_is_told() {
    let proxies = "trusted_proxies = ['10.0.0.0/8']";
    let secret = format!("secret = '{SECRET}'");
    assert_problems([
        (
            "[client_certificates]\nfrom = 'client_cert'\ntrusted_proxies = ['10.0.0.0/8', 'zebra']".into(),
            "client_certificates.trusted_proxies[1]: the networks of proxies are not acceptable: \"zebra\" is not a network, expected an address, or an address, a slash and the length of the prefix in bits",
        ),
        (
            "[client_certificates]\nfrom = 'client_cert'\ntrusted_proxies = []".into(),
            "client_certificates.trusted_proxies: the networks of proxies are not acceptable: the list of networks is empty, expected at least one",
        ),
        (
            "[client_certificates]\nfrom = 'client_cert'\nsecret_header = 'x-s'".into(),
            "client_certificates.secret_header: expected secret or secret_file too, found neither",
        ),
        (
            format!("[client_certificates]\nfrom = 'client_cert'\n{proxies}\n{secret}"),
            "client_certificates.secret: without effect, expected secret_header too",
        ),
        (
            "[client_certificates]\nfrom = 'client_cert'\nsecret_header = 'x-s'\nsecret = 'zebra'".into(),
            "client_certificates.secret: expected at least 16 bytes in the secret of a proxy, and found 5",
        ),
        (
            "[client_certificates]\nfrom = 'client_cert'\nsecret_header = 'x-s'\nsecret = '${SECRET}'".into(),
            "client_certificates.secret: expected a random secret of a proxy, and found a placeholder",
        ),
        (
            "[client_certificates]\nfrom = 'client_cert'\nsecret_header = 'x-s'\nsecret = 12345678901234567".into(),
            "client_certificates.secret: expected a string, found a number",
        ),
        (
            format!(
                "[client_certificates]\nfrom = 'client_cert'\nsecret_header = 'x-s'\n{secret}\nsecret_file = '/zebra'"
            ),
            "client_certificates.secret_file: expected either secret or secret_file, found both",
        ),
        (
            "[client_certificates]\nfrom = 'connection'\nrequired = true\nrequired_unless_dpop = true".into(),
            "client_certificates.required_unless_dpop: without effect, because required is stricter",
        ),
        (
            "client_certificates = true\n[metadata]\nresource = 'https://api.example.com'\ntls_client_certificate_bound_access_tokens = false".into(),
            "metadata.tls_client_certificate_bound_access_tokens: the metadata says that tokens cannot be bound to client certificates, but the server accepts such tokens: expected the same in both",
        ),
    ]);
    let missing =
        builder("[client_certificates]\nfrom = 'client_cert'\nsecret_header = 'x-s'\nsecret_file = '/no/zebra'");
    let [problem] = &*missing.err().unwrap() else { panic!("one problem") };
    assert!(
        problem.starts_with("client_certificates.secret_file: expected a file that can be read")
            && !problem.contains("zebra")
    );
}
