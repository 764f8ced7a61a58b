use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::algorithm::Algorithm;
use super::base64url;
use super::key::{Curve, KeyIdentity, Material, VerifyingKey};
use super::strict_json::read_struct;
use super::unusable_jwk::UnusableJwk;
use crate::redact::Excerpt;

/// The usable public keys of a JWK Set (RFC 7517 §5).
///
/// Entries that cannot verify a signature are skipped, each with its [reason](UnusableJwk), and the others are used (RFC 7517 §5).
#[derive(Clone, Debug)]
pub struct JwkSet {
    keys: Vec<Arc<VerifyingKey>>,
    skipped: Vec<SkippedJwk>,
    /// The keys of a SPIFFE bundle, which are among the skipped ones for every other purpose.
    spiffe: Option<Box<SpiffeKeys>>,
}

/// The keys of a document that marks keys for SPIFFE.
#[derive(Clone, Debug, Default)]
struct SpiffeKeys {
    /// Those for JWT-SVIDs.
    keys: Vec<Arc<VerifyingKey>>,
    /// The entries for JWT-SVIDs that cannot be used.
    skipped: Vec<SkippedJwk>,
}

impl JwkSet {
    /// The maximum number of entries in a set.
    pub const MAX_KEYS: usize = 100;

    /// Reads a JWK Set document and parses every usable key in it, of which there may be none.
    ///
    /// # Errors
    ///
    /// [`JwkSetError`] if the document is not a JWK Set, or has more than [`MAX_KEYS`](Self::MAX_KEYS) entries.
    pub fn from_json(document: &[u8]) -> Result<Self, JwkSetError> {
        #[derive(Deserialize)]
        struct Document<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        let document: Document<'_> = read_struct(document).ok_or(JwkSetError::NotAJwkSet)?;
        if document.keys.len() > Self::MAX_KEYS {
            return Err(JwkSetError::TooManyKeys { found: document.keys.len() });
        }
        let mut set = Self::empty();
        for (index, entry) in document.keys.into_iter().enumerate() {
            set.add(index, entry.get());
        }
        Ok(set)
    }

    pub(crate) fn empty() -> Self {
        Self { keys: Vec::new(), skipped: Vec::new(), spiffe: None }
    }

    /// The keys for this purpose.
    ///
    /// A SPIFFE bundle marks its keys as `jwt-svid` or `x509-svid`, and a key without such a mark is ignored (SPIFFE Trust Domain and
    /// Bundle §4.2.2). A document without any such mark is a plain JWK Set, as the Workload API and discovery provide it.
    pub(crate) fn select(self, purpose: KeyPurpose) -> Self {
        match (purpose, self.spiffe) {
            (KeyPurpose::JwtSvids, Some(bundle)) => Self { keys: bundle.keys, skipped: bundle.skipped, spiffe: None },
            _ => Self { spiffe: None, ..self },
        }
    }

    /// The usable keys, in the order of the document.
    #[must_use]
    pub fn keys(&self) -> &[Arc<VerifyingKey>] {
        &self.keys
    }

    /// The entries that were skipped.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedJwk] {
        &self.skipped
    }

    /// Whether a key has this `kid`; always true for `None`, because any key may have signed a token without `kid`.
    pub(crate) fn knows(&self, kid: Option<&str>) -> bool {
        kid.is_none_or(|kid| self.keys.iter().any(|key| key.id() == Some(kid)))
    }

    /// The keys to try for a token: those with its `kid`, or all if it has none, that serve its algorithm (RFC 7515 §4.1.4,
    /// appendix D).
    pub(super) fn candidates(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &Arc<VerifyingKey>> {
        self.keys.iter().filter(move |key| kid.is_none_or(|kid| key.id() == Some(kid)) && key.serves(algorithm))
    }

    /// The usable key with this identity.
    pub(crate) fn get(&self, identity: KeyIdentity) -> Option<&Arc<VerifyingKey>> {
        self.keys.iter().find(|key| key.identity() == identity)
    }

    /// Takes over the keys that `held` has too, so that an unchanged key keeps its identity: the same material with the same `kid`
    /// for the same algorithms.
    pub(crate) fn take_over(&mut self, held: &Self) {
        for key in &mut self.keys {
            if let Some(same) = held.keys.iter().find(|other| *other == key) {
                *key = Arc::clone(same);
            }
        }
    }

    /// Whether the usable keys are the same, in whatever order.
    pub(crate) fn same_keys(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len() && self.keys.iter().all(|key| other.keys.contains(key))
    }

    fn add(&mut self, index: usize, entry: &str) {
        let jwk: Option<Jwk<'_>> = read_struct(entry.as_bytes());
        let id = jwk.as_ref().and_then(|jwk| jwk.kid.as_deref()).map(Excerpt::from);
        let usage = jwk.as_ref().and_then(|jwk| jwk.usage.as_deref());
        if let Some(usage @ ("jwt-svid" | "x509-svid")) = usage {
            let skipped = SkippedJwk { index, id: id.clone(), reason: UnusableJwk::Use { usage: usage.into() } };
            let bundle = self.spiffe.get_or_insert_default();
            self.skipped.push(skipped);
            if usage == "jwt-svid" {
                let key = jwk.map(|jwk| Jwk { usage: None, ..jwk });
                add_to(&mut bundle.keys, &mut bundle.skipped, index, id, key);
            }
            return;
        }
        add_to(&mut self.keys, &mut self.skipped, index, id, jwk);
    }
}

