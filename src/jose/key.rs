use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};

use super::algorithm::{Algorithm, KeyKind, Verification};
use super::base64url;
use super::unusable_jwk::UnusableJwk;
use crate::redact::Excerpt;

/// A parsed public key, with the algorithms that it may be used with.
///
/// It is of one kind (RSA, one elliptic curve or one ML-DSA parameter set), and may be used only with the algorithms of that
/// kind, or with the single algorithm that its JWK names (RFC 8725 §3.1).
pub struct VerifyingKey {
    identity: KeyIdentity,
    id: Option<Box<str>>,
    issuer: Option<Box<str>>,
    thumbprint: Thumbprint,
    /// One parsed key for each algorithm it may serve.
    parsed: Box<[(Algorithm, ParsedPublicKey)]>,
}

impl VerifyingKey {
    /// `declared` is the JWK's `alg`.
    pub(super) fn new(
        id: Option<Box<str>>,
        material: &Material,
        declared: Option<Algorithm>,
    ) -> Result<Self, UnusableJwk> {
        let kind = material.check()?;
        if let Some(declared) = declared.filter(|declared| declared.key_kind() != kind) {
            return Err(UnusableJwk::AlgorithmMismatch { declared });
        }
        let parsed = Algorithm::ALL
            .iter()
            .copied()
            .filter(|algorithm| algorithm.key_kind() == kind)
            .filter(|algorithm| declared.is_none_or(|declared| declared.same_scheme(*algorithm)))
            .map(|algorithm| Ok((algorithm, material.parse(algorithm)?)))
            .collect::<Result<_, UnusableJwk>>()?;
        let identity = KeyIdentity::next();
        Ok(Self { identity, id, issuer: None, thumbprint: material.thumbprint(), parsed })
    }

    pub(super) fn of_issuer(self, issuer: Option<Box<str>>) -> Self {
        Self { issuer, ..self }
    }

    /// The key ID (`kid`), if the JWK has one (RFC 7517 §4.5).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The algorithms that the key may be used with.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> + '_ {
        self.parsed.iter().map(|(algorithm, _)| *algorithm)
    }

    /// The JWK's `issuer`, a non-standard member of Microsoft: the only issuer whose tokens the key may sign.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The thumbprint of the key material, which does not depend on the `kid` (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// Tells the key apart from every other that was ever parsed.
    pub(crate) fn identity(&self) -> KeyIdentity {
        self.identity
    }

    pub(crate) fn serves(&self, algorithm: Algorithm) -> bool {
        self.algorithms().any(|served| served == algorithm)
    }

    /// Whether `signature` is this key's over `message` by `algorithm`.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.parsed
            .iter()
            .find(|(served, _)| *served == algorithm)
            .is_some_and(|(_, key)| key.verify_sig(message, signature).is_ok())
    }
}

/// A number for each key that is parsed in this process, never used twice.
///
/// A cached token holds that of its key. It does not keep the key alive, and no later key with the same `kid` can be mistaken for
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyIdentity(u64);

impl KeyIdentity {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Equal if material, `kid`, algorithms and issuer are equal.
impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.issuer == other.issuer
            && self.thumbprint == other.thumbprint
            && self.algorithms().eq(other.algorithms())
    }
}

impl Eq for VerifyingKey {}

/// Shows `kid` and thumbprint, not the material.
impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("id", &self.id.as_deref().map(Excerpt::from))
            .field("thumbprint", &self.thumbprint)
            .field("algorithms", &self.algorithms().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The JWK thumbprint of a key: SHA-256 over its required members (RFC 7638 §3).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Whether `text` is the thumbprint in base64url, as RFC 7638 §3.1 prints it.
    pub(crate) fn is_written_as(&self, text: &str) -> bool {
        base64url::decode(text).is_some_and(|bytes| bytes == self.0)
    }
}

impl fmt::Display for Thumbprint {
    /// base64url, as RFC 7638 §3.1 prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The decoded and unchecked members of a public key.
pub(super) enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
    MlDsa { algorithm: Algorithm, public: Vec<u8> },
}

