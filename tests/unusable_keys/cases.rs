//! Keys that must be skipped, each with the reason that must be given.

use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, UnusableJwk};

use super::{altered, b64, ed25519, jwk, ml_dsa, p256, rsa, with, without};

/// A member of a good key without its last byte.
fn shortened(jwk: Value, member: &str) -> Value {
    altered(jwk, member, |bytes| bytes.truncate(bytes.len() - 1))
}

fn key_type(kty: &str) -> UnusableJwk {
    UnusableJwk::KeyType { kty: kty.into() }
}

fn curve(crv: &str) -> UnusableJwk {
    UnusableJwk::Curve { crv: crv.into() }
}

fn unknown_algorithm(alg: &str) -> UnusableJwk {
    UnusableJwk::Algorithm { alg: alg.into() }
}

fn mismatch(declared: Algorithm) -> UnusableJwk {
    UnusableJwk::AlgorithmMismatch { declared }
}

fn missing(name: &'static str) -> UnusableJwk {
    UnusableJwk::Missing { name }
}

fn encoding(name: &'static str) -> UnusableJwk {
    UnusableJwk::Encoding { name }
}

fn not_for(usage: &str) -> UnusableJwk {
    UnusableJwk::Use { usage: usage.into() }
}

/// Kinds, purposes and algorithms that no signature here has a use for.
pub(super) fn of_another_purpose() -> Vec<(Value, UnusableJwk)> {
    vec![
        (with(rsa(), "kty", "FOO"), key_type("FOO")),
        // RFC 7517 §4.1: case-sensitive.
        (with(rsa(), "kty", "rsa"), key_type("rsa")),
        (with(p256(), "crv", "secp256k1"), curve("secp256k1")),
        (with(ed25519(), "crv", "X25519"), curve("X25519")),
        (with(ed25519(), "crv", "Ed448"), curve("Ed448")),
        (with(ed25519(), "crv", "P-256"), curve("P-256")),
        (with(rsa(), "use", "enc"), not_for("enc")),
        (with(p256(), "use", "SIG"), not_for("SIG")),
        (with(p256(), "key_ops", json!(["sign"])), UnusableJwk::KeyOps),
        (with(p256(), "key_ops", json!([""])), UnusableJwk::KeyOps),
        (with(rsa(), "key_ops", json!(["encrypt", "wrapKey", "VERIFY"])), UnusableJwk::KeyOps),
        (with(p256(), "alg", "RS256"), mismatch(Algorithm::RS256)),
        (with(p256(), "alg", "ES384"), mismatch(Algorithm::ES384)),
        (with(p256(), "alg", "EdDSA"), mismatch(Algorithm::EdDSA)),
        (with(rsa(), "alg", "ES256"), mismatch(Algorithm::ES256)),
        (with(rsa(), "alg", "ML-DSA-44"), mismatch(Algorithm::MlDsa44)),
        (with(ed25519(), "alg", "ES256"), mismatch(Algorithm::ES256)),
        (with(ml_dsa(), "alg", "ES256"), mismatch(Algorithm::ES256)),
        (with(rsa(), "alg", "RSA-OAEP"), unknown_algorithm("RSA-OAEP")),
        (with(rsa(), "alg", "HS256"), unknown_algorithm("HS256")),
        (with(rsa(), "alg", "none"), unknown_algorithm("none")),
        (with(rsa(), "alg", "rs256"), unknown_algorithm("rs256")),
        (with(p256(), "alg", "ES256K"), unknown_algorithm("ES256K")),
    ]
}

/// RFC 7517 §9: keys with which every reader of the set can sign.
pub(super) fn secret() -> Vec<(Value, UnusableJwk)> {
    vec![
        (json!({ "kty": "oct", "k": b64([7; 32]), "alg": "HS256" }), UnusableJwk::Symmetric),
        (json!({ "kty": "oct" }), UnusableJwk::Symmetric),
        (with(rsa(), "k", b64([7; 32])), UnusableJwk::Symmetric),
        (with(rsa(), "d", b64([7; 256])), UnusableJwk::Private),
        (with(p256(), "d", b64([7; 32])), UnusableJwk::Private),
        (with(ed25519(), "d", 5), UnusableJwk::Private),
        (with(ml_dsa(), "priv", b64([7; 32])), UnusableJwk::Private),
    ]
}

/// RFC 8725 §3.4, §3.5: material that aws-lc-rs would take, or under which signatures can be forged.
pub(super) fn weak() -> Vec<(Value, UnusableJwk)> {
    let modulus = |bytes: &[u8]| with(rsa(), "n", b64(bytes));
    let exponent = |bytes: &[u8]| with(rsa(), "e", b64(bytes));
    let length = |bits| UnusableJwk::ModulusLength { bits };
    vec![
        (modulus(&[0xff; 128]), length(1024)),
        (modulus(&[&[0; 128][..], &[0xff; 128]].concat()), length(1024)),
        (modulus(&[&[0x7f][..], &[0xff; 255]].concat()), length(2047)),
        (modulus(&[&[1][..], &[0xff; 1024]].concat()), length(8193)),
        (modulus(&[0xff; 16_384]), length(131_072)),
        (modulus(&[]), length(0)),
        (altered(rsa(), "n", |n| *n.last_mut().unwrap() &= 0xfe), UnusableJwk::EvenModulus),
        (exponent(&[]), UnusableJwk::Exponent),
        (exponent(&[0]), UnusableJwk::Exponent),
        (exponent(&[1]), UnusableJwk::Exponent),
        (exponent(&[0, 1]), UnusableJwk::Exponent),
        (exponent(&[2]), UnusableJwk::Exponent),
        (exponent(&[1, 0, 0]), UnusableJwk::Exponent),
        (altered(p256(), "y", |y| y[31] ^= 1), UnusableJwk::InvalidKey),
        (altered(jwk("EC", Some("P-384")), "y", |y| y[47] ^= 1), UnusableJwk::InvalidKey),
        (altered(jwk("EC", Some("P-521")), "y", |y| y[65] ^= 1), UnusableJwk::InvalidKey),
        (with(with(p256(), "x", b64([0; 32])), "y", b64([0; 32])), UnusableJwk::InvalidKey),
        (with(p256(), "x", b64([0xff; 32])), UnusableJwk::InvalidKey),
        (shortened(p256(), "x"), UnusableJwk::CoordinateLength),
        (altered(p256(), "y", |y| y.insert(0, 0)), UnusableJwk::CoordinateLength),
        (with(p256(), "crv", "P-384"), UnusableJwk::CoordinateLength),
        (with(p256(), "x", ""), UnusableJwk::CoordinateLength),
        (shortened(ed25519(), "x"), UnusableJwk::CoordinateLength),
        (altered(ed25519(), "x", |x| x.push(0)), UnusableJwk::CoordinateLength),
        (shortened(ml_dsa(), "pub"), UnusableJwk::InvalidKey),
        (with(ml_dsa(), "alg", "ML-DSA-65"), UnusableJwk::InvalidKey),
    ]
}