fn add_to(
    keys: &mut Vec<Arc<VerifyingKey>>,
    skipped: &mut Vec<SkippedJwk>,
    index: usize,
    id: Option<Excerpt>,
    jwk: Option<Jwk<'_>>,
) {
    match jwk.ok_or(UnusableJwk::Malformed).and_then(Jwk::into_key) {
        Ok(key) => keys.push(Arc::new(key)),
        Err(reason) => skipped.push(SkippedJwk { index, id, reason }),
    }
}

/// The material of the public key in this JWK, and the algorithm that the JWK names: by the rules for an entry of a set.
pub(super) fn read_public_key(jwk: &str) -> Result<(Material, Option<Algorithm>), UnusableJwk> {
    read_struct::<Jwk<'_>>(jwk.as_bytes()).ok_or(UnusableJwk::Malformed)?.public_key()
}

/// What the keys of an issuer are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeyPurpose {
    /// Signatures: `use` is `sig` or absent (RFC 7517 §4.2).
    #[default]
    Signatures,
    /// JWT-SVIDs of a SPIFFE trust domain.
    #[cfg_attr(not(feature = "http-client"), expect(dead_code, reason = "only a preset uses it"))]
    JwtSvids,
}

/// Why a document is not a usable key set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// The document is not a JSON object with an array `keys` (RFC 7517 §5.1).
    #[error("the document is not a JWK Set")]
    NotAJwkSet,
    /// The set has more than [`JwkSet::MAX_KEYS`] entries.
    #[error("the set has {found} keys, expected at most {}", JwkSet::MAX_KEYS)]
    TooManyKeys {
        /// How many there are.
        found: usize,
    },
}

/// An entry of a JWK Set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedJwk {
    /// Its index in `keys`.
    pub index: usize,
    /// Its `kid`, if it could be read.
    pub id: Option<Excerpt>,
    /// Why it is not used.
    pub reason: UnusableJwk,
}

impl fmt::Display for SkippedJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}", self.index)?;
        if let Some(id) = &self.id {
            write!(f, " (kid {id:?})")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// The members of a JWK that are used. Unknown ones are ignored (RFC 7517 §4), and so is `x5c`: a key is trusted
/// because its issuer published it, never because of a certificate.
///
/// Some issuers write every member that they know, and leave it empty. So an empty `use`, `alg`, `key_ops` or member of a private key
/// counts as absent, as null does.
#[derive(Deserialize)]
struct Jwk<'a> {
    kty: Box<str>,
    kid: Option<Box<str>>,
    alg: Option<Box<str>>,
    #[serde(rename = "use")]
    usage: Option<Box<str>>,
    key_ops: Option<Vec<Box<str>>>,
    /// Microsoft's own, and anything where others write it.
    #[serde(borrow)]
    issuer: Option<&'a RawValue>,
    crv: Option<Box<str>>,
    n: Option<Box<str>>,
    e: Option<Box<str>>,
    x: Option<Box<str>>,
    y: Option<Box<str>>,
    #[serde(rename = "pub")]
    public: Option<Box<str>>,
    /// The symmetric key.
    #[serde(borrow)]
    k: Option<&'a RawValue>,
    /// The private member of `AKP` keys.
    #[serde(borrow, rename = "priv")]
    private: Option<&'a RawValue>,
    /// The private member of `RSA`, `EC` and `OKP` keys …
    #[serde(borrow)]
    d: Option<&'a RawValue>,
    /// … and what an RSA key's can be computed from (RFC 7518 §6.3.2).
    #[serde(borrow)]
    p: Option<&'a RawValue>,
    #[serde(borrow)]
    q: Option<&'a RawValue>,
    #[serde(borrow)]
    dp: Option<&'a RawValue>,
    #[serde(borrow)]
    dq: Option<&'a RawValue>,
    #[serde(borrow)]
    qi: Option<&'a RawValue>,
    #[serde(borrow)]
    oth: Option<&'a RawValue>,
}

