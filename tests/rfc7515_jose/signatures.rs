//! What the signature must be, for each algorithm.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;

use super::{signed, token_by};
use crate::harness::signatures::{add, der, orders, subtract, with_signature};
use crate::harness::{
    AUDIENCE, ISSUER, RsaVectors, app, assert_accepted, assert_refused, builder_with_keys, good, present, server,
    small_issuer,
};

/// Rows E21, E22.
#[tokio::test]
async fn rsa_padding_and_length_must_be_exact() {
    let vectors = RsaVectors::load();
    assert_accepted(&vectors.app, vectors.tokens(true)).await;
    assert_refused(&vectors.app, vectors.tokens(false)).await;
    assert_eq!((vectors.tokens(true).count(), vectors.tokens(false).count()), (5, 29));
}

/// Rows D6, F1, F2.
#[tokio::test]
async fn every_algorithm_verifies_with_its_key() {
    let api = app(&server(&ISSUER));
    for &algorithm in Algorithm::ALL {
        let token = token_by(algorithm);
        assert_accepted(&api, [(algorithm, token.sign()), (algorithm, token.clone().without_header("kid").sign())])
            .await;
    }
}

/// Rows E21, E22, E23.
#[tokio::test]
async fn altered_signatures_are_refused() {
    let api = app(&server(&ISSUER));
    for &algorithm in Algorithm::ALL {
        let (input, signature) = signed(&token_by(algorithm));
        let (_, another) = signed(&token_by(algorithm));
        let length = signature.len();
        let mut mangled = vec![
            ("none".to_owned(), Vec::new()),
            ("one byte".to_owned(), vec![0]),
            ("zeros".to_owned(), vec![0; length]),
            ("ones".to_owned(), vec![0xff; length]),
            ("cut at the end".to_owned(), signature[..length - 1].to_vec()),
            ("cut at the front".to_owned(), signature[1..].to_vec()),
            ("half".to_owned(), signature[..length / 2].to_vec()),
            ("twice".to_owned(), signature.repeat(2)),
            ("a zero behind".to_owned(), [&*signature, &[0]].concat()),
            ("a zero before".to_owned(), [&[0], &*signature].concat()),
            ("backwards".to_owned(), signature.iter().rev().copied().collect()),
            ("another token's".to_owned(), another),
        ];
        for place in [0, 1, length / 3, length / 2 - 1, length / 2, length - 2, length - 1] {
            for bit in [0, 3, 7] {
                let mut flipped = signature.clone();
                flipped[place] ^= 1 << bit;
                mangled.push((format!("bit {bit} of byte {place}"), flipped));
            }
        }
        let tokens = mangled.into_iter();
        let tokens = tokens.map(|(what, bytes)| (format!("{algorithm}: {what}"), with_signature(&input, bytes)));
        assert_refused(&api, tokens).await;
        assert_accepted(&api, [(algorithm, with_signature(&input, signature))]).await;
    }
}

/// Row E32.
#[tokio::test]
async fn the_signature_covers_header_and_payload() {
    let api = app(&server(&ISSUER));
    for &algorithm in Algorithm::ALL {
        let powerless = token_by(algorithm).scope("nothing");
        let (input, signature) = signed(&powerless);
        assert_refused(
            &api,
            [
                ("payload", with_signature(&powerless.clone().scope("read:me").signing_input(), &signature)),
                ("header", with_signature(&powerless.clone().header("x", 1).signing_input(), &signature)),
            ],
        )
        .await;
        present(&api, &with_signature(&input, &signature)).await.assert_insufficient_scope("read:me");
    }
}

