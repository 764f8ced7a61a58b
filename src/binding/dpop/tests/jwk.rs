use serde_json::{Value, json};

use super::*;
use crate::jose::{JwsError, UnusableJwk, encode_base64url};

/// What is wrong with a proof whose `jwk` is this value.
fn of_jwk(client: &TestClient, jwk: &Value) -> ProofError {
    cheap_error(&good(client).header("jwk", jwk).sign(), client).expect("a fault")
}

fn unusable(reason: UnusableJwk) -> ProofError {
    ProofError::Key(reason)
}

/// The `jwk` of the client with one more member.
fn with(client: &TestClient, name: &str, value: impl Into<Value>) -> Value {
    let mut jwk = client.jwk();
    jwk[name] = value.into();
    jwk
}

/// Row L5.
#[test]
fn there_is_one_jwk_and_it_is_an_object() {
    for client in CLIENTS.iter() {
        assert_eq!(cheap_error(&good(client).without_header("jwk").sign(), client), Some(ProofError::NoKey));
        let jwk = client.jwk();
        for value in [json!(null), json!(1), json!(true), json!([]), json!([jwk]), json!(jwk.to_string()), json!({})] {
            assert_eq!(of_jwk(client, &value), unusable(UnusableJwk::Malformed), "{client:?}: {value}");
        }
    }
}

/// Row L5.
#[test]
fn a_private_key_is_refused() {
    for client in CLIENTS.iter() {
        for name in ["d", "p", "q", "dp", "dq", "qi", "priv"] {
            for value in [json!("AQAB"), json!(1), json!([]), json!({})] {
                assert_eq!(of_jwk(client, &with(client, name, value)), unusable(UnusableJwk::Private), "{name}");
            }
        }
        let other_prime = json!([{ "r": "AQAB", "d": "AQAB", "t": "AQAB" }]);
        assert_eq!(of_jwk(client, &with(client, "oth", other_prime)), unusable(UnusableJwk::Private));
        assert_eq!(of_jwk(client, &with(client, "k", "AQAB")), unusable(UnusableJwk::Symmetric));
    }
}

#[test]
fn a_private_key_is_not_shown() {
    let client = client(Algorithm::ES256);
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
    let found = of_jwk(client, &with(client, "d", secret));
    assert!(!format!("{found} {found:?}").contains(secret));
}

/// Row L4.
#[test]
fn a_symmetric_key_is_refused() {
    let client = client(Algorithm::ES256);
    assert_eq!(of_jwk(client, &json!({ "kty": "oct", "k": "AQAB" })), unusable(UnusableJwk::Symmetric));
    assert_eq!(of_jwk(client, &json!({ "kty": "oct" })), unusable(UnusableJwk::Symmetric));
}

/// Row L5.
#[test]
fn the_key_is_one_for_the_alg() {
    for client in CLIENTS.iter() {
        let own = good(client);
        for other in CLIENTS.iter() {
            let (key, other_key) = (client.jwk(), other.jwk());
            if ["kty", "crv", "alg"].iter().all(|name| key.get(name) == other_key.get(name)) {
                continue;
            }
            match of_jwk(client, &other_key) {
                ProofError::Key(UnusableJwk::AlgorithmMismatch { declared }) => {
                    assert!(std::ptr::eq(client, super::client(declared)));
                }
                // Only a proof by ML-DSA has room for such a key.
                ProofError::TooLong { .. } => assert_eq!(other_key["kty"], "AKP"),
                found => panic!("{client:?} with the key of {other:?}: {found:?}"),
            }
        }
        assert_eq!(error(&own.clone().header("jwk", with(client, "use", "sig")).sign(), client), None);
        assert_eq!(error(&own.clone().header("jwk", with(client, "key_ops", json!(["verify"]))).sign(), client), None);
        assert_eq!(error(&own.header("jwk", with(client, "kid", "x")).sign(), client), None);
        let usage = UnusableJwk::Use { usage: "enc".into() };
        assert_eq!(of_jwk(client, &with(client, "use", "enc")), unusable(usage));
        assert_eq!(of_jwk(client, &with(client, "key_ops", json!(["sign"]))), unusable(UnusableJwk::KeyOps));
    }
}

