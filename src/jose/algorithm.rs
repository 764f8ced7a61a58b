use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature as lc;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::redact::Excerpt;

/// A signature algorithm that this crate verifies: every asymmetric one registered for JWS and in use.
///
/// The list is closed on purpose. `none` and the HMAC family (`HS256` …) have no variant, so no configuration, key set or
/// token can select them (RFC 8725 §3.1, §3.2). `Display`, `FromStr` and serde use the case-sensitive names of the IANA
/// "JSON Web Signature and Encryption Algorithms" registry (RFC 7515 §4.1.1).
///
/// ```
/// use tower_bearer::jose::Algorithm;
///
/// let algorithm: Algorithm = "ML-DSA-65".parse()?;
/// assert_eq!(algorithm, Algorithm::MlDsa65);
/// assert_eq!("HS256".parse::<Algorithm>().unwrap_err().to_string(), r#""HS256" is not a supported signature algorithm"#);
/// # Ok::<(), tower_bearer::jose::UnknownAlgorithm>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3). Every resource server must support it (RFC 9068 §2.1).
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 7518 §3.3).
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 §3.3).
    RS512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256, a salt of 32 bytes (RFC 7518 §3.5).
    PS256,
    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384, a salt of 48 bytes (RFC 7518 §3.5).
    PS384,
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512, a salt of 64 bytes (RFC 7518 §3.5).
    PS512,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    ES256,
    /// ECDSA on P-384 with SHA-384 (RFC 7518 §3.4).
    ES384,
    /// ECDSA on P-521 with SHA-512 (RFC 7518 §3.4).
    ES512,
    /// `EdDSA` (RFC 8037 §3.1), here always with Ed25519. RFC 9864 deprecates it in favor of [`Ed25519`](Self::Ed25519),
    /// but most issuers still write it.
    EdDSA,
    /// `Ed25519`, the fully-specified name (RFC 9864 §2.2).
    Ed25519,
    /// ML-DSA-44 (RFC 9964).
    MlDsa44,
    /// ML-DSA-65 (RFC 9964).
    MlDsa65,
    /// ML-DSA-87 (RFC 9964).
    MlDsa87,
}

impl Algorithm {
    /// Every supported algorithm, in declaration order. Later versions may add some.
    pub const ALL: &'static [Self] = &Self::TABLE;

    /// How many there are, for tables with a place for each.
    pub(crate) const COUNT: usize = Self::TABLE.len();

    const TABLE: [Self; 14] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::Ed25519,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    /// The registered name, as in `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    /// The kind of key that the algorithm is used with: an algorithm fits exactly one.
    pub(crate) const fn key_kind(self) -> KeyKind {
        match self {
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => KeyKind::Rsa,
            Self::ES256 => KeyKind::P256,
            Self::ES384 => KeyKind::P384,
            Self::ES512 => KeyKind::P521,
            Self::EdDSA | Self::Ed25519 => KeyKind::Ed25519,
            Self::MlDsa44 => KeyKind::MlDsa44,
            Self::MlDsa65 => KeyKind::MlDsa65,
            Self::MlDsa87 => KeyKind::MlDsa87,
        }
    }

    /// The two names of one signature scheme are one: RFC 9864 renames `EdDSA` over Ed25519, it does not change it.
    pub(crate) fn same_scheme(self, other: Self) -> bool {
        self == other || (self.key_kind() == KeyKind::Ed25519 && other.key_kind() == KeyKind::Ed25519)
    }

    /// The parameters with which aws-lc-rs signs by RSA. `None` for the other algorithms.
    #[cfg(any(feature = "introspection", feature = "testing"))]
    pub(crate) fn rsa_encoding(self) -> Option<&'static lc::RsaSignatureEncoding> {
        Some(match self {
            Self::RS256 => &lc::RSA_PKCS1_SHA256,
            Self::RS384 => &lc::RSA_PKCS1_SHA384,
            Self::RS512 => &lc::RSA_PKCS1_SHA512,
            Self::PS256 => &lc::RSA_PSS_SHA256,
            Self::PS384 => &lc::RSA_PSS_SHA384,
            Self::PS512 => &lc::RSA_PSS_SHA512,
            _ => return None,
        })
    }

    pub(crate) fn verification(self) -> Verification {
        match self {
            Self::RS256 => Verification::Rsa(&lc::RSA_PKCS1_2048_8192_SHA256),
            Self::RS384 => Verification::Rsa(&lc::RSA_PKCS1_2048_8192_SHA384),
            Self::RS512 => Verification::Rsa(&lc::RSA_PKCS1_2048_8192_SHA512),
            Self::PS256 => Verification::Rsa(&lc::RSA_PSS_2048_8192_SHA256),
            Self::PS384 => Verification::Rsa(&lc::RSA_PSS_2048_8192_SHA384),
            Self::PS512 => Verification::Rsa(&lc::RSA_PSS_2048_8192_SHA512),
            Self::ES256 => Verification::Other(&lc::ECDSA_P256_SHA256_FIXED),
            Self::ES384 => Verification::Other(&lc::ECDSA_P384_SHA384_FIXED),
            Self::ES512 => Verification::Other(&lc::ECDSA_P521_SHA512_FIXED),
            Self::EdDSA | Self::Ed25519 => Verification::Other(&lc::ED25519),
            Self::MlDsa44 => Verification::Other(&lc::ML_DSA_44),
            Self::MlDsa65 => Verification::Other(&lc::ML_DSA_65),
            Self::MlDsa87 => Verification::Other(&lc::ML_DSA_87),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads the registered name.
impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        let found = Self::TABLE.into_iter().find(|algorithm| algorithm.name() == name);
        found.ok_or_else(|| UnknownAlgorithm { name: name.into() })
    }
}

