//! Unusable keys are skipped one by one, and the rest of the set works.

use serde_json::json;
use tower_bearer::jose::{Algorithm, JwkSet, JwkSetError, UnusableJwk};
use tower_bearer::testing::{Endpoint, Fault};

use super::cases::{all_odd_keys, malformed, of_another_purpose, raw, secret, small_order, weak};
use super::{b64, ed25519, keys, p256, rsa, server_with, set, token, with};
use crate::harness::{ISSUER, app, fetches, good, present, server, small_issuer};

/// The good keys are 8; a set may have 100.
const ODD_KEYS_IN_A_SET: usize = 90;

/// All rows are read before the verdict, so that one wrong row does not hide another.
#[track_caller]
fn assert_each_is_skipped_for_its_reason(rows: impl IntoIterator<Item = (impl ToString, UnusableJwk)>) {
    let good = p256().to_string();
    let disagreements = rows.into_iter().filter_map(|(entry, expected)| {
        let entry = entry.to_string();
        let keys = JwkSet::from_json(set([&good, &entry]).as_bytes()).unwrap();
        let found: Vec<_> = keys.skipped().iter().map(|skipped| (skipped.index, skipped.reason.clone())).collect();
        (found != [(1, expected.clone())]).then_some((entry, expected, found))
    });
    assert_eq!(disagreements.collect::<Vec<_>>(), []);
}

/// Rows E15, E16, E17, D2.
#[test]
fn keys_for_another_purpose_are_skipped() {
    assert_each_is_skipped_for_its_reason(of_another_purpose());
}

/// Row E20.
#[test]
fn secret_keys_are_skipped() {
    assert_each_is_skipped_for_its_reason(secret());
}

/// Rows E25, D8, D9.
#[test]
fn weak_keys_are_skipped() {
    assert_each_is_skipped_for_its_reason(weak());
}

/// Row E15.
#[test]
fn malformed_keys_are_skipped() {
    assert_each_is_skipped_for_its_reason(malformed());
    assert_each_is_skipped_for_its_reason(raw());
}

/// Row D8.
#[test]
fn ed25519_keys_of_small_order_are_skipped() {
    assert_each_is_skipped_for_its_reason(small_order());
}

/// Row E15.
#[tokio::test]
async fn unusable_keys_do_not_affect_usable_ones() {
    let odd: Vec<_> = all_odd_keys().into_iter().map(|(entry, _)| entry).collect();
    let good: Vec<_> = ISSUER.jwks()["keys"].as_array().unwrap().iter().map(ToString::to_string).collect();
    for odd in odd.chunks(ODD_KEYS_IN_A_SET) {
        // An issuer of its own, with the keys of the other: the tokens are signed there and published here.
        let publisher = small_issuer();
        let (before, after) = odd.split_at(odd.len() / 2);
        publisher.fail(Endpoint::Jwks, Fault::Body(set(before.iter().chain(&good).chain(after)).into_bytes()));
        let app = app(&server(&publisher));
        for &algorithm in Algorithm::ALL {
            let token = token(algorithm).claim("iss", publisher.url());
            present(&app, &token.sign()).await.assert_ok();
            present(&app, &token.without_header("kid").sign()).await.assert_ok();
        }
        assert_eq!(fetches(&publisher), (1, 1));
    }
}

