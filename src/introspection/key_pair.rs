use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents};
use aws_lc_rs::signature::{self as lc, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _};

use super::invalid_private_key::InvalidPrivateKey;
use crate::jose::{Algorithm, Curve, KeyKind};

/// A private key that signs. aws-lc-rs wipes its memory when it is dropped.
pub(super) enum KeyPair {
    Rsa(RsaKeyPair),
    Ec(Curve, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The curves that a private key may be on.
const CURVES: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

impl KeyPair {
    /// `PrivateKeyInfo` (RFC 5958), which says what kind of key it holds.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, InvalidPrivateKey> {
        match RsaKeyPair::from_pkcs8(der).map_err(of_rsa) {
            Ok(pair) => return Ok(Self::Rsa(pair)),
            Err(error @ (InvalidPrivateKey::TooShort | InvalidPrivateKey::TooLong)) => return Err(error),
            Err(_) => {}
        }
        let ec = |curve: Curve| Some(Self::Ec(curve, EcdsaKeyPair::from_pkcs8(signing(curve), der).ok()?));
        let ed25519 = || Ed25519KeyPair::from_pkcs8(der).ok().map(Self::Ed25519);
        CURVES.into_iter().find_map(ec).or_else(ed25519).ok_or(InvalidPrivateKey::Unsupported)
    }

    /// `RSAPrivateKey` (RFC 8017 appendix A.1.2).
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, InvalidPrivateKey> {
        RsaKeyPair::from_der(der).map(Self::Rsa).map_err(of_rsa)
    }

    /// `ECPrivateKey` (SEC 1 appendix C.4, RFC 5915).
    pub(super) fn from_sec1(der: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let ec = |curve: Curve| Some(Self::Ec(curve, EcdsaKeyPair::from_private_key_der(signing(curve), der).ok()?));
        CURVES.into_iter().find_map(ec).ok_or(InvalidPrivateKey::Unsupported)
    }

    pub(super) fn from_rsa_components(components: &KeyPairComponents<Vec<u8>>) -> Result<Self, InvalidPrivateKey> {
        RsaKeyPair::from_components(components).map(Self::Rsa).map_err(of_rsa)
    }

    /// The private key `d`, and the uncompressed point of the public key (SEC 1 §2.3.3).
    pub(super) fn from_ec_components(curve: Curve, d: &[u8], point: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let pair = EcdsaKeyPair::from_private_key_and_public_key(signing(curve), d, point);
        pair.map(|pair| Self::Ec(curve, pair)).map_err(|_| InvalidPrivateKey::Inconsistent)
    }

    pub(super) fn from_ed25519_components(d: &[u8], x: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let pair = Ed25519KeyPair::from_seed_and_public_key(d, x);
        pair.map(Self::Ed25519).map_err(|_| InvalidPrivateKey::Inconsistent)
    }

    /// The public half.
    pub(super) fn public_key(&self) -> &[u8] {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref(),
            Self::Ec(_, pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    pub(super) fn kind(&self) -> KeyKind {
        match self {
            Self::Rsa(_) => KeyKind::Rsa,
            Self::Ec(curve, _) => curve.kind(),
            Self::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// The signature of the message, as JWS has it (RFC 7518 §3). `None` if it cannot be made.
    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(algorithm.rsa_encoding()?, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Self::Ec(_, pair) => pair.sign(&random, message).ok().map(|signature| signature.as_ref().to_vec()),
            Self::Ed25519(pair) => pair.try_sign(message).ok().map(|signature| signature.as_ref().to_vec()),
        }
    }
}

/// How aws-lc-rs signs on a curve.
fn signing(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &lc::ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &lc::ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &lc::ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

/// The library states its reasons as words.
fn of_rsa(rejected: KeyRejected) -> InvalidPrivateKey {
    match rejected.description_() {
        "TooSmall" => InvalidPrivateKey::TooShort,
        "TooLarge" => InvalidPrivateKey::TooLong,
        _ => InvalidPrivateKey::Inconsistent,
    }
}
