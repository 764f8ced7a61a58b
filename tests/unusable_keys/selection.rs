//! Which of the keys that are left verify which tokens.

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;

use super::{altered, b64, bytes, ed25519, jwk, keys, ml_dsa, p256, rsa, server_with, token, with, without};
use crate::harness::{app, present, small_issuer};

/// Rows E14, E19, E25.
#[tokio::test]
async fn unknown_members_and_leading_zeros_are_tolerated() {
    let rows = [
        with(p256(), "x5c", json!(["not a certificate"])),
        with(p256(), "x5c", 5),
        with(p256(), "x5t#S256", "AAAA"),
        with(p256(), "nonsense", json!({ "deep": [{ "er": null }] })),
        with(p256(), "key_ops", json!(["sign", "verify"])),
        without(p256(), "use"),
        without(p256(), "alg"),
        // What another key type's member is called says nothing here.
        with(p256(), "n", "AQAB"),
    ];
    for jwk in rows {
        let app = app(&server_with(keys([jwk])));
        present(&app, &token(Algorithm::ES256).sign()).await.assert_ok();
    }
    // RFC 7518 §6.3.1.1 wants the fewest bytes; a sign byte in front is common and changes nothing.
    let padded = altered(altered(rsa(), "n", |n| n.insert(0, 0)), "e", |e| e.insert(0, 0));
    let (plain, padded) = (keys([rsa()]), keys([padded]));
    assert_eq!(plain.keys()[0].thumbprint(), padded.keys()[0].thumbprint());
    present(&app(&server_with(padded)), &token(Algorithm::RS256).sign()).await.assert_ok();
}

/// Rows E16, E17, E20.
#[tokio::test(start_paused = true)]
async fn a_key_for_another_purpose_verifies_nothing() {
    for changed in [
        with(p256(), "use", "enc"),
        with(p256(), "key_ops", json!(["sign"])),
        with(p256(), "d", b64([7; 32])),
        with(p256(), "alg", "ES512"),
    ] {
        let app = app(&server_with(keys([changed, rsa()])));
        present(&app, &token(Algorithm::ES256).sign()).await.assert_invalid_token();
        present(&app, &token(Algorithm::ES256).without_header("kid").sign()).await.assert_invalid_token();
        present(&app, &token(Algorithm::RS256).sign()).await.assert_ok();
    }
}

/// Rows E20, D4.
#[tokio::test(start_paused = true)]
async fn a_published_hmac_secret_verifies_nothing() {
    let secret = [7; 32];
    let oct = json!({ "kty": "oct", "kid": "hmac", "alg": "HS256", "k": b64(secret) });
    let app = app(&server_with(keys([oct, p256()])));
    let public = bytes(&p256(), "x");
    for (material, kid) in [(&secret[..], json!("hmac")), (&public, p256()["kid"].clone())] {
        let input = token(Algorithm::ES256).header("alg", "HS256").header("kid", kid).signing_input();
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, material), input.as_bytes());
        present(&app, &format!("{input}.{}", b64(signature))).await.assert_invalid_token();
    }
}

