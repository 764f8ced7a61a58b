//! Weak keys, and keys that a token brings along or points to.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower_bearer::testing::Endpoint;

use super::{all_requests, bytes};
use crate::harness::hmac::with_hmac;
use crate::harness::{
    RsaVectors, app, assert_accepted, assert_refused, builder_with_keys, good, present, server, small_issuer,
};

/// Row D9.
#[tokio::test]
async fn an_rsa_key_of_1024_bits_verifies_nothing() {
    let vectors = RsaVectors::load();
    let weak = "RS256 by a key of 1024 bits";
    let (_, token) = vectors.tokens(false).find(|(what, _)| *what == weak).unwrap();
    let jwk = &vectors.jwks["keys"][1];
    assert_eq!(bytes(&jwk["n"]).len(), 128);
    let (input, signature) = token.rsplit_once('.').unwrap();
    RsaPublicKeyComponents { n: bytes(&jwk["n"]), e: bytes(&jwk["e"]) }
        .verify(
            &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            input.as_bytes(),
            &URL_SAFE_NO_PAD.decode(signature).unwrap(),
        )
        .expect("nothing is wrong with the token but the length of its key");
    assert_refused(&vectors.app, [(weak, token)]).await;
    assert_accepted(&vectors.app, vectors.tokens(true)).await;
}

/// Row D9.
#[tokio::test]
async fn a_set_of_weak_keys_leaves_the_server_without_keys() {
    let issuer = small_issuer();
    issuer.set_jwks(json!({ "keys": [RsaVectors::load().jwks["keys"][1]] }));
    present(&app(&server(&issuer)), &good(&issuer).sign()).await.assert_keys_unavailable();
}

/// Row D15.
#[tokio::test(start_paused = true)]
async fn kid_is_only_compared_as_text() {
    let (issuer, evil) = (small_issuer(), small_issuer());
    let api = app(&builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap());
    let jwks_url = evil.jwks_url();
    let kids = [
        "../../../../dev/null",
        "/etc/passwd",
        "x' UNION SELECT 'key' --",
        &jwks_url,
        "file:///dev/null",
        "P-256-1",
        "p-256-1 ",
        " p-256-1",
        "p-256-1\0",
        "p-256-01",
        "p-256",
        "0",
        "*",
        "",
    ];
    assert_refused(&api, kids.map(|kid| (kid, good(&issuer).header("kid", kid).sign()))).await;
    // An empty secret, where the name leads to an empty file.
    let forged = good(&issuer).header("alg", "HS256").header("kid", kids[0]);
    assert_refused(&api, [("the null device", with_hmac(&forged, hmac::HMAC_SHA256, b""))]).await;
    assert_accepted(&api, [("the name", good(&issuer).sign())]).await;
    assert_eq!(all_requests(&evil), 0);
}

/// Rows D15, E11.
#[tokio::test(start_paused = true)]
async fn keys_brought_by_a_token_are_ignored() {
    let (issuer, evil) = (small_issuer(), small_issuer());
    evil.rotate();
    let api = app(&builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap());
    let key = evil.jwks()["keys"][0].clone();
    let own = &issuer.jwks()["keys"][0]["kid"];
    let certificate = "MIIBszCCAVmgAwIBAgIBATAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARldmls";
    let mut renamed = key.clone();
    renamed["kid"] = own.clone();
    for (name, value) in [
        ("jwk", key.clone()),
        ("jwk", renamed),
        ("jwk", json!({ "keys": [key] })),
        ("jku", json!(evil.jwks_url())),
        ("jku", json!(format!("{}#", evil.jwks_url()))),
        ("jwks_uri", json!(evil.jwks_url())),
        ("x5u", json!(evil.jwks_url())),
        ("x5c", json!([certificate])),
        ("x5t", json!("dGh1bWJwcmludA")),
        ("x5t#S256", json!("bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2")),
    ] {
        let genuine = good(&issuer).header(name, &value);
        let forged = genuine.clone().signed_by(&evil);
        assert_refused(
            &api,
            [
                (name, forged.sign()),
                (name, forged.clone().header("kid", &key["kid"]).sign()),
                (name, forged.clone().without_header("kid").sign()),
            ],
        )
        .await;
        // RFC 7515 §4: what is not understood is ignored, so it does no harm either.
        assert_accepted(&api, [(name, genuine.sign())]).await;
    }
    assert_eq!(all_requests(&evil), 0);
    for endpoint in [Endpoint::OAuthMetadata, Endpoint::OpenIdMetadata, Endpoint::Jwks] {
        assert_eq!(issuer.requests(endpoint), 0);
    }
}
