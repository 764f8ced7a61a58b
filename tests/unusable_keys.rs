//! An issuer's key set is distrusted too: what cannot be used safely is skipped with a reason, and costs no other key.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, JwkSet, JwkSetError, UnusableJwk};
use tower_bearer::server::VerifyError;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer, TokenBuilder};
use tower_bearer::token::TokenError;
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::{AUDIENCE, ISSUER, app, fetches, good, present, server, small_issuer};

/// The only names by which a usable JWK and its neighbours are told apart here.
fn jwk(kty: &str, variant: Option<&str>) -> Value {
    let jwks = ISSUER.jwks();
    let is_it = |jwk: &&Value| {
        jwk["kty"] == kty && variant.is_none_or(|variant| jwk["crv"] == variant || jwk["alg"] == variant)
    };
    jwks["keys"].as_array().unwrap().iter().find(is_it).unwrap().clone()
}

fn rsa() -> Value {
    jwk("RSA", None)
}

fn p256() -> Value {
    jwk("EC", Some("P-256"))
}

fn ed25519() -> Value {
    jwk("OKP", Some("Ed25519"))
}

fn ml_dsa() -> Value {
    jwk("AKP", Some("ML-DSA-44"))
}

fn with(mut jwk: Value, member: &str, value: impl Into<Value>) -> Value {
    jwk[member] = value.into();
    jwk
}

fn without(mut jwk: Value, member: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(member).unwrap();
    jwk
}

