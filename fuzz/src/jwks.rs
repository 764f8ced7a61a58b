//! Key sets: any document, and real keys with whatever done to them.
//!
//! - Nothing panics, and no set has more than 100 keys.
//! - A key is used if and only if it is within the bounds that a second reading of it finds: RSA of 2048 to 8192 bits, odd and
//!   with a sane exponent; points on their curve and not of small order; nothing private, nothing for encryption.
//! - It serves the algorithms of its kind, or the one that it names, and bears its `kid`.
//! - Its thumbprint is that of RFC 7638, every time.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tower_bearer::jose::{Algorithm, JwkSet, VerifyingKey};

use crate::json::Json;
use crate::template::{filled, number};
use crate::world::KEYS;

/// The bytes of the public keys, by the name of the key and of the member: `rsa-1.n`.
static MATERIAL: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let set = Json::read(KEYS.jwks().to_string().as_bytes()).expect("JSON");
    let Some(Json::Array(keys)) = set.member("keys") else { panic!("no keys") };
    let mut material = BTreeMap::new();
    for key in keys {
        let kid = key.member("kid").and_then(Json::text).expect("a kid");
        for name in ["n", "e", "x", "y", "pub"] {
            let bytes =
                key.member(name).and_then(Json::text).map(|text| URL_SAFE_NO_PAD.decode(text).expect("base64url"));
            material.extend(bytes.map(|bytes| (format!("{kid}.{name}"), bytes)));
        }
    }
    material
});

/// A document, in which `$p-256-1.x` is that member of that key in base64url. What follows it is done to the bytes first:
/// `~9` changes bit 9, `<31` keeps 31 of them, `^` puts a zero before them.
pub fn run(input: &[u8]) {
    let document = with_material(input);
    let Ok(set) = JwkSet::from_json(&document) else { return };
    let (keys, skipped) = (set.keys(), set.skipped());
    assert!(keys.len() + skipped.len() <= JwkSet::MAX_KEYS);
    let again = JwkSet::from_json(&document).expect("as before");
    assert_eq!(keys, again.keys());
    // A member that is not used may hold what is not quite JSON.
    let unmarked = document.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&document);
    let Some(Json::Array(entries)) = Json::read(unmarked).and_then(|document| document.member("keys").cloned()) else {
        return;
    };
    assert_eq!(keys.len() + skipped.len(), entries.len());
    let mut keys = keys.iter();
    for (index, entry) in entries.iter().enumerate() {
        let found = skipped.iter().find(|skipped| skipped.index == index);
        let key = if found.is_none() { keys.next() } else { None };
        if entry.has_huge_numbers() {
            continue;
        }
        match (Expected::of(entry), key) {
            (Some(expected), Some(key)) => expected.assert_is(key),
            (None, None) => {}
            (None, Some(key)) => panic!("{key:?} is used, and is {entry:?}"),
            (Some(_), None) => panic!("{found:?} is skipped, and is {entry:?}"),
        }
    }
}

pub(crate) fn with_material(template: &[u8]) -> Vec<u8> {
    filled(template, |part| {
        let known = |(name, bytes): (&String, &Vec<u8>)| Some((bytes.clone(), part.strip_prefix(name.as_bytes())?));
        let (mut bytes, mut rest) = MATERIAL.iter().find_map(known)?;
        while let [sign @ (b'~' | b'<' | b'^'), after @ ..] = rest {
            let (place, after) = number(after, 5);
            let place = place.unwrap_or(0);
            match sign {
                b'^' => bytes.insert(0, 0),
                b'<' => bytes.truncate(place),
                _ => {
                    if let Some(byte) = bytes.get_mut(place / 8) {
                        *byte ^= 1 << (place % 8);
                    }
                }
            }
            rest = after;
        }
        Some((URL_SAFE_NO_PAD.encode(bytes).into_bytes(), rest))
    })
}

/// What a usable entry is.
pub(crate) struct Expected {
    kid: Option<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    /// The members that RFC 7638 counts.
    pub(crate) members: String,
}

const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

