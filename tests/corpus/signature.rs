//! What is done to a signature.

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;

use super::template::bytes;
use crate::harness::hmac::{algorithm as hmac_algorithm, public_material};
use crate::harness::signatures::{add, der, orders, subtract};

/// Another signature than the good one.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Signature {
    /// Not a byte.
    Empty,
    /// That of another token.
    Another,
    /// These bytes.
    Octets(String),
    /// As many bytes, all alike.
    Fill(u8),
    /// One bit, counted from the front or, if negative, from the end.
    Flip(i32),
    CutStart(usize),
    CutEnd(usize),
    Prepend(String),
    Append(String),
    Doubled,
    Reversed,
    HalvesSwapped,
    /// The two numbers of an ECDSA signature, each as it is (`r`, `s`), `0`, `1`, `n`, `n-r`, `n-s`, `r+n` or `s+n`.
    Numbers(String, String),
    /// ECDSA as X.509 has it.
    Der,
    /// The same with zeros to the proper length.
    DerPadded,
    /// Ed25519: the order of the group more (RFC 8032 §5.1.7).
    PlusOrder,
    /// RSA: the modulus more, if that fits.
    PlusModulus,
    /// RSA: 0, 1, n or n − 1.
    Rsa(String),
    /// RSA: the message as PKCS#1 encodes it, which is its own signature if the exponent is 1 (RFC 8017 §9.2).
    Pkcs1,
    /// HMAC with what everybody knows: the hash, and the number of the secret among all public material.
    Hmac(String, usize),
    /// HMAC with these bytes.
    HmacSecret(String),
}

impl Signature {
    pub(super) fn apply(
        &self,
        signed: Vec<u8>,
        algorithm: Algorithm,
        input: &str,
        jwks: &dyn Fn() -> Value,
        another: &dyn Fn() -> Vec<u8>,
    ) -> Vec<u8> {
        let length = signed.len();
        let with_hmac = |algorithm: hmac::Algorithm, secret: &[u8]| {
            hmac::sign(&hmac::Key::new(algorithm, secret), input.as_bytes()).as_ref().to_vec()
        };
        match self {
            Self::Empty => Vec::new(),
            Self::Another => another(),
            Self::Octets(hex) => bytes(hex),
            Self::Fill(byte) => vec![*byte; length],
            Self::Flip(bit) => {
                let mut signed = signed;
                let bit = usize::try_from(*bit).unwrap_or_else(|_| length * 8 - bit.unsigned_abs() as usize);
                signed[bit / 8] ^= 0x80 >> (bit % 8);
                signed
            }
            Self::CutStart(count) => signed[(*count).min(length)..].to_vec(),
            Self::CutEnd(count) => signed[..length.saturating_sub(*count)].to_vec(),
            Self::Prepend(hex) => [bytes(hex), signed].concat(),
            Self::Append(hex) => [signed, bytes(hex)].concat(),
            Self::Doubled => signed.repeat(2),
            Self::Reversed => signed.into_iter().rev().collect(),
            Self::HalvesSwapped => [&signed[length / 2..], &signed[..length / 2]].concat(),
            Self::Numbers(first, second) => {
                let number = |which: &str| ecdsa_number(which, &signed, algorithm);
                [number(first), number(second)].concat()
            }
            Self::Der => der(&signed[..length / 2], &signed[length / 2..]),
            Self::DerPadded => {
                let mut padded = der(&signed[..length / 2], &signed[length / 2..]);
                padded.resize(padded.len().max(length), 0);
                padded
            }
            Self::PlusOrder => plus_order(&signed),
            Self::PlusModulus => add_if_it_fits(&signed, &modulus(&jwks())),
            Self::Rsa(which) => rsa_number(which, &modulus(&jwks())),
            Self::Pkcs1 => pkcs1(input, &modulus(&jwks())),
            Self::Hmac(hash, secret) => {
                let (_, secret) = public_material(&of_rsa_and_p256(&jwks())).swap_remove(*secret);
                with_hmac(hmac_algorithm(hash), &secret)
            }
            Self::HmacSecret(hex) => with_hmac(hmac::HMAC_SHA256, &bytes(hex)),
        }
    }
}

/// How much public material there is to forge with.
pub(super) fn count_of_public_material(jwks: &Value) -> usize {
    public_material(&of_rsa_and_p256(jwks)).len()
}

fn of_rsa_and_p256(jwks: &Value) -> Value {
    let keys = jwks["keys"].as_array().unwrap().iter();
    let keys: Vec<_> = keys.filter(|jwk| jwk["kty"] == "RSA" || jwk["crv"] == "P-256").collect();
    json!({ "keys": keys })
}

fn ecdsa_number(which: &str, signed: &[u8], algorithm: Algorithm) -> Vec<u8> {
    let orders = orders();
    let (_, n) = orders.iter().find(|(of, _)| *of == algorithm).unwrap();
    let (r, s) = signed.split_at(n.len());
    let mut number = vec![0; n.len()];
    match which {
        "r" => r.to_vec(),
        "s" => s.to_vec(),
        "n" => n.clone(),
        "n-r" => subtract(n, r),
        "n-s" => subtract(n, s),
        "r+n" => add(r, n),
        "s+n" => add(s, n),
        small => {
            *number.last_mut().unwrap() = small.parse().unwrap();
            number
        }
    }
}

/// `s + L`, little-endian.
fn plus_order(signed: &[u8]) -> Vec<u8> {
    let mut order = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut s = signed[32..].to_vec();
    order.reverse();
    s.reverse();
    let mut sum = add(&s, &order);
    sum.reverse();
    [&signed[..32], &sum].concat()
}

fn modulus(jwks: &Value) -> Vec<u8> {
    let rsa = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["kty"] == "RSA").unwrap();
    URL_SAFE_NO_PAD.decode(rsa["n"].as_str().unwrap()).unwrap()
}

/// One byte longer if it does not.
fn add_if_it_fits(signed: &[u8], modulus: &[u8]) -> Vec<u8> {
    let longer = |bytes: &[u8]| [&[0], bytes].concat();
    let sum = add(&longer(signed), &longer(modulus));
    if sum[0] == 0 { sum[1..].to_vec() } else { sum }
}

/// The encoded message of RS256.
fn pkcs1(input: &str, modulus: &[u8]) -> Vec<u8> {
    let hash = digest::digest(&digest::SHA256, input.as_bytes());
    let info = [&bytes("3031300d060960864801650304020105000420"), hash.as_ref()].concat();
    let padding = vec![0xff; modulus.len() - info.len() - 3];
    [&[0, 1], &*padding, &[0], &info].concat()
}

fn rsa_number(which: &str, modulus: &[u8]) -> Vec<u8> {
    let mut number = vec![0; modulus.len()];
    match which {
        "n" => return modulus.to_vec(),
        "n-1" => {
            number.copy_from_slice(modulus);
            // It is odd.
            *number.last_mut().unwrap() -= 1;
        }
        small => *number.last_mut().unwrap() = small.parse().unwrap(),
    }
    number
}