/// A curve for ECDSA.
#[derive(Clone, Copy)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    pub(crate) const fn kind(self) -> KeyKind {
        match self {
            Self::P256 => KeyKind::P256,
            Self::P384 => KeyKind::P384,
            Self::P521 => KeyKind::P521,
        }
    }

    /// The length of a coordinate, and of a private key, in bytes (RFC 7518 §6.2).
    pub(crate) const fn coordinate_length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl Material {
    /// RFC 7518 §6.3.1.1 requires the minimum number of bytes. Many issuers leave a leading sign byte, which is harmless.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Self {
        let without_leading_zeros = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect();
        Self::Rsa { n: without_leading_zeros(n), e: without_leading_zeros(e) }
    }

    /// Refuses weak keys that aws-lc-rs would parse. That a point lies on its NIST curve is checked when it is
    /// [parsed](Self::parse).
    pub(super) fn check(&self) -> Result<KeyKind, UnusableJwk> {
        match self {
            Self::Rsa { n, e } => check_rsa(n, e).map(|()| KeyKind::Rsa),
            // RFC 7518 §6.2.1.2: the full length, leading zeros included.
            Self::Ec { curve, x, y }
                if x.len() == curve.coordinate_length() && y.len() == curve.coordinate_length() =>
            {
                Ok(curve.kind())
            }
            Self::Ec { .. } => Err(UnusableJwk::CoordinateLength),
            Self::Ed25519 { x } => check_ed25519(x).map(|()| KeyKind::Ed25519),
            Self::MlDsa { algorithm, .. } => Ok(algorithm.key_kind()),
        }
    }

    pub(super) fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, UnusableJwk> {
        let parsed = match (algorithm.verification(), self) {
            (Verification::Rsa(parameters), Self::Rsa { n, e }) => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
            (Verification::Other(scheme), Self::Ec { x, y, .. }) => {
                ParsedPublicKey::new(scheme, uncompressed_point(x, y))
            }
            (Verification::Other(scheme), Self::Ed25519 { x: bytes } | Self::MlDsa { public: bytes, .. }) => {
                ParsedPublicKey::new(scheme, bytes)
            }
            _ => return Err(UnusableJwk::AlgorithmMismatch { declared: algorithm }),
        };
        parsed.map_err(|_| UnusableJwk::InvalidKey)
    }

    /// RFC 7638 §3: the required members in lexicographic order, no white space. Every value here is base64url or a
    /// registered name, so nothing needs escaping.
    pub(super) fn thumbprint(&self) -> Thumbprint {
        let members = Members::new();
        let members = match self {
            Self::Rsa { n, e } => members.bytes("e", e).text("kty", "RSA").bytes("n", n),
            Self::Ec { curve, x, y } => members.text("crv", curve.name()).text("kty", "EC").bytes("x", x).bytes("y", y),
            Self::Ed25519 { x } => members.text("crv", "Ed25519").text("kty", "OKP").bytes("x", x),
            // RFC 9964: `alg` is a required member of an AKP key.
            Self::MlDsa { algorithm, public } => {
                members.text("alg", algorithm.name()).text("kty", "AKP").bytes("pub", public)
            }
        };
        members.thumbprint()
    }
}

/// The JSON text of a key whose hash is its thumbprint. Each proof of possession has a key, so it is written without formatting.
struct Members(String);

impl Members {
    fn new() -> Self {
        Self(String::with_capacity(256))
    }

    fn text(mut self, name: &str, value: &str) -> Self {
        self.begin(name);
        self.0.push_str(value);
        self
    }

    fn bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.begin(name);
        base64url::encode_to(value, &mut self.0);
        self
    }

    /// Ends the value before this one.
    fn begin(&mut self, name: &str) {
        let before = if self.0.is_empty() { "{\"" } else { "\",\"" };
        for part in [before, name, "\":\""] {
            self.0.push_str(part);
        }
    }

    fn thumbprint(mut self) -> Thumbprint {
        self.0.push_str("\"}");
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref());
        Thumbprint(thumbprint)
    }
}

/// No issuer uses longer ones. aws-lc-rs parses them, but refuses every signature if the exponent has more than 33 bits.
const MAX_EXPONENT_OCTETS: usize = 5;

/// RSA keys of 2048 to 8192 bits (RFC 7518 §3.3; beyond 8192 one verification is a denial of service), an odd modulus and
/// an odd exponent of at least 3 (RFC 8017 §3.1). `e = 1` would make every signature forgeable.
fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), UnusableJwk> {
    let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(UnusableJwk::ModulusLength { bits });
    }
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !odd(n) {
        return Err(UnusableJwk::EvenModulus);
    }
    if !odd(e) || e == [1] || e.len() > MAX_EXPONENT_OCTETS {
        return Err(UnusableJwk::Exponent);
    }
    Ok(())
}

/// SEC 1 §2.3.3.
fn uncompressed_point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

/// A canonical encoding (RFC 8032 §5.1.3: y < 2^255 − 19) of a point that is not of small order: under a key of small
/// order, one signature fits many messages. Whether the point lies on the curve is only found out when a signature is verified; if it
/// does not, no signature is good.
fn check_ed25519(x: &[u8]) -> Result<(), UnusableJwk> {
    let mut y: [u8; 32] = x.try_into().map_err(|_| UnusableJwk::CoordinateLength)?;
    y[31] &= 0x7f; // The top bit is the sign of x.
    if y.iter().rev().ge(P.iter().rev()) {
        return Err(UnusableJwk::NotCanonical);
    }
    if SMALL_ORDER.contains(&y) { Err(UnusableJwk::SmallOrder) } else { Ok(()) }
}

/// 2^255 − 19, little-endian.
const P: [u8; 32] = little_endian(0xed, 0xff, 0x7f);

/// The y coordinates of the eight points whose order divides 8, little-endian; a point and its negative share one.
const SMALL_ORDER: [[u8; 32]; 5] = [
    // Order 1, the neutral element.
    little_endian(1, 0, 0),
    // Order 2, −1.
    little_endian(0xec, 0xff, 0x7f),
    // Order 4.
    little_endian(0, 0, 0),
    // Order 8, twice.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, //
        0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, //
        0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

#[cfg(test)]
mod tests {
    use crate::jose::JwkSet;

    #[test]
    fn a_key_shows_its_name_and_no_material() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let jwk = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"k"}}]}}"#);
        let shown = format!("{:?}", JwkSet::from_json(jwk.as_bytes()).unwrap());
        assert!(shown.contains("\"k\"") && shown.contains("kPrK_qmxVWaYVA9wwBF6"), "{shown}");
        assert!(!shown.contains(&x[..16]), "{shown}");
    }
}