impl Jwk<'_> {
    fn into_key(self) -> Result<VerifyingKey, UnusableJwk> {
        let (material, declared) = self.public_key()?;
        // An `issuer` that is not a string becomes the empty string, which matches no issuer. It is not parsed as a general
        // value: that could parse the contents of a string in turn, to any depth.
        let issuer = self.issuer.map(|issuer| serde_json::from_str::<Box<str>>(issuer.get()).unwrap_or_default());
        Ok(VerifyingKey::new(self.kid, &material, declared)?.of_issuer(issuer))
    }

    /// The material of a public key for signatures, and the algorithm that the JWK names.
    fn public_key(&self) -> Result<(Material, Option<Algorithm>), UnusableJwk> {
        if &*self.kty == "oct" || has_value(self.k) {
            return Err(UnusableJwk::Symmetric);
        }
        let private = [self.private, self.d, self.p, self.q, self.dp, self.dq, self.qi];
        let has_other_primes = self.oth.is_some_and(|oth| !is_empty_array(oth));
        if has_other_primes || private.into_iter().any(has_value) {
            return Err(UnusableJwk::Private);
        }
        if let Some(usage) = self.usage.as_deref().filter(|usage| !usage.is_empty() && *usage != "sig") {
            return Err(UnusableJwk::Use { usage: usage.into() });
        }
        let operations = self.key_ops.as_deref().filter(|operations| !operations.is_empty());
        if operations.is_some_and(|operations| !operations.iter().any(|operation| &**operation == "verify")) {
            return Err(UnusableJwk::KeyOps);
        }
        Ok((self.material()?, self.algorithm()?))
    }

    fn material(&self) -> Result<Material, UnusableJwk> {
        match (&*self.kty, self.crv.as_deref()) {
            ("RSA", _) => Ok(Material::rsa(&bytes("n", self.n.as_deref())?, &bytes("e", self.e.as_deref())?)),
            ("EC", Some("P-256")) => self.point(Curve::P256),
            ("EC", Some("P-384")) => self.point(Curve::P384),
            ("EC", Some("P-521")) => self.point(Curve::P521),
            ("OKP", Some("Ed25519")) => Ok(Material::Ed25519 { x: bytes("x", self.x.as_deref())? }),
            ("EC" | "OKP", Some(crv)) => Err(UnusableJwk::Curve { crv: crv.into() }),
            ("EC" | "OKP", None) => Err(UnusableJwk::Missing { name: "crv" }),
            ("AKP", _) => {
                // RFC 9964: here `alg` is what tells the parameter set.
                let algorithm = self.algorithm()?.ok_or(UnusableJwk::Missing { name: "alg" })?;
                if !matches!(algorithm, Algorithm::MlDsa44 | Algorithm::MlDsa65 | Algorithm::MlDsa87) {
                    return Err(UnusableJwk::AlgorithmMismatch { declared: algorithm });
                }
                Ok(Material::MlDsa { algorithm, public: bytes("pub", self.public.as_deref())? })
            }
            (kty, _) => Err(UnusableJwk::KeyType { kty: kty.into() }),
        }
    }

    fn point(&self, curve: Curve) -> Result<Material, UnusableJwk> {
        Ok(Material::Ec { curve, x: bytes("x", self.x.as_deref())?, y: bytes("y", self.y.as_deref())? })
    }

    fn algorithm(&self) -> Result<Option<Algorithm>, UnusableJwk> {
        let unknown = |alg: &str| UnusableJwk::Algorithm { alg: alg.into() };
        self.alg.as_deref().filter(|alg| !alg.is_empty()).map(|alg| alg.parse().map_err(|_| unknown(alg))).transpose()
    }
}

/// Whether a member that a public key does not have is more than an empty string.
fn has_value(member: Option<&RawValue>) -> bool {
    member.is_some_and(|member| member.get() != "\"\"")
}

fn is_empty_array(member: &RawValue) -> bool {
    member.get().bytes().filter(|byte| !byte.is_ascii_whitespace()).eq(*b"[]")
}

fn bytes(name: &'static str, value: Option<&str>) -> Result<Vec<u8>, UnusableJwk> {
    let value = value.ok_or(UnusableJwk::Missing { name })?;
    base64url::decode(value).ok_or(UnusableJwk::Encoding { name })
}