/// Members that are absent, are no base64url, or have another type.
pub(super) fn malformed() -> Vec<(Value, UnusableJwk)> {
    let padded = |jwk: Value, member: &str| {
        let value = format!("{}=", jwk[member].as_str().unwrap());
        with(jwk, member, value)
    };
    let mut rows = vec![
        (without(rsa(), "kty"), UnusableJwk::Malformed),
        (without(rsa(), "n"), missing("n")),
        (without(rsa(), "e"), missing("e")),
        (without(p256(), "crv"), missing("crv")),
        (without(p256(), "x"), missing("x")),
        (without(p256(), "y"), missing("y")),
        (without(ed25519(), "crv"), missing("crv")),
        (without(ed25519(), "x"), missing("x")),
        (without(ml_dsa(), "alg"), missing("alg")),
        (without(ml_dsa(), "pub"), missing("pub")),
        (padded(rsa(), "n"), encoding("n")),
        (with(rsa(), "e", "AQ+/"), encoding("e")),
        // Bits to spare: a second spelling of 65537 (RFC 4648 §3.5).
        (with(rsa(), "e", "AQABAB"), encoding("e")),
        (padded(p256(), "x"), encoding("x")),
        (with(p256(), "y", "\n"), encoding("y")),
        (padded(ed25519(), "x"), encoding("x")),
        (with(ml_dsa(), "pub", "é"), encoding("pub")),
    ];
    let wrong_types = [
        ("kty", json!(null)),
        ("kid", json!(5)),
        ("use", json!(["sig"])),
        ("key_ops", json!("verify")),
        ("key_ops", json!([5])),
        ("alg", json!(["RS256"])),
        ("crv", json!(256)),
        ("n", json!(5)),
        ("e", json!(65537)),
        ("x", json!({})),
    ];
    rows.extend(wrong_types.map(|(member, value)| (with(rsa(), member, value), UnusableJwk::Malformed)));
    rows
}

/// Entries that no `Value` can hold, or that are no object.
pub(super) fn raw() -> Vec<(String, UnusableJwk)> {
    let jwk = p256().to_string();
    let twice = |name: &str| jwk.replacen('{', &format!(r#"{{"{name}":"P-256","#), 1);
    ["null", "5", "true", r#""x""#, "[]", "{}"]
        .map(str::to_owned)
        .into_iter()
        .chain(["crv", "kid", "kty", "x", r"\u0063rv"].map(twice))
        .map(|entry| (entry, UnusableJwk::Malformed))
        .collect()
}

/// The 14 encodings of the 8 points whose order divides 8, of which 6 are not the canonical one of their point. The bytes
/// are in the order of RFC 8032: the last one has the sign.
pub(super) fn small_order() -> Vec<(Value, UnusableJwk)> {
    let number = |low: u8, middle: u8, high: u8| {
        let mut y = [middle; 32];
        (y[0], y[31]) = (low, high);
        y
    };
    let order_8 = b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a";
    let order_8_too = b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05";
    let points = [
        (number(0, 0, 0), UnusableJwk::SmallOrder),
        (number(1, 0, 0), UnusableJwk::SmallOrder),
        (number(0xec, 0xff, 0x7f), UnusableJwk::SmallOrder),
        (*order_8, UnusableJwk::SmallOrder),
        (*order_8_too, UnusableJwk::SmallOrder),
        (number(0xed, 0xff, 0x7f), UnusableJwk::NotCanonical), // p, which is 0.
        (number(0xee, 0xff, 0x7f), UnusableJwk::NotCanonical), // p + 1.
        // Of no small order, and yet a second spelling: p + 3 and p + 18.
        (number(0xf0, 0xff, 0x7f), UnusableJwk::NotCanonical),
        (number(0xff, 0xff, 0x7f), UnusableJwk::NotCanonical),
    ];
    let both_signs = |(mut y, reason): ([u8; 32], UnusableJwk)| {
        let positive = with(ed25519(), "x", b64(y));
        y[31] |= 0x80;
        [(positive, reason.clone()), (with(ed25519(), "x", b64(y)), reason)]
    };
    points.into_iter().flat_map(both_signs).collect()
}

pub(super) fn all_odd_keys() -> Vec<(String, UnusableJwk)> {
    let mut rows = raw();
    let values = [of_another_purpose(), secret(), weak(), malformed(), small_order()].concat();
    rows.extend(values.into_iter().map(|(jwk, reason)| (jwk.to_string(), reason)));
    rows
}