/// Like [`FromStr`].
impl TryFrom<&str> for Algorithm {
    type Error = UnknownAlgorithm;

    fn try_from(name: &str) -> Result<Self, UnknownAlgorithm> {
        name.parse()
    }
}

/// Writes the registered name.
impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Reads the registered name.
impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Algorithm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a signature algorithm")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Algorithm, E> {
                name.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Name)
    }
}

/// The error for a name that does not belong to an [`Algorithm`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a supported signature algorithm")]
pub struct UnknownAlgorithm {
    name: Excerpt,
}

impl UnknownAlgorithm {
    /// The name, truncated to 200 characters.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What a public key is, as far as the choice of an algorithm is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

/// The parameters for aws-lc-rs: RSA keys are built from their components, all others from one string of bytes.
pub(crate) enum Verification {
    Rsa(&'static lc::RsaParameters),
    Other(&'static dyn lc::VerificationAlgorithm),
}

/// A set of algorithms: the allowlist of an issuer (RFC 8725 §3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AlgorithmSet(u16);

impl AlgorithmSet {
    pub(crate) fn all() -> Self {
        Algorithm::TABLE.into_iter().collect()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & Self::bit(algorithm) != 0
    }

    fn bit(algorithm: Algorithm) -> u16 {
        1 << algorithm as u16
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        Self(algorithms.into_iter().fold(0, |set, algorithm| set | Self::bit(algorithm)))
    }
}

impl fmt::Debug for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Algorithm::TABLE.into_iter().filter(|a| self.contains(*a))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_exactly() {
        for algorithm in Algorithm::TABLE {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            assert!(algorithm.name().to_lowercase().parse::<Algorithm>().is_err());
            assert!(format!("{algorithm} ").parse::<Algorithm>().is_err());
        }
        for name in
            ["none", "None", "NONE", "nonE", "HS256", "HS384", "HS512", "ES256K", "Ed448", "RSA-OAEP", "dir", ""]
        {
            assert!(name.parse::<Algorithm>().is_err(), "{name}");
        }
    }

    #[test]
    fn serde_reads_and_writes_the_names() {
        for algorithm in Algorithm::TABLE {
            let json = serde_json::to_string(&algorithm).unwrap();
            assert_eq!(json, format!("{:?}", algorithm.name()));
            assert_eq!(serde_json::from_str::<Algorithm>(&json).unwrap(), algorithm);
            assert_eq!(Algorithm::try_from(algorithm.name()), Ok(algorithm));
        }
        let error = |json: &str| serde_json::from_str::<Algorithm>(json).unwrap_err().to_string();
        assert!(error("\"HS256\"").starts_with("\"HS256\" is not a supported signature algorithm"));
        assert!(error("0").contains("expected the name of a signature algorithm"));
    }

    #[test]
    fn every_algorithm_has_its_place_in_a_table() {
        let places: Vec<_> = Algorithm::ALL.iter().map(|algorithm| *algorithm as usize).collect();
        assert_eq!(places, (0..Algorithm::COUNT).collect::<Vec<_>>());
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let set: AlgorithmSet = [Algorithm::ES256, Algorithm::MlDsa87].into_iter().collect();
        let held: Vec<_> = Algorithm::TABLE.into_iter().filter(|a| set.contains(*a)).collect();
        assert_eq!(held, [Algorithm::ES256, Algorithm::MlDsa87]);
        assert!(AlgorithmSet::from_iter([]).is_empty());
        assert!(Algorithm::TABLE.into_iter().all(|a| AlgorithmSet::all().contains(a)));
    }
}
