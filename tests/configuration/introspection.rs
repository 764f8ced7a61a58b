//! The settings of introspection: each does what the method does.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use tower_bearer::config::Config;
use tower_bearer::introspection::{ClientAuthentication, Introspection, PrivateKey, Secret};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{Endpoint, TestClock, TestIssuer};
use tower_bearer::{Issuer, ResourceServer};

use super::agreement::assert_same;
use super::{config, server_with};
use crate::harness::{AUDIENCE, good, small_issuer};

const ISSUER: &str = "https://login.example.com";
const ENDPOINT: &str = "https://login.example.com/introspect";

/// The settings of a server that introspects the tokens of `ISSUER`.
pub(super) fn document(settings: &str) -> String {
    format!("audience = {AUDIENCE:?}\n[[issuers]]\nissuer = {ISSUER:?}\n[issuers.introspection]\n{settings}")
}

pub(super) fn file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("introspection-{name}-{}", std::process::id()));
    fs::write(&path, content).unwrap();
    path
}

/// A new key as PEM, and as a JWK with the key ID "of-jwk".
pub(super) fn private_key() -> (String, String) {
    let seed: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
    let [d, x] = [&seed[..], pair.public_key().as_ref()].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "d": d, "kid": "of-jwk" });
    (pem, jwk.to_string())
}

fn basic() -> ClientAuthentication {
    ClientAuthentication::client_secret_basic("api", Secret::new("s3cret").unwrap()).unwrap()
}

fn by_key(key: PrivateKey) -> Introspection {
    Introspection::discover(ISSUER, ClientAuthentication::private_key_jwt("api", key).unwrap()).unwrap()
}

/// The forms that are compared show every setting but the secret. The tests below use it.
#[test]
fn settings_equal_the_methods() {
    let discovered = || Introspection::discover(ISSUER, basic()).unwrap();
    let post = ClientAuthentication::client_secret_post("api", Secret::new("s3cret").unwrap()).unwrap();
    let (pem, jwk) = private_key();
    let secret_file = file("secret", "s3cret\n");
    let (pem_file, jwk_file) = (file("pem", &pem), file("jwk", format!("\n{jwk}")));
    let (of_pem, of_jwk) = (|| PrivateKey::from_pem(&pem).unwrap(), || PrivateKey::from_jwk(&jwk).unwrap());
    let seconds = Duration::from_secs;
    let by_secret = [
        ("", discovered()),
        ("method = 'client_secret_basic'", discovered()),
        ("method = 'client_secret_post'", Introspection::discover(ISSUER, post).unwrap()),
        (&format!("endpoint = {ENDPOINT:?}"), Introspection::at(ENDPOINT, ISSUER, basic()).unwrap()),
        ("lifetime = 0", discovered().lifetime(seconds(0))),
        ("lifetime = 600\nmemory = 1024", discovered().lifetime(seconds(600)).memory(1024)),
        ("concurrent_requests = 1", discovered().concurrent_requests(1)),
        ("audience_checked_by_issuer = true", discovered().audience_checked_by_issuer()),
        ("audience_checked_by_issuer = false", discovered()),
        ("token_prefixes = ['a_', 'b.c~']", discovered().token_prefix("a_").token_prefix("b.c~")),
        ("signed_answers = true", discovered().signed_answers()),
        ("signed_answers = false", discovered()),
        // What both refuse.
        ("lifetime = 601", discovered().lifetime(seconds(601))),
        ("concurrent_requests = 0", discovered().concurrent_requests(0)),
        ("token_prefixes = ['']", discovered().token_prefix("")),
        ("token_prefixes = ['a b']", discovered().token_prefix("a b")),
    ];
    let secrets = ["client_secret = 's3cret'".to_owned(), format!("client_secret_file = {secret_file:?}")];
    let by_secret = by_secret.into_iter().zip(secrets.iter().cycle());
    let by_secret = by_secret.map(|((settings, made), secret)| (format!("{secret}\n{settings}"), made));
    let by_key = [
        (format!("private_key_file = {pem_file:?}"), by_key(of_pem())),
        (format!("private_key_file = {pem_file:?}\nmethod = 'private_key_jwt'"), by_key(of_pem())),
        (format!("private_key_file = {pem_file:?}\nkey_id = '2026'"), by_key(of_pem().key_id("2026"))),
        (
            format!("private_key_file = {pem_file:?}\nalgorithm = 'Ed25519'"),
            by_key(of_pem().algorithm(Algorithm::Ed25519).unwrap()),
        ),
        (format!("private_key_file = {jwk_file:?}"), by_key(of_jwk())),
        (format!("private_key_file = {jwk_file:?}\nkey_id = '2026'"), by_key(of_jwk().key_id("2026"))),
    ];
    for (settings, introspection) in by_secret.chain(by_key) {
        let issuer = Issuer::discover(ISSUER).unwrap().introspect(introspection);
        let code = ResourceServer::builder(AUDIENCE).trust(issuer);
        assert_same(config(&document(&format!("client_id = 'api'\n{settings}"))).builder(), Ok(code));
    }
    for path in [secret_file, pem_file, jwk_file] {
        fs::remove_file(path).unwrap();
    }
}