/// Row E23.
#[tokio::test]
async fn an_ecdsa_signature_is_two_numbers_in_range() {
    let api = app(&server(&ISSUER));
    for (algorithm, n) in orders() {
        let (input, signature) = signed(&token_by(algorithm));
        let (r, s) = signature.split_at(n.len());
        assert_eq!(s.len(), n.len(), "{algorithm}");
        let zero = vec![0; n.len()];
        let mut one = zero.clone();
        *one.last_mut().unwrap() = 1;
        let bad: [(&str, Vec<u8>); 16] = [
            ("r = s = 0", [&*zero, &zero].concat()),
            ("r = 0", [&*zero, s].concat()),
            ("s = 0", [r, &zero].concat()),
            ("r = s = 1", [&*one, &one].concat()),
            ("r = s = n", [&*n, &n].concat()),
            ("r = n", [&*n, s].concat()),
            ("s = n", [r, &n].concat()),
            ("r = n, s = 0", [&*n, &zero].concat()),
            ("r = s", [r, r].concat()),
            ("s before r", [s, r].concat()),
            ("n - r", [&*subtract(&n, r), s].concat()),
            ("DER", der(r, s)),
            ("DER with zeros to the length", {
                let mut padded = der(r, s);
                padded.resize(signature.len().max(padded.len()), 0);
                padded
            }),
            ("a byte more in each", [&[0], r, &[0], s].concat()),
            ("a byte more", [r, s, &[0]].concat()),
            ("a 4 in front, as of a point", [&[4], r, s].concat()),
        ];
        let tokens = bad.into_iter();
        let tokens = tokens.map(|(what, bytes)| (format!("{algorithm}: {what}"), with_signature(&input, bytes)));
        assert_refused(&api, tokens).await;
        // A P-521 number leaves seven bits free, so n more fits as well, and must not.
        if algorithm == Algorithm::ES512 {
            let beyond = [
                ("r + n", [&*add(r, &n), s].concat()),
                ("s + n", [r, &*add(s, &n)].concat()),
                ("the top bit", [&[r[0] | 0x80], &r[1..], s].concat()),
            ];
            assert_refused(&api, beyond.map(|(what, bytes)| (what, with_signature(&input, bytes)))).await;
        }
    }
}

/// Row E24.
#[tokio::test]
async fn low_and_high_s_are_both_accepted() {
    let api = app(&server(&ISSUER));
    for (algorithm, n) in orders() {
        let (input, signature) = signed(&token_by(algorithm));
        let (r, s) = signature.split_at(n.len());
        let other = subtract(&n, s);
        assert_eq!(add(s, &other), n);
        // One of the two is the high one.
        assert_accepted(&api, [s, &other].map(|s| (algorithm, with_signature(&input, [r, s].concat())))).await;
    }
}

/// Row F2.
#[tokio::test]
async fn both_names_of_ed25519_work_with_any_declared_alg() {
    let issuer = TestIssuer::builder().algorithms([Algorithm::EdDSA, Algorithm::Ed25519]).start();
    for declared in [None, Some("EdDSA"), Some("Ed25519")] {
        let mut jwks = issuer.jwks();
        if let Some(declared) = declared {
            jwks["keys"][0]["alg"] = json!(declared);
        }
        let api = app(&builder_with_keys(issuer.url(), &jwks).build().unwrap());
        for algorithm in [Algorithm::EdDSA, Algorithm::Ed25519] {
            let token = issuer.token_by(algorithm).audience(AUDIENCE).scope("read:me");
            assert_accepted(&api, [(algorithm, token.sign())]).await;
        }
    }
}

/// Row F3.
#[tokio::test]
async fn malleable_ed25519_signatures_are_refused() {
    /// The order of the base point (RFC 8032 §5.1), little-endian.
    const L: [u8; 32] =
        *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";
    let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<_>>();
    let api = app(&server(&ISSUER));
    let (input, signature) = signed(&token_by(Algorithm::Ed25519));
    let (r, s) = signature.split_at(32);
    let mut beyond = reversed(s);
    for times in 1..=8 {
        beyond = add(&beyond, &reversed(&L));
        let token = with_signature(&input, [r, &*reversed(&beyond)].concat());
        assert_refused(&api, [(format!("S + {times} L"), token)]).await;
    }
    assert_accepted(&api, [("S", with_signature(&input, signature))]).await;
}

/// Row F3.
#[tokio::test]
async fn a_key_of_small_order_verifies_nothing() {
    let issuer = small_issuer();
    // Under the neutral element as the key, this one signature fits every message.
    let (mut neutral, s) = ([0; 32], [0; 32]);
    neutral[0] = 1;
    let mut jwks = issuer.jwks();
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "neutral", "x": URL_SAFE_NO_PAD.encode(neutral) });
    jwks["keys"].as_array_mut().unwrap().insert(0, key);
    let api = app(&builder_with_keys(issuer.url(), &jwks).build().unwrap());
    for alg in ["EdDSA", "Ed25519"] {
        let token = good(&issuer).header("alg", alg).without_header("kid");
        assert_refused(&api, [(alg, with_signature(&token.signing_input(), [neutral, s].concat()))]).await;
    }
    assert_accepted(&api, [("the key beside it", good(&issuer).sign())]).await;
}
