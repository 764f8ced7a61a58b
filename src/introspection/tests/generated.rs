//! Private keys made when a test runs, in every format.

use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der, Pkcs8V2Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self as lc, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::jose::encode_base64url as b64;

/// One key pair.
pub(super) struct Generated {
    pub(super) name: &'static str,
    /// The private key in PEM, in every format that it has.
    pub(super) pems: Vec<String>,
    pub(super) private_jwk: Value,
    pub(super) public_jwk: Value,
}

impl Generated {
    pub(super) fn all() -> Vec<Self> {
        vec![Self::rsa(), Self::p256(), Self::p384(), Self::p521(), Self::ed25519()]
    }

    pub(super) fn rsa() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let pkcs1 = private_key_in(pkcs8.as_ref());
        let numbers: Vec<String> = elements(content(pkcs1)).into_iter().map(unsigned).map(b64).collect();
        // The version, and the numbers in the order of RFC 8017 appendix A.1.2.
        let [_, numbers @ ..] = &*numbers else { panic!("no numbers") };
        let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
        assert_eq!(numbers.len(), names.len());
        let mut private_jwk = json!({ "kty": "RSA" });
        for (name, number) in names.into_iter().zip(numbers) {
            private_jwk[name] = json!(number);
        }
        let public_jwk = json!({ "kty": "RSA", "n": private_jwk["n"], "e": private_jwk["e"] });
        Self {
            name: "RSA",
            pems: vec![pem("PRIVATE KEY", pkcs8.as_ref()), pem("RSA PRIVATE KEY", pkcs1)],
            private_jwk,
            public_jwk,
        }
    }

    pub(super) fn p256() -> Self {
        Self::ec("P-256", &lc::ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    pub(super) fn p384() -> Self {
        Self::ec("P-384", &lc::ECDSA_P384_SHA384_FIXED_SIGNING)
    }

    pub(super) fn p521() -> Self {
        Self::ec("P-521", &lc::ECDSA_P521_SHA512_FIXED_SIGNING)
    }

    fn ec(name: &'static str, scheme: &'static EcdsaSigningAlgorithm) -> Self {
        let pair = EcdsaKeyPair::generate(scheme).unwrap();
        let pkcs8 = pair.to_pkcs8v1().unwrap();
        let sec1 = AsDer::<EcPrivateKeyRfc5915Der<'_>>::as_der(&pair.private_key()).unwrap();
        // The version comes first, then the key (RFC 5915 §3).
        let d = elements(content(sec1.as_ref()))[1];
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(point.len() / 2);
        let public_jwk = json!({ "kty": "EC", "crv": name, "x": b64(x), "y": b64(y) });
        let sec1 = pem("EC PRIVATE KEY", sec1.as_ref());
        // As OpenSSL writes it.
        let with_parameters = format!("{}{sec1}", pem("EC PARAMETERS", &[6, 0]));
        Self {
            name,
            pems: vec![pem("PRIVATE KEY", pkcs8.as_ref()), sec1, with_parameters],
            private_jwk: with(&public_jwk, "d", &json!(b64(d))),
            public_jwk,
        }
    }

    pub(super) fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let v1 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let v2 = AsDer::<Pkcs8V2Der<'_>>::as_der(&pair).unwrap();
        let d = content(private_key_in(v1.as_ref()));
        let public_jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref()) });
        Self {
            name: "Ed25519",
            pems: vec![pem("PRIVATE KEY", v1.as_ref()), pem("PRIVATE KEY", v2.as_ref())],
            private_jwk: with(&public_jwk, "d", &json!(b64(d))),
            public_jwk,
        }
    }
}

/// The JWK with another value of one member; without the member for null.
pub(super) fn with(jwk: &Value, name: &str, value: &Value) -> Value {
    let mut jwk = jwk.clone();
    jwk[name] = value.clone();
    if value.is_null() {
        jwk.as_object_mut().unwrap().remove(name);
    }
    jwk
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The key within a `PrivateKeyInfo`: version, algorithm, key (RFC 5958 §2).
fn private_key_in(pkcs8: &[u8]) -> &[u8] {
    elements(content(pkcs8))[2]
}

/// The content of one DER element.
fn content(der: &[u8]) -> &[u8] {
    elements(der)[0]
}

/// The contents of a row of DER elements.
fn elements(mut der: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let [_, first, rest @ ..] = der {
        // A length of up to 127, or the number of the bytes that it has.
        let (length, rest) = match usize::from(*first) {
            short @ 0..=127 => (short, rest),
            long => {
                let (bytes, rest) = rest.split_at(long - 128);
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
        };
        let (content, rest) = rest.split_at(length);
        found.push(content);
        der = rest;
    }
    found
}

/// An INTEGER without its sign byte.
fn unsigned(integer: &[u8]) -> &[u8] {
    integer.strip_prefix(&[0]).unwrap_or(integer)
}
