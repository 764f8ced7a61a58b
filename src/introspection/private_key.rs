use std::fmt;

use rustls_pki_types::pem::{PemObject, SectionKind};

use super::invalid_private_key::InvalidPrivateKey;
use super::key_pair::KeyPair;
use super::private_jwk::PrivateJwk;
use crate::jose::{Algorithm, KeyKind};
use crate::redact::Excerpt;

/// A private key with which this server signs, to [authenticate](super::ClientAuthentication::private_key_jwt) to its authorization
/// server.
///
/// It is an RSA key of 2048 to 8192 bits, a key on the curve P-256, P-384 or P-521, or an Ed25519 key. The authorization server
/// has its public half. No `Debug` output, log or error shows the private half.
///
/// ```no_run
/// use tower_bearer::introspection::{ClientAuthentication, PrivateKey};
/// use tower_bearer::jose::Algorithm;
///
/// let pem = std::fs::read_to_string("/run/secrets/introspection.pem")?;
/// let key = PrivateKey::from_pem(&pem)?.algorithm(Algorithm::PS256)?.key_id("2026-11");
/// let authentication = ClientAuthentication::private_key_jwt("shop-api", key)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PrivateKey {
    pair: KeyPair,
    algorithm: Algorithm,
    /// The only algorithm that the JWK allows.
    declared: Option<Algorithm>,
    key_id: Option<Box<str>>,
}

impl PrivateKey {
    /// Reads the only private key in a PEM text: `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (SEC
    /// 1).
    ///
    /// Other sections, such as certificates, are ignored.
    ///
    /// # Errors
    ///
    /// If there is no such key or more than one, or if it is encrypted, weak, or of an unsupported kind.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidPrivateKey> {
        let sections: Result<Vec<(SectionKind, Vec<u8>)>, _> = PemObject::pem_slice_iter(pem.as_bytes()).collect();
        let is_encrypted = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"];
        if is_encrypted.into_iter().any(|mark| pem.contains(mark)) {
            return Err(InvalidPrivateKey::Encrypted);
        }
        let mut keys = sections.map_err(|_| InvalidPrivateKey::BrokenPem)?;
        keys.retain(|(kind, _)| {
            matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
        });
        let pair = match &*keys {
            [(SectionKind::RsaPrivateKey, der)] => KeyPair::from_pkcs1(der)?,
            [(SectionKind::EcPrivateKey, der)] => KeyPair::from_sec1(der)?,
            [(_, der)] => KeyPair::from_pkcs8(der)?,
            [] => return Err(first_label(pem).map_or(InvalidPrivateKey::NotPem, no_private_key)),
            several => return Err(InvalidPrivateKey::Several { found: several.len() }),
        };
        Ok(Self { algorithm: default_algorithm(pair.kind()), pair, declared: None, key_id: None })
    }

    /// Reads a private key from the JSON of a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2).
    ///
    /// Its `kid` and `alg` are used if present. An RSA key needs all members of RFC 7518 §6.3.2.
    ///
    /// # Errors
    ///
    /// If it is not a JWK, is a public key or a key for another use, is weak, or has parts that do not belong together.
    pub fn from_jwk(json: &str) -> Result<Self, InvalidPrivateKey> {
        let jwk = PrivateJwk::parse(json.as_bytes())?;
        let pair = jwk.key_pair()?;
        let declared = jwk.algorithm()?;
        let algorithm = declared.unwrap_or(default_algorithm(pair.kind()));
        let key = Self { pair, algorithm, declared: None, key_id: jwk.kid };
        Ok(Self { declared, ..key.algorithm(algorithm)? })
    }

    /// Sets the algorithm, for a key that permits several.
    ///
    /// Default: the `alg` of a JWK. Otherwise RS256 for RSA, because authorization servers should support it (RFC 8414 §2),
    /// although FAPI 2.0 allows only PS256 for RSA; and `EdDSA` for Ed25519, because fewer servers know the new name
    /// [`Ed25519`](Algorithm::Ed25519) (RFC 9864). A P-256, P-384 or P-521 key permits only one algorithm.
    ///
    /// # Errors
    ///
    /// If the key does not permit it, or if its JWK names another.
    pub fn algorithm(self, algorithm: Algorithm) -> Result<Self, InvalidPrivateKey> {
        let kind = self.pair.kind();
        if algorithm.key_kind() != kind {
            return Err(InvalidPrivateKey::AlgorithmMismatch { expected: algorithms(kind), found: algorithm });
        }
        if let Some(declared) = self.declared.filter(|declared| !declared.same_scheme(algorithm)) {
            return Err(InvalidPrivateKey::NotDeclared { declared, found: algorithm });
        }
        Ok(Self { algorithm, ..self })
    }

    /// Sets the key ID (`kid`), by which the authorization server finds the public half (RFC 7515 §4.1.4).
    ///
    /// Default: the `kid` of a JWK, otherwise none. A server that knows several keys of this client may need it.
    #[must_use]
    pub fn key_id(self, id: &str) -> Self {
        Self { key_id: Some(id.into()), ..self }
    }

    /// Whether both are the same key, and sign alike.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.pair.public_key() == other.pair.public_key()
            && self.algorithm == other.algorithm
            && self.key_id == other.key_id
    }

    pub(super) fn signing_algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn signing_key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The signature of the message. `None` if it cannot be made.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.pair.sign(self.algorithm, message)
    }
}

fn default_algorithm(kind: KeyKind) -> Algorithm {
    match kind {
        KeyKind::P256 => Algorithm::ES256,
        KeyKind::P384 => Algorithm::ES384,
        KeyKind::P521 => Algorithm::ES512,
        KeyKind::Ed25519 => Algorithm::EdDSA,
        KeyKind::Rsa | KeyKind::MlDsa44 | KeyKind::MlDsa65 | KeyKind::MlDsa87 => Algorithm::RS256,
    }
}

fn algorithms(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::P256 => "ES256",
        KeyKind::P384 => "ES384",
        KeyKind::P521 => "ES512",
        KeyKind::Ed25519 => "EdDSA or Ed25519",
        KeyKind::Rsa | KeyKind::MlDsa44 | KeyKind::MlDsa65 | KeyKind::MlDsa87 => {
            "RS256, RS384, RS512, PS256, PS384 or PS512"
        }
    }
}

fn no_private_key(label: &str) -> InvalidPrivateKey {
    InvalidPrivateKey::NoPrivateKey { found: label.into() }
}

/// The label of the first section (RFC 7468 §2). It ends at the first dashes, because a key may follow on the same line.
fn first_label(pem: &str) -> Option<&str> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, _) = rest.split_once("-----")?;
    let is_part = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == ' ';
    label.chars().all(is_part).then_some(label)
}

/// Shows the algorithm and the key ID.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id.as_deref().map(Excerpt::from))
            .finish_non_exhaustive()
    }
}
