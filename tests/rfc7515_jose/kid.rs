//! Which keys are tried for which `kid`.

use serde_json::json;

use crate::harness::signatures::OwnKey;
use crate::harness::{ISSUER, app, assert_accepted, assert_refused, builder_with_keys, good, small_issuer};

/// Row E9.
#[tokio::test(start_paused = true)]
async fn an_unknown_kid_is_refused_without_trying_keys() {
    let issuer = small_issuer();
    let api = app(&builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap());
    for kid in [json!("x"), json!("P-256-1"), json!(1), json!(null), json!(["p-256-1"]), json!({})] {
        assert_refused(&api, [(&kid, good(&issuer).header("kid", &kid).sign())]).await;
    }
    assert_accepted(&api, [("the name", good(&issuer).sign())]).await;
}

/// Row E9.
#[tokio::test]
async fn a_kid_selects_only_its_own_key() {
    let keys = [OwnKey::generate(), OwnKey::generate()];
    let mut published = keys.each_ref().map(OwnKey::jwk);
    published[0]["kid"] = json!("one");
    published[1]["kid"] = json!("two");
    let api = builder_with_keys(ISSUER.url(), &json!({ "keys": published })).build().unwrap();
    for (number, key) in keys.iter().enumerate() {
        for (other, kid) in ["one", "two"].into_iter().enumerate() {
            let input = good(&ISSUER).header("kid", kid).signing_input();
            assert_eq!(api.verify(&key.sign(&input)).await.is_ok(), number == other, "key {number} as {kid}");
        }
    }
}

/// Row E10.
#[tokio::test]
async fn without_kid_at_most_17_matching_keys_are_tried() {
    let keys: Vec<_> = (0..19).map(|_| OwnKey::generate()).collect();
    let mut published: Vec<_> = keys.iter().map(OwnKey::jwk).collect();
    // These do not fit, so they do not count, wherever they stand.
    for (place, kty) in ["RSA", "OKP"].into_iter().enumerate() {
        let other = ISSUER.jwks()["keys"].as_array().unwrap().iter().find(|jwk| jwk["kty"] == kty).unwrap().clone();
        published.insert(place, other);
    }
    let api = builder_with_keys(ISSUER.url(), &json!({ "keys": published })).build().unwrap();
    let input = good(&ISSUER).without_header("kid").signing_input();
    // From the last on, because the one that verified last is always tried.
    for (number, key) in keys.iter().enumerate().rev() {
        assert_eq!(api.verify(&key.sign(&input)).await.is_ok(), number < 17, "{number}");
    }
    // Keys that share a name are the same case.
    let mut named = published;
    for jwk in &mut named {
        jwk["kid"] = json!("shared");
    }
    let api = builder_with_keys(ISSUER.url(), &json!({ "keys": named })).build().unwrap();
    let input = good(&ISSUER).header("kid", "shared").signing_input();
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(api.verify(&key.sign(&input)).await.is_ok(), number < 17, "{number}");
    }
}