/// Row D2.
#[tokio::test]
async fn a_key_with_alg_verifies_only_that_algorithm() {
    let rsa_family =
        [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
    for named in rsa_family {
        let app = app(&server_with(keys([with(rsa(), "alg", named.name())])));
        for used in rsa_family {
            let answer = present(&app, &token(used).sign()).await;
            if used == named {
                answer.assert_ok();
            } else {
                answer.assert_invalid_token();
            }
        }
    }
    // RFC 9864 §2.2: two names of one scheme.
    for named in ["EdDSA", "Ed25519"] {
        let app = app(&server_with(keys([with(ed25519(), "alg", named)])));
        for used in [Algorithm::EdDSA, Algorithm::Ed25519] {
            present(&app, &token(used).sign()).await.assert_ok();
        }
    }
}

/// Row D2.
#[tokio::test]
async fn a_key_without_alg_verifies_the_algorithms_of_its_type() {
    let app = app(&server_with(keys([rsa()])));
    for &used in Algorithm::ALL {
        let kid = rsa()["kid"].clone();
        let answer = present(&app, &token(used).header("kid", kid).sign()).await;
        let fits = used.name().starts_with("RS") || used.name().starts_with("PS");
        if fits {
            answer.assert_ok();
        } else {
            answer.assert_invalid_token();
        }
    }
}

/// Row E9.
#[tokio::test(start_paused = true)]
async fn kid_must_match_exactly() {
    let kid = p256()["kid"].as_str().unwrap().to_owned();
    let server = server_with(keys([p256()]));
    let app = app(&server);
    let wrong = [json!(1), json!(null), json!([kid]), json!(""), json!("x"), json!(kid.to_uppercase())];
    for wrong in wrong.into_iter().chain([json!(format!("{kid} "))]) {
        present(&app, &token(Algorithm::ES256).header("kid", &wrong).sign()).await.assert_invalid_token();
    }
    let error = server.verify(&token(Algorithm::ES256).header("kid", "x").sign()).await.unwrap_err();
    assert_eq!(error, VerifyError::Token(TokenError::UnknownKey { kid: Some("x".into()) }));
}

/// Row E9.
#[tokio::test(start_paused = true)]
async fn a_kid_does_not_select_a_key_without_kid() {
    let nameless = server_with(keys([without(p256(), "kid")]));
    let token = token(Algorithm::ES256);
    let error = nameless.verify(&token.sign()).await.unwrap_err();
    assert!(matches!(error, VerifyError::Token(TokenError::UnknownKey { .. })), "{error:?}");
    present(&app(&nameless), &token.clone().without_header("kid").sign()).await.assert_ok();

    // Nor if the name is known, as that of a key of another kind.
    let namesake = with(rsa(), "kid", p256()["kid"].clone());
    let server = server_with(keys([namesake, without(p256(), "kid")]));
    present(&app(&server), &token.sign()).await.assert_invalid_token();
}

/// Keys that fit ES256 and did not sign.
fn strangers(count: usize) -> Vec<Value> {
    let one = |_| TestIssuer::builder().algorithms([Algorithm::ES256]).start().jwks()["keys"][0].clone();
    (0..count).map(one).collect()
}

/// Row E10.
#[tokio::test]
async fn without_kid_17_matching_keys_are_tried() {
    let strangers = strangers(17);
    let token = token(Algorithm::ES256).without_header("kid").sign();
    // Those that do not fit the algorithm do not count.
    let misfits = [rsa(), ed25519(), jwk("EC", Some("P-384")), ml_dsa()];
    let last = misfits.iter().chain(&strangers[..16]).cloned().chain([p256()]);
    present(&app(&server_with(keys(last))), &token).await.assert_ok();
    let beyond = strangers.iter().cloned().chain([p256()]);
    let server = server_with(keys(beyond));
    present(&app(&server), &token).await.assert_invalid_token();
    let error = server.verify(&token).await.unwrap_err();
    assert_eq!(error, VerifyError::Token(TokenError::NoKid { tried: 17, fitting: 18 }));
    assert_eq!(
        error.to_string(),
        "the token is refused: no kid: 17 of 18 keys tried, and none of them made the signature"
    );
}

/// Row E18.
#[tokio::test]
async fn keys_with_one_kid_are_chosen_by_type_and_algorithm() {
    let same = |jwk: Value| with(jwk, "kid", "same");
    let mut entries: Vec<_> = strangers(2).into_iter().map(same).collect();
    entries.extend([same(rsa()), same(p256()), same(ed25519())]);
    let app = app(&server_with(keys(entries)));
    for algorithm in [Algorithm::RS256, Algorithm::PS512, Algorithm::ES256, Algorithm::EdDSA] {
        present(&app, &token(algorithm).header("kid", "same").sign()).await.assert_ok();
    }
    present(&app, &token(Algorithm::ES384).header("kid", "same").sign()).await.assert_invalid_token();
    let forged = token(Algorithm::ES256).header("kid", "same").signed_by(&small_issuer());
    present(&app, &forged.sign()).await.assert_invalid_token();
}