/// Also where nothing else is set, where a preset has the identifier, and where it is no URL.
#[test]
fn every_kind_of_issuer_can_be_introspected() {
    let settings = "introspection = { client_id = 'api', client_secret = 's3cret'";
    let at = |issuer: &str| Introspection::at(ENDPOINT, issuer, basic()).unwrap();
    let discovered = |issuer: &str| Introspection::discover(issuer, basic()).unwrap();
    let keycloak = "https://id.example.com/realms/shop";
    let hydra = "https://hydra.example.com/";
    let tenant = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
    let keys = tower_bearer::keys::KeyFile::new("/keys");
    for (issuer, end, made) in [
        (
            "preset = 'keycloak'\nbase_url = 'https://id.example.com'\nrealm = 'shop'".to_owned(),
            "}".to_owned(),
            Issuer::keycloak("https://id.example.com", "shop").unwrap().introspect(discovered(keycloak)),
        ),
        (
            format!("preset = 'hydra'\nissuer = {hydra:?}\nclient_as_subject = true\naudiences = ['x']"),
            ", token_prefixes = ['ory_at_'] }".to_owned(),
            Issuer::hydra(hydra)
                .unwrap()
                .client_as_subject()
                .audiences(["x"])
                .introspect(discovered(hydra).token_prefix("ory_at_")),
        ),
        (
            "issuer = 'any'\njwks_file = '/keys'".to_owned(),
            format!(", endpoint = {ENDPOINT:?} }}"),
            Issuer::keys("any", keys.clone()).unwrap().introspect(at("any")),
        ),
        (
            format!("issuer = {ISSUER:?}\njwks_file = '/keys'\nalgorithms = ['ES256']"),
            ", signed_answers = true }".to_owned(),
            Issuer::keys(ISSUER, keys)
                .unwrap()
                .algorithms([Algorithm::ES256])
                .introspect(discovered(ISSUER).signed_answers()),
        ),
        (
            format!("preset = 'entra_tenants'\ntenants = [{tenant:?}]"),
            format!(", endpoint = {ENDPOINT:?} }}"),
            Issuer::entra_tenants([tenant])
                .unwrap()
                .introspect(at(&format!("https://login.microsoftonline.com/{tenant}/v2.0"))),
        ),
        (
            "issuer = 'http://keycloak:8080'\ninsecure_http = true".to_owned(),
            "}".to_owned(),
            Issuer::discover("http://keycloak:8080")
                .unwrap()
                .insecure_http()
                .introspect(discovered("http://keycloak:8080")),
        ),
    ] {
        let document = format!("audience = 'a'\n[[issuers]]\n{issuer}\n{settings}{end}");
        assert_same(config(&document).builder(), Ok(ResourceServer::builder("a").trust(made)));
    }
}

/// The client of a [`TestIssuer`], whose secret is in a document, in a file or in variables.
#[tokio::test]
async fn a_configured_server_introspects_opaque_tokens() {
    let issuer = small_issuer();
    let secret = file("test-secret", "test-secret\n");
    let by_variables = |name: &str, value: &str| {
        let name = format!("API_ISSUERS__0__INTROSPECTION__{name}");
        let variables = [
            ("API_AUDIENCE", AUDIENCE),
            ("API_ISSUERS__0__ISSUER", issuer.url()),
            ("API_ISSUERS__0__INTROSPECTION__CLIENT_ID", "test-api"),
            ("API_ISSUERS__0__INTROSPECTION__LIFETIME", "0"),
            (&name, value),
        ];
        Config::from_vars("API_", variables).build().unwrap()
    };
    let by_document = |settings: &str| {
        server_with(&issuer, "", &format!("introspection = {{ client_id = 'test-api', lifetime = 0, {settings} }}"))
    };
    let servers = [
        by_document("client_secret = 'test-secret'"),
        by_document("client_secret = 'test-secret', method = 'client_secret_post'"),
        by_document(&format!("client_secret_file = {secret:?}")),
        by_document(&format!("client_secret = 'test-secret', endpoint = {:?}", issuer.introspection_url())),
        by_variables("CLIENT_SECRET", "test-secret"),
        by_variables("CLIENT_SECRET_FILE", secret.to_str().unwrap()),
    ];
    let token = issuer.opaque_token(&good(&issuer));
    for (at, api) in servers.iter().enumerate() {
        assert!(api.verify(&token).await.is_ok(), "{at}");
        assert!(api.verify("unknown").await.is_err(), "{at}");
    }
    assert_eq!(issuer.requests(Endpoint::Introspection), 2 * servers.len());
    fs::remove_file(secret).unwrap();
}

#[tokio::test]
async fn the_lifetime_of_answers_is_applied() {
    let clock = TestClock::new();
    let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).clock(clock.clone()).start();
    let settings = "introspection = { client_id = 'test-api', client_secret = 'test-secret', lifetime = 10 }";
    let document = format!("audience = {AUDIENCE:?}\n[[issuers]]\nissuer = {:?}\n{settings}", issuer.url());
    let api = config(&document).builder().unwrap().clock(clock.clone()).build().unwrap();
    let token = issuer.opaque_token(&good(&issuer));
    assert!(api.verify(&token).await.is_ok());
    issuer.revoke(&token);
    clock.advance(Duration::from_secs(9));
    assert!(api.verify(&token).await.is_ok());
    clock.advance(Duration::from_secs(1));
    assert!(api.verify(&token).await.is_err());
}
