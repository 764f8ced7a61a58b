//! Key sets and metadata: byte order marks and empty members.

use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, JwkSet, JwkSetError, UnusableJwk};
use tower_bearer::keys::KeyFile;
use tower_bearer::testing::Endpoint;
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::{AUDIENCE, ISSUER, app, good, present, server, small_issuer};

const MARK: &str = "\u{feff}";

fn key(algorithm: Algorithm) -> Value {
    let jwks = ISSUER.jwks();
    let name = match algorithm {
        Algorithm::RS256 => "rsa-1",
        Algorithm::Ed25519 => "ed25519-1",
        _ => "p-256-1",
    };
    jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == name).unwrap().clone()
}

fn set(key: &Value) -> JwkSet {
    JwkSet::from_json(json!({ "keys": [key] }).to_string().as_bytes()).unwrap()
}

/// RFC 8259 §8.1 allows a parser to ignore the mark.
/// Row E29.
#[tokio::test]
async fn a_byte_order_mark_before_a_key_set_is_ignored() {
    let marked = format!("{MARK}{}", ISSUER.jwks());
    assert_eq!(JwkSet::from_json(marked.as_bytes()).unwrap().keys().len(), set_size());
    let path = std::env::temp_dir().join(format!("tower-bearer-mark-{}.json", std::process::id()));
    std::fs::write(&path, &marked).unwrap();
    let issuer = Issuer::keys(ISSUER.url(), KeyFile::new(&path)).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer).build().unwrap();
    present(&app(&api), &good(&ISSUER).sign()).await.assert_ok();
    std::fs::remove_file(path).unwrap();
    // One mark, before everything else.
    for other in [format!("{MARK}{marked}"), format!(" {marked}"), marked.replacen('{', &format!("{{{MARK}"), 1)] {
        assert_eq!(JwkSet::from_json(other.as_bytes()).unwrap_err(), JwkSetError::NotAJwkSet);
    }
}

fn set_size() -> usize {
    ISSUER.jwks()["keys"].as_array().unwrap().len()
}

/// Row I6.
#[tokio::test]
async fn a_byte_order_mark_before_metadata_is_ignored() {
    let issuer = small_issuer();
    for (endpoint, document) in [(Endpoint::OAuthMetadata, issuer.metadata()), (Endpoint::Jwks, issuer.jwks())] {
        let text = format!("{MARK}{document}");
        issuer.fail(endpoint, tower_bearer::testing::Fault::Body(text.into_bytes()));
    }
    present(&app(&server(&issuer)), &good(&issuer).sign()).await.assert_ok();
}

/// Some issuers write every member that they know, and leave it empty.
#[tokio::test]
async fn empty_members_of_a_key_count_as_absent() {
    let empty = [
        ("use", json!("")),
        ("alg", json!("")),
        ("key_ops", json!([])),
        ("d", json!("")),
        ("p", json!("")),
        ("q", json!("")),
        ("dp", json!("")),
        ("dq", json!("")),
        ("qi", json!("")),
        ("oth", json!([])),
        ("k", json!("")),
        ("priv", json!("")),
    ];
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::Ed25519] {
        let mut all = key(algorithm);
        for (member, value) in &empty {
            let mut one = key(algorithm);
            one[*member] = value.clone();
            all[*member] = value.clone();
            assert!(set(&one).skipped().is_empty(), "{algorithm} with {member}: {:?}", set(&one).skipped());
        }
        let issuer = Issuer::keys(ISSUER.url(), set(&all)).unwrap();
        let api = ResourceServer::builder(AUDIENCE).trust(issuer).build().unwrap();
        api.try_verify(&ISSUER.token_by(algorithm).audience(AUDIENCE).sign()).unwrap();
    }
    let text =
        json!({ "keys": [key(Algorithm::ES256)] }).to_string().replacen("{\"alg\"", "{\"oth\": [ \n ],\"alg\"", 1);
    assert!(text.contains("oth") && JwkSet::from_json(text.as_bytes()).unwrap().skipped().is_empty(), "{text}");
}

/// A key without material, and a private or a symmetric one, stay unusable.
/// Row D15.
#[test]
fn empty_members_make_no_key_usable() {
    let skipped = |member: &str, value: Value| {
        let mut key = key(Algorithm::ES256);
        key[member] = value;
        set(&key).skipped().first().map(|skipped| skipped.reason.clone())
    };
    assert_eq!(skipped("d", json!(" ")), Some(UnusableJwk::Private));
    assert_eq!(skipped("d", json!("AA")), Some(UnusableJwk::Private));
    assert_eq!(skipped("d", json!([""])), Some(UnusableJwk::Private));
    assert_eq!(skipped("d", json!([])), Some(UnusableJwk::Private));
    assert_eq!(skipped("oth", json!("")), Some(UnusableJwk::Private));
    assert_eq!(skipped("oth", json!([[]])), Some(UnusableJwk::Private));
    assert_eq!(skipped("d", json!({})), Some(UnusableJwk::Private));
    assert_eq!(skipped("d", json!(false)), Some(UnusableJwk::Private));
    assert_eq!(skipped("k", json!("AA")), Some(UnusableJwk::Symmetric));
    assert_eq!(skipped("kty", json!("oct")), Some(UnusableJwk::Symmetric));
    assert_eq!(skipped("use", json!(" ")), Some(UnusableJwk::Use { usage: " ".into() }));
    assert_eq!(skipped("key_ops", json!([""])), Some(UnusableJwk::KeyOps));
    assert_eq!(skipped("x", json!("")), Some(UnusableJwk::CoordinateLength));
    assert_eq!(skipped("crv", json!("")), Some(UnusableJwk::Curve { crv: "".into() }));
}
