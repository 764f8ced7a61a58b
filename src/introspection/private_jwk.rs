use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::invalid_private_key::InvalidPrivateKey;
use super::key_pair::KeyPair;
use crate::jose::{Algorithm, Curve, decode_base64url, read_struct};

/// The length of the private and of the public key of Ed25519 (RFC 8037 §2), in bytes.
const ED25519_LENGTH: usize = 32;

/// The members of a private JWK that are used (RFC 7518 §6, RFC 8037 §2). Unknown ones are ignored. Empty ones of `use`, `alg` and
/// `key_ops` count as absent, as in a JWK Set.
#[derive(Deserialize)]
pub(super) struct PrivateJwk {
    kty: Box<str>,
    pub(super) kid: Option<Box<str>>,
    alg: Option<Box<str>>,
    #[serde(rename = "use")]
    usage: Option<Box<str>>,
    key_ops: Option<Vec<Box<str>>>,
    crv: Option<Box<str>>,
    n: Option<Box<str>>,
    e: Option<Box<str>>,
    x: Option<Box<str>>,
    y: Option<Box<str>>,
    d: Option<Box<str>>,
    p: Option<Box<str>>,
    q: Option<Box<str>>,
    dp: Option<Box<str>>,
    dq: Option<Box<str>>,
    qi: Option<Box<str>>,
    oth: Option<Vec<IgnoredAny>>,
}

impl PrivateJwk {
    /// Reads the JSON. The parser's own error is dropped, because it may quote the text.
    pub(super) fn parse(json: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let jwk: Self = read_struct(json).ok_or(InvalidPrivateKey::NotAJwk)?;
        if let Some(usage) = jwk.usage.as_deref().filter(|usage| !usage.is_empty() && *usage != "sig") {
            return Err(InvalidPrivateKey::Use { usage: usage.into() });
        }
        let operations = jwk.key_ops.as_deref().filter(|operations| !operations.is_empty());
        if operations.is_some_and(|operations| !operations.iter().any(|operation| &**operation == "sign")) {
            return Err(InvalidPrivateKey::KeyOps);
        }
        Ok(jwk)
    }

    /// The algorithm that the JWK names.
    pub(super) fn algorithm(&self) -> Result<Option<Algorithm>, InvalidPrivateKey> {
        let unknown = |alg: &str| InvalidPrivateKey::Algorithm { alg: alg.into() };
        let alg = self.alg.as_deref().filter(|alg| !alg.is_empty());
        alg.map(|alg| alg.parse().map_err(|_| unknown(alg))).transpose()
    }

    pub(super) fn key_pair(&self) -> Result<KeyPair, InvalidPrivateKey> {
        match (&*self.kty, self.crv.as_deref()) {
            ("RSA" | "EC" | "OKP", _) if self.d.as_deref().is_none_or(str::is_empty) => Err(InvalidPrivateKey::Public),
            ("RSA", _) => self.rsa(),
            ("EC", Some("P-256")) => self.ec(Curve::P256),
            ("EC", Some("P-384")) => self.ec(Curve::P384),
            ("EC", Some("P-521")) => self.ec(Curve::P521),
            ("OKP", Some("Ed25519")) => {
                let d = bytes_of("d", self.d.as_deref(), ED25519_LENGTH)?;
                KeyPair::from_ed25519_components(&d, &bytes_of("x", self.x.as_deref(), ED25519_LENGTH)?)
            }
            ("EC" | "OKP", Some(crv)) => Err(InvalidPrivateKey::Curve { crv: crv.into() }),
            ("EC" | "OKP", None) => Err(InvalidPrivateKey::Missing { name: "crv" }),
            (kty, _) => Err(InvalidPrivateKey::KeyType { kty: kty.into() }),
        }
    }

    /// RFC 7518 §6.3.2 allows a key with `d` alone. Such keys are rare, and aws-lc-rs needs the other numbers.
    fn rsa(&self) -> Result<KeyPair, InvalidPrivateKey> {
        if self.oth.as_ref().is_some_and(|oth| !oth.is_empty()) {
            return Err(InvalidPrivateKey::MoreThanTwoPrimes);
        }
        // RFC 7518 §6.3.1.1 requires the minimum number of bytes. Many writers leave a leading sign byte, which is harmless.
        let number = |name, value: &Option<Box<str>>| {
            let bytes = bytes(name, value.as_deref())?;
            Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>())
        };
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: number("n", &self.n)?, e: number("e", &self.e)? },
            d: number("d", &self.d)?,
            p: number("p", &self.p)?,
            q: number("q", &self.q)?,
            dP: number("dp", &self.dp)?,
            dQ: number("dq", &self.dq)?,
            qInv: number("qi", &self.qi)?,
        };
        KeyPair::from_rsa_components(&components)
    }

    fn ec(&self, curve: Curve) -> Result<KeyPair, InvalidPrivateKey> {
        let member = |name, value: &Option<Box<str>>| bytes_of(name, value.as_deref(), curve.coordinate_length());
        let (d, x, y) = (member("d", &self.d)?, member("x", &self.x)?, member("y", &self.y)?);
        KeyPair::from_ec_components(curve, &d, &[&[4], &*x, &*y].concat())
    }
}

fn bytes_of(name: &'static str, value: Option<&str>, expected: usize) -> Result<Vec<u8>, InvalidPrivateKey> {
    let bytes = bytes(name, value)?;
    let found = bytes.len();
    if found == expected { Ok(bytes) } else { Err(InvalidPrivateKey::Length { name, expected, found }) }
}

fn bytes(name: &'static str, value: Option<&str>) -> Result<Vec<u8>, InvalidPrivateKey> {
    let value = value.ok_or(InvalidPrivateKey::Missing { name })?;
    decode_base64url(value).ok_or(InvalidPrivateKey::Encoding { name })
}
