//! Signatures that the test kit does not make: by a key of the test, or by arithmetic.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_bearer::ResourceServer;
use tower_bearer::jose::Algorithm;

use super::{ISSUER, builder_with_keys};

pub(crate) fn with_signature(input: &str, signature: impl AsRef<[u8]>) -> String {
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A key of the test, which signs any text.
pub(crate) struct OwnKey(EcdsaKeyPair);

impl OwnKey {
    pub(crate) fn generate() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) })
    }

    pub(crate) fn sign(&self, input: &str) -> String {
        with_signature(input, self.0.sign(&SystemRandom::new(), input.as_bytes()).unwrap())
    }

    pub(crate) fn server(&self) -> ResourceServer {
        builder_with_keys(ISSUER.url(), &json!({ "keys": [self.jwk()] })).build().unwrap()
    }
}

/// The order of each curve's group (SEC 2), big-endian, as long as a coordinate.
pub(crate) fn orders() -> [(Algorithm, Vec<u8>); 3] {
    let bytes = |hex: &str| -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    };
    [
        (Algorithm::ES256, bytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")),
        (
            Algorithm::ES384,
            bytes("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"),
        ),
        (
            Algorithm::ES512,
            bytes(concat!(
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa",
                "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
            )),
        ),
    ]
}

/// `a + b`, big-endian; what does not fit is lost.
pub(crate) fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let [high, low] = (u16::from(*a) + u16::from(*b) + carry).to_be_bytes();
            carry = high.into();
            low
        })
        .collect();
    sum.reverse();
    sum
}

/// `a - b`, as `a` plus the complement of `b` plus one.
pub(crate) fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let complement: Vec<u8> = b.iter().map(|byte| !byte).collect();
    let mut one = vec![0; a.len()];
    *one.last_mut().unwrap() = 1;
    add(&add(a, &complement), &one)
}

/// The DER form, which X.509 uses (RFC 3279 §2.2.3) and JOSE does not.
pub(crate) fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let number: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        let sign = if number[0] >= 0x80 { &[0][..] } else { &[] };
        [&[2, u8::try_from(sign.len() + number.len()).unwrap()], sign, &number].concat()
    };
    let body = [integer(r), integer(s)].concat();
    let length = u8::try_from(body.len()).unwrap();
    let head = if length < 0x80 { vec![0x30, length] } else { vec![0x30, 0x81, length] };
    [head, body].concat()
}