impl Expected {
    /// `None` if it is not to be used.
    pub(crate) fn of(entry: &Json) -> Option<Self> {
        let Json::Object(_) = entry else { return None };
        let texts = ["kty", "kid", "alg", "use", "crv", "n", "e", "x", "y", "pub"];
        let secrets = ["k", "priv", "d", "p", "q", "dp", "dq", "qi", "oth"];
        let known = texts.iter().chain(&secrets).chain(&["key_ops", "issuer"]);
        if known.clone().any(|name| entry.members(name).count() > 1) {
            return None;
        }
        let there = |name: &str| entry.member(name).filter(|value| **value != Json::Null);
        let is_text = |name: &&str| there(name).is_none_or(|value| value.text().is_some());
        // Empty members that a usable key may have.
        let is_empty = |name: &str, value: &Json| match name {
            "oth" => matches!(value, Json::Array(primes) if primes.is_empty()),
            _ => value.text() == Some(""),
        };
        let is_secret = |name: &&str| there(name).is_some_and(|value| !is_empty(name, value));
        if !texts.iter().all(is_text) || secrets.iter().any(is_secret) {
            return None;
        }
        match there("key_ops") {
            None => {}
            Some(Json::Array(operations)) if operations.is_empty() => {}
            Some(operations @ Json::Array(_)) => drop(operations.texts()?.contains(&"verify").then_some(())?),
            Some(_) => return None,
        }
        let may_be_empty = |name: &str| matches!(name, "use" | "alg");
        let text = |name: &str| there(name).and_then(Json::text).filter(|text| !text.is_empty() || !may_be_empty(name));
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let bytes = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let (algorithms, members) = material(text("kty")?, text("crv"), text("alg"), bytes)?;
        let algorithms = match text("alg") {
            None => algorithms,
            // RFC 9864: two names of one scheme.
            Some("EdDSA" | "Ed25519") if algorithms.contains(&Algorithm::EdDSA) => algorithms,
            Some(alg) => vec![*algorithms.iter().find(|algorithm| algorithm.name() == alg)?],
        };
        Some(Self { kid: text("kid").map(str::to_owned), algorithms, members })
    }

    fn assert_is(&self, key: &VerifyingKey) {
        assert_eq!(key.id(), self.kid.as_deref());
        assert_eq!(key.algorithms().collect::<Vec<_>>(), self.algorithms);
        assert_eq!(key.thumbprint().to_string(), URL_SAFE_NO_PAD.encode(Sha256::digest(&self.members)));
    }
}

/// What a key of that material may serve, and the members that identify it, if it is within bounds.
fn material(
    kty: &str,
    crv: Option<&str>,
    alg: Option<&str>,
    bytes: impl Fn(&str) -> Option<Vec<u8>>,
) -> Option<(Vec<Algorithm>, String)> {
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let point = |length: usize| {
        let (x, y) = (bytes("x")?, bytes("y")?);
        let is_full = x.len() == length && y.len() == length;
        is_full.then(|| ([&[4], &*x, &*y].concat(), format!(r#""x":"{}","y":"{}""#, b64(&x), b64(&y))))
    };
    let (algorithms, members) = match (kty, crv) {
        ("RSA", _) => {
            let stripped = |name| bytes(name).map(|number| number.into_iter().skip_while(|byte| *byte == 0).collect());
            let (n, e): (Vec<u8>, Vec<u8>) = (stripped("n")?, stripped("e")?);
            let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
            let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
            let is_sane = e != [1] && e.len() <= 5 && is_odd(&e) && is_odd(&n);
            ((2048..=8192).contains(&bits) && is_sane).then_some(())?;
            (RSA.to_vec(), format!(r#""e":"{}","kty":"RSA","n":"{}""#, b64(&e), b64(&n)))
        }
        ("EC", Some("P-256")) => {
            let (point, members) = point(32)?;
            p256::PublicKey::from_sec1_bytes(&point).ok()?;
            (vec![Algorithm::ES256], format!(r#""crv":"P-256","kty":"EC",{members}"#))
        }
        ("EC", Some("P-384")) => {
            let (point, members) = point(48)?;
            p384::PublicKey::from_sec1_bytes(&point).ok()?;
            (vec![Algorithm::ES384], format!(r#""crv":"P-384","kty":"EC",{members}"#))
        }
        ("EC", Some("P-521")) => {
            let (point, members) = point(66)?;
            p521::PublicKey::from_sec1_bytes(&point).ok()?;
            (vec![Algorithm::ES512], format!(r#""crv":"P-521","kty":"EC",{members}"#))
        }
        ("OKP", Some("Ed25519")) => {
            let x = bytes("x")?;
            is_safe_ed25519(x.clone().try_into().ok()?).then_some(())?;
            let algorithms = vec![Algorithm::EdDSA, Algorithm::Ed25519];
            (algorithms, format!(r#""crv":"Ed25519","kty":"OKP","x":"{}""#, b64(&x)))
        }
        ("AKP", _) => {
            // FIPS 204 §4, table 2.
            let (algorithm, length) = match alg? {
                "ML-DSA-44" => (Algorithm::MlDsa44, 1312),
                "ML-DSA-65" => (Algorithm::MlDsa65, 1952),
                "ML-DSA-87" => (Algorithm::MlDsa87, 2592),
                _ => return None,
            };
            let public = bytes("pub").filter(|public| public.len() == length)?;
            (vec![algorithm], format!(r#""alg":"{algorithm}","kty":"AKP","pub":"{}""#, b64(&public)))
        }
        _ => return None,
    };
    Some((algorithms, format!("{{{members}}}")))
}

/// Canonical and not of small order. That it lies on the curve is seen at the first signature.
fn is_safe_ed25519(mut y: [u8; 32]) -> bool {
    y[31] &= 0x7f;
    // 2^255 - 19 and what follows it.
    let is_canonical = !(y[0] >= 0xed && y[1..31] == [0xff; 30] && y[31] == 0x7f);
    is_canonical && ed25519_dalek::VerifyingKey::from_bytes(&y).map_or(true, |key| !key.is_weak())
}