/// Row E15.
#[test]
fn skipped_keys_are_reported_without_their_material() {
    let private = with(with(p256(), "kid", "sig-1"), "d", "c2VjcmV0");
    let keys = keys([rsa(), private]);
    let skipped = &keys.skipped()[0];
    assert_eq!(skipped.id.as_deref(), Some("sig-1"));
    assert_eq!(skipped.to_string(), r#"entry 1 (kid "sig-1"): a private key was published"#);
    assert!(!format!("{keys:?}").contains("c2VjcmV0"));
}

/// No point of the curve has y = 2. That is only seen when a signature is verified, and then none is good.
/// Row D8.
#[tokio::test]
async fn an_ed25519_key_off_the_curve_verifies_nothing() {
    let off_curve = with(ed25519(), "x", b64([&[2][..], &[0; 31]].concat()));
    let api = server_with(keys([p256(), off_curve]));
    present(&app(&api), &token(Algorithm::EdDSA).sign()).await.assert_invalid_token();
}

/// serde's derived structs can also be read from an array of their members in order, and no issuer writes that.
/// Row E15.
#[test]
fn an_array_is_not_accepted_as_a_jwk() {
    let (n, e) = (&rsa()["n"], &rsa()["e"]);
    let members = json!(["RSA", null, null, null, null, null, n, e, null, null, null, null, null, null]);
    let keys = JwkSet::from_json(set([&p256().to_string(), &members.to_string()]).as_bytes()).unwrap();
    let reasons: Vec<_> = keys.skipped().iter().map(|skipped| &skipped.reason).collect();
    assert_eq!(reasons, [&UnusableJwk::Malformed]);
}

/// Row E15.
#[test]
fn an_array_is_not_accepted_as_a_set() {
    let array = json!([[p256()]]).to_string();
    assert_eq!(JwkSet::from_json(array.as_bytes()).err(), Some(JwkSetError::NotAJwkSet));
}

/// Row E15.
#[test]
fn documents_that_are_no_jwk_set_are_refused() {
    let not_sets: [&[u8]; 14] = [
        b"",
        b"x",
        b"null",
        b"5",
        b"[]",
        b"{}",
        b"<html></html>",
        br#"{"keys":null}"#,
        br#"{"keys":{}}"#,
        br#"{"keys":"x"}"#,
        br#"{"Keys":[]}"#,
        br#"{"keys":[],"keys":[]}"#,
        br#"{"keys":[]} x"#,
        b"{\"keys\":[\"\xff\"]}",
    ];
    for document in not_sets {
        let error = JwkSet::from_json(document).err();
        assert_eq!(error, Some(JwkSetError::NotAJwkSet), "{}", document.escape_ascii());
    }
    // A set is one whatever it holds.
    assert!(keys([]).keys().is_empty() && keys([]).skipped().is_empty());
    let useless = keys([json!({ "kty": "oct" }), json!(5)]);
    let reasons: Vec<_> = useless.skipped().iter().map(|skipped| (skipped.index, skipped.reason.clone())).collect();
    assert!(useless.keys().is_empty());
    assert_eq!(reasons, [(0, UnusableJwk::Symmetric), (1, UnusableJwk::Malformed)]);
}

/// Row I13.
#[test]
fn sets_over_100_keys_are_refused() {
    let jwk = p256().to_string();
    let read = |count| JwkSet::from_json(set(std::iter::repeat_n(&jwk, count)).as_bytes());
    assert_eq!(read(100).unwrap().keys().len(), 100);
    assert_eq!(read(101).err(), Some(JwkSetError::TooManyKeys { found: 101 }));
}

/// Within the size of a document, and far beyond what a recursive parser survives.
/// Row E15.
#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let jwk = p256().to_string();
    for entry in [jwk.replacen('{', &format!(r#"{{"x5c":{deep},"#), 1), deep.clone()] {
        // Ignored or skipped or refused as a whole: all of it is fine, a crash is not.
        let keys = JwkSet::from_json(set([&jwk, &entry]).as_bytes());
        assert!(keys.is_ok_and(|keys| keys.keys()[0].id() == p256()["kid"].as_str()));
    }
}

/// Row D9.
#[test]
fn moduli_of_2048_and_8192_bits_are_accepted() {
    let smallest = [&[0x80][..], &[0; 254], &[1]].concat();
    for n in [smallest, vec![0xff; 1024]] {
        let keys = keys([with(rsa(), "n", b64(n))]);
        assert_eq!((keys.keys().len(), keys.skipped()), (1, &[][..]));
    }
}

/// Row I12.
#[tokio::test]
async fn an_unusable_set_leaves_the_server_without_keys() {
    for document in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#] {
        let issuer = small_issuer();
        issuer.fail(Endpoint::Jwks, Fault::Body(document.into()));
        present(&app(&server(&issuer)), &good(&issuer).sign()).await.assert_keys_unavailable();
    }
}