fn b64(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

fn octets(jwk: &Value, member: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap()
}

/// A member of a good key with its octets changed.
fn altered(jwk: Value, member: &str, alter: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut value = octets(&jwk, member);
    alter(&mut value);
    with(jwk, member, b64(value))
}

/// A member of a good key without its last octet.
fn shortened(jwk: Value, member: &str) -> Value {
    altered(jwk, member, |octets| octets.truncate(octets.len() - 1))
}

/// A set as raw text, because duplicate members do not survive a `Value`.
fn set<'a>(entries: impl IntoIterator<Item = &'a String>) -> String {
    let entries: Vec<_> = entries.into_iter().map(String::as_str).collect();
    format!(r#"{{"keys":[{}]}}"#, entries.join(","))
}

fn keys(entries: impl IntoIterator<Item = Value>) -> JwkSet {
    let entries: Vec<_> = entries.into_iter().collect();
    JwkSet::from_json(json!({ "keys": entries }).to_string().as_bytes()).unwrap()
}

/// A server that knows just these keys of [`ISSUER`], without any network.
fn server_with(keys: JwkSet) -> ResourceServer {
    ResourceServer::builder(AUDIENCE).trust(Issuer::keys(ISSUER.url(), keys).unwrap()).build().unwrap()
}

fn token(algorithm: Algorithm) -> TokenBuilder {
    ISSUER.token_by(algorithm).audience(AUDIENCE).scope("read:me")
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
fn of_another_purpose() -> Vec<(Value, UnusableJwk)> {
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
        (with(p256(), "key_ops", json!([])), UnusableJwk::KeyOps),
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

/// RFC 7517 §9: keys that whoever reads the set can sign with.
fn secret() -> Vec<(Value, UnusableJwk)> {
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
fn weak() -> Vec<(Value, UnusableJwk)> {
    let modulus = |octets: &[u8]| with(rsa(), "n", b64(octets));
    let exponent = |octets: &[u8]| with(rsa(), "e", b64(octets));
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
fn malformed() -> Vec<(Value, UnusableJwk)> {
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
fn raw() -> Vec<(String, UnusableJwk)> {
    let jwk = p256().to_string();
    let twice = |name: &str| jwk.replacen('{', &format!(r#"{{"{name}":"P-256","#), 1);
    ["null", "5", "true", r#""x""#, "[]", "{}"]
        .map(str::to_owned)
        .into_iter()
        .chain(["crv", "kid", "kty", "x", r"\u0063rv"].map(twice))
        .map(|entry| (entry, UnusableJwk::Malformed))
        .collect()
}

/// The 14 encodings of the 8 points whose order divides 8, of which 6 are not the canonical one of their point. The octets
/// are in the order of RFC 8032: the last one has the sign.
fn small_order() -> Vec<(Value, UnusableJwk)> {
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

fn all_odd_keys() -> Vec<(String, UnusableJwk)> {
    let mut rows = raw();
    let values = [of_another_purpose(), secret(), weak(), malformed(), small_order()].concat();
    rows.extend(values.into_iter().map(|(jwk, reason)| (jwk.to_string(), reason)));
    rows
}

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

#[test]
fn e15_e16_e17_d2_keys_for_something_else_are_skipped() {
    assert_each_is_skipped_for_its_reason(of_another_purpose());
}

#[test]
fn e20_secrets_are_skipped() {
    assert_each_is_skipped_for_its_reason(secret());
}

#[test]
fn e25_d8_d9_weak_keys_are_skipped() {
    assert_each_is_skipped_for_its_reason(weak());
}

#[test]
fn e15_malformed_keys_are_skipped() {
    assert_each_is_skipped_for_its_reason(malformed());
    assert_each_is_skipped_for_its_reason(raw());
}

#[test]
fn d8_ed25519_keys_of_small_order_are_skipped() {
    assert_each_is_skipped_for_its_reason(small_order());
}

#[tokio::test]
async fn e15_a_polluted_set_costs_no_good_key() {
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

#[test]
fn e15_what_is_skipped_is_told_without_showing_the_key() {
    let private = with(with(p256(), "kid", "sig-1"), "d", "c2VjcmV0");
    let keys = keys([rsa(), private]);
    let skipped = &keys.skipped()[0];
    assert_eq!(skipped.id.as_deref(), Some("sig-1"));
    assert_eq!(skipped.to_string(), r#"entry 1 (kid "sig-1"): a private key was published"#);
    assert!(!format!("{keys:?}").contains("c2VjcmV0"));
}

/// No point of the curve has y = 2. That is only seen when a signature is verified, and then none is good.
#[tokio::test]
async fn d8_an_ed25519_key_off_the_curve_verifies_nothing() {
    let off_curve = with(ed25519(), "x", b64([&[2][..], &[0; 31]].concat()));
    let api = server_with(keys([p256(), off_curve]));
    present(&app(&api), &token(Algorithm::EdDSA).sign()).await.assert_invalid_token();
}

/// serde's derived structs can also be read from an array of their members in order, and no issuer writes that.
#[test]
fn e15_an_array_is_no_jwk() {
    let (n, e) = (&rsa()["n"], &rsa()["e"]);
    let members = json!(["RSA", null, null, null, null, null, n, e, null, null, null, null, null, null]);
    let keys = JwkSet::from_json(set([&p256().to_string(), &members.to_string()]).as_bytes()).unwrap();
    let reasons: Vec<_> = keys.skipped().iter().map(|skipped| &skipped.reason).collect();
    assert_eq!(reasons, [&UnusableJwk::Malformed]);
}

#[test]
fn e15_an_array_is_no_set() {
    let array = json!([[p256()]]).to_string();
    assert_eq!(JwkSet::from_json(array.as_bytes()).err(), Some(JwkSetError::NotAJwkSet));
}

#[test]
fn e15_what_is_no_set_is_of_no_use() {
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

#[test]
fn i13_a_set_has_at_most_100_keys() {
    let jwk = p256().to_string();
    let read = |count| JwkSet::from_json(set(std::iter::repeat_n(&jwk, count)).as_bytes());
    assert_eq!(read(100).unwrap().keys().len(), 100);
    assert_eq!(read(101).err(), Some(JwkSetError::TooManyKeys { found: 101 }));
}

/// Within the size of a document, and far beyond what a recursive parser survives.
#[test]
fn e15_nesting_exhausts_no_stack() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let jwk = p256().to_string();
    for entry in [jwk.replacen('{', &format!(r#"{{"x5c":{deep},"#), 1), deep.clone()] {
        // Ignored or skipped or refused as a whole: all of it is fine, a crash is not.
        let keys = JwkSet::from_json(set([&jwk, &entry]).as_bytes());
        assert!(keys.is_ok_and(|keys| keys.keys()[0].id() == p256()["kid"].as_str()));
    }
}

#[test]
fn d9_the_bounds_of_a_modulus_are_within_them() {
    let smallest = [&[0x80][..], &[0; 254], &[1]].concat();
    for n in [smallest, vec![0xff; 1024]] {
        let keys = keys([with(rsa(), "n", b64(n))]);
        assert_eq!((keys.keys().len(), keys.skipped()), (1, &[][..]));
    }
}

#[tokio::test]
async fn e14_e19_e25_what_is_ignored_or_tolerated() {
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
    // RFC 7518 §6.3.1.1 wants the fewest octets; a sign octet in front is common and changes nothing.
    let padded = altered(altered(rsa(), "n", |n| n.insert(0, 0)), "e", |e| e.insert(0, 0));
    let (plain, padded) = (keys([rsa()]), keys([padded]));
    assert_eq!(plain.keys()[0].thumbprint(), padded.keys()[0].thumbprint());
    present(&app(&server_with(padded)), &token(Algorithm::RS256).sign()).await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn e16_e17_e20_a_key_for_something_else_verifies_nothing() {
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

#[tokio::test(start_paused = true)]
async fn e20_d4_a_published_secret_signs_nothing() {
    let secret = [7; 32];
    let oct = json!({ "kty": "oct", "kid": "hmac", "alg": "HS256", "k": b64(secret) });
    let app = app(&server_with(keys([oct, p256()])));
    let public = octets(&p256(), "x");
    for (material, kid) in [(&secret[..], json!("hmac")), (&public, p256()["kid"].clone())] {
        let input = token(Algorithm::ES256).header("alg", "HS256").header("kid", kid).signing_input();
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, material), input.as_bytes());
        present(&app, &format!("{input}.{}", b64(signature))).await.assert_invalid_token();
    }
}

#[tokio::test]
async fn d2_a_key_serves_only_the_algorithm_it_names() {
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

#[tokio::test]
async fn d2_a_key_that_names_no_algorithm_serves_those_of_its_kind() {
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

#[tokio::test(start_paused = true)]
async fn e9_a_stated_kid_is_a_string_that_must_fit_exactly() {
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

#[tokio::test(start_paused = true)]
async fn e9_a_stated_kid_is_not_replaced_by_a_key_without_one() {
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

#[tokio::test]
async fn e10_without_a_kid_seventeen_fitting_keys_are_tried() {
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
    assert_eq!(error.to_string(), "the token is refused: no kid: 17 of 18 keys tried, and none made the signature");
}

#[tokio::test]
async fn e18_keys_of_one_name_are_told_apart_by_what_they_fit() {
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

#[tokio::test]
async fn i12_a_set_of_no_use_leaves_the_server_without_keys() {
    for document in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#] {
        let issuer = small_issuer();
        issuer.fail(Endpoint::Jwks, Fault::Body(document.into()));
        present(&app(&server(&issuer)), &good(&issuer).sign()).await.assert_keys_unavailable();
    }
}