#[test]
fn an_alg_in_the_jwk_is_that_of_the_header() {
    let client = client(Algorithm::RS256);
    assert_eq!(error(&good(client).header("jwk", with(client, "alg", "RS256")).sign(), client), None);
    for other in ["PS256", "RS512", "ES256"] {
        let expected = UnusableJwk::AlgorithmMismatch { declared: Algorithm::RS256 };
        assert_eq!(of_jwk(client, &with(client, "alg", other)), unusable(expected), "{other}");
    }
    let expected = UnusableJwk::Algorithm { alg: "HS256".into() };
    assert_eq!(of_jwk(client, &with(client, "alg", "HS256")), unusable(expected));
}

#[test]
fn a_weak_key_is_refused() {
    let rsa = client(Algorithm::RS256);
    for exponent in [&[1_u8][..], &[0, 1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 0, 1], &[0]] {
        assert_eq!(of_jwk(rsa, &with(rsa, "e", encode_base64url(exponent))), unusable(UnusableJwk::Exponent));
    }
    let modulus = |bits: usize| encode_base64url([&[0x80_u8][..], &vec![0; bits / 8 - 2], &[1]].concat());
    for bits in [512, 1024, 2040] {
        assert_eq!(of_jwk(rsa, &with(rsa, "n", modulus(bits))), unusable(UnusableJwk::ModulusLength { bits }));
    }
    let ed25519 = client(Algorithm::Ed25519);
    let small_order = [[0; 32], [&[1_u8][..], &[0; 31]].concat().try_into().unwrap()];
    for point in small_order {
        assert_eq!(of_jwk(ed25519, &with(ed25519, "x", encode_base64url(point))), unusable(UnusableJwk::SmallOrder));
    }
    let not_canonical = encode_base64url([0xff; 32]);
    assert_eq!(of_jwk(ed25519, &with(ed25519, "x", not_canonical)), unusable(UnusableJwk::NotCanonical));
    let short = encode_base64url([7; 31]);
    assert_eq!(of_jwk(ed25519, &with(ed25519, "x", short)), unusable(UnusableJwk::CoordinateLength));
}

/// A point that is not on the curve is seen when the key is parsed, which only a bound token makes happen.
#[test]
fn a_point_off_its_curve_is_refused() {
    for (algorithm, length) in [(Algorithm::ES256, 32), (Algorithm::ES384, 48), (Algorithm::ES512, 66)] {
        let client = client(algorithm);
        let jwk = with(client, "y", encode_base64url(vec![1; length]));
        let text = good(client).header("jwk", jwk).sign();
        assert!(matches!(cheap_error(&text, client), Some(ProofError::OtherKey { .. })), "{algorithm}");
        let proof = UnverifiedProof::parse(&text).unwrap();
        let jkt = proof.thumbprint().to_string();
        let checked = CheckedProof::check(&facts(&proof, &jkt)).unwrap();
        let found = checked.verify_signature(&ProofKeys::new()).err().unwrap();
        assert_eq!(found, unusable(UnusableJwk::InvalidKey), "{algorithm}");
    }
}

#[test]
fn no_member_of_a_jwk_occurs_twice() {
    let client = client(Algorithm::ES256);
    let jwk = client.jwk().to_string();
    for member in [r#""kty":"EC""#, r#""\u006bty":"EC""#, r#""new":1,"new":1"#, r#""new":[{"a":1,"a":1}]"#] {
        let jwk = jwk.replacen('{', &format!("{{{member},"), 1);
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#);
        let found = cheap_error(&good(client).raw_header(header).sign(), client);
        assert!(matches!(found, Some(ProofError::Jws(JwsError::Header(_)))), "{member}: {found:?}");
    }
}

#[test]
fn other_members_of_a_jwk_do_not_change_its_thumbprint() {
    for client in CLIENTS.iter() {
        let mut jwk = with(client, "kid", "x");
        jwk["x5c"] = json!(["MIIB"]);
        jwk["new"] = json!({ "kty": "oct" });
        assert_eq!(error(&good(client).header("jwk", jwk).sign(), client), None, "{client:?}");
    }
}
