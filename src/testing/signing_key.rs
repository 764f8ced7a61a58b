use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self as lc, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, PqdsaKeyPair};
use serde_json::{Value, json};

use crate::jose::{Algorithm, encode_base64url as b64};

/// A private key, made at run time, and its public half as a JWK.
pub(super) struct SigningKey {
    pub(super) kid: String,
    algorithms: Vec<Algorithm>,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair),
}

impl SigningKey {
    /// As many keys as `algorithms` need: one RSA key for all of RSA's, one key for each other kind.
    pub(super) fn generate_for(algorithms: &[Algorithm], generation: u32) -> Vec<Self> {
        let mut keys: Vec<Self> = Vec::new();
        for &algorithm in algorithms {
            match keys.iter_mut().find(|key| key.is_of_the_kind_for(algorithm)) {
                Some(key) => key.algorithms.push(algorithm),
                None => keys.push(Self::generate(algorithm, generation)),
            }
        }
        keys
    }

    pub(super) fn generate(algorithm: Algorithm, generation: u32) -> Self {
        let ec = |scheme, curve| Pair::Ec(EcdsaKeyPair::generate(scheme).expect("an EC key"), curve);
        let ml_dsa = |scheme| Pair::MlDsa(PqdsaKeyPair::generate(scheme).expect("an ML-DSA key"));
        let (name, pair) = match algorithm {
            Algorithm::ES256 => ("p-256", ec(&lc::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256")),
            Algorithm::ES384 => ("p-384", ec(&lc::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384")),
            Algorithm::ES512 => ("p-521", ec(&lc::ECDSA_P521_SHA512_FIXED_SIGNING, "P-521")),
            Algorithm::EdDSA | Algorithm::Ed25519 => {
                ("ed25519", Pair::Ed25519(Ed25519KeyPair::generate().expect("an Ed25519 key")))
            }
            Algorithm::MlDsa44 => ("ml-dsa-44", ml_dsa(&lc::ML_DSA_44_SIGNING)),
            Algorithm::MlDsa65 => ("ml-dsa-65", ml_dsa(&lc::ML_DSA_65_SIGNING)),
            Algorithm::MlDsa87 => ("ml-dsa-87", ml_dsa(&lc::ML_DSA_87_SIGNING)),
            _ => ("rsa", Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key"))),
        };
        Self { kid: format!("{name}-{generation}"), algorithms: vec![algorithm], pair }
    }

    pub(super) fn is_of_the_kind_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms.iter().any(|own| own.key_kind() == algorithm.key_kind())
    }

    /// The public JWK, as it is published. Its `alg` is left out if the key serves several (RFC 7517 §4.4).
    pub(super) fn jwk(&self) -> Value {
        let mut jwk = self.public_members();
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        if let [only] = &*self.algorithms {
            jwk["alg"] = json!(only.name());
        }
        jwk
    }

    /// The JWK with no more members than identify the key (RFC 7638 §3.2, RFC 9964).
    pub(super) fn bare_jwk(&self) -> Value {
        let mut jwk = self.public_members();
        if let (Pair::MlDsa(_), [only]) = (&self.pair, &*self.algorithms) {
            jwk["alg"] = json!(only.name());
        }
        jwk
    }

    fn public_members(&self) -> Value {
        match &self.pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                json!({
                    "kty": "RSA",
                    "n": b64(key.modulus().big_endian_without_leading_zero()),
                    "e": b64(key.exponent().big_endian_without_leading_zero()),
                })
            }
            Pair::Ec(pair, curve) => {
                // An uncompressed point: 4, x, y (SEC 1 §2.3.3).
                let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
                json!({ "kty": "EC", "crv": curve, "x": b64(x), "y": b64(y) })
            }
            Pair::Ed25519(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref()) }),
            Pair::MlDsa(pair) => json!({ "kty": "AKP", "pub": b64(pair.public_key().as_ref()) }),
        }
    }

    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding = algorithm.rsa_encoding().expect("an algorithm for RSA");
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature).expect("an RSA signature");
                signature
            }
            Pair::Ec(pair, _) => pair.sign(&SystemRandom::new(), message).expect("an EC signature").as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::MlDsa(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature).expect("an ML-DSA signature");
                signature
            }
        }
    }
}
