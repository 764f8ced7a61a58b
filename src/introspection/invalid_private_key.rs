use crate::jose::Algorithm;
use crate::redact::Excerpt;

/// Why a text is not a [`PrivateKey`](super::PrivateKey) that this crate can sign with. It holds no byte of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPrivateKey {
    /// The text has no PEM section.
    #[error("expected a private key in PEM, and found no line such as -----BEGIN PRIVATE KEY-----")]
    NotPem,
    /// The PEM contains something else, such as a certificate.
    #[error("expected PEM of a PRIVATE KEY, an RSA PRIVATE KEY or an EC PRIVATE KEY, and found {found:?}")]
    NoPrivateKey {
        /// The label of its first section.
        found: Excerpt,
    },
    /// A PEM section has no end or no line breaks (RFC 7468 §2), or its content is not base64.
    #[error(
        "expected a private key in PEM, and found a section without line breaks, without an end or with broken base64"
    )]
    BrokenPem,
    /// The key is encrypted with a password.
    #[error("expected a private key that is not encrypted, and found an encrypted one")]
    Encrypted,
    /// The text has several private keys.
    #[error("expected one private key, and found {found}")]
    Several {
        /// How many.
        found: usize,
    },
    /// The PEM contains a key that no supported algorithm uses, or no key at all.
    #[error("expected a key of RSA, Ed25519 or one of the curves P-256, P-384 and P-521, and found none of these")]
    Unsupported,
    /// The text is not a JSON object, a known member has the wrong type or occurs twice, or `kty` is missing (RFC
    /// 7517 §4.1).
    #[error("expected a private key as a JWK, and found something else")]
    NotAJwk,
    /// A key type that no supported algorithm uses.
    #[error("expected a JWK of type RSA, EC or OKP, and found the type {kty:?}")]
    KeyType {
        /// The `kty`.
        kty: Excerpt,
    },
    /// A curve that no supported algorithm uses.
    #[error("expected the curve P-256, P-384 or P-521 for EC, or Ed25519 for OKP, and found {crv:?}")]
    Curve {
        /// The `crv`.
        crv: Excerpt,
    },
    /// The JWK is that of a public key.
    #[error("expected a private key, and found a public one: the member d is missing")]
    Public,
    /// `use` is not `sig` (RFC 7517 §4.2).
    #[error("expected a key for signatures, and found the use {usage:?}")]
    Use {
        /// The `use`.
        usage: Excerpt,
    },
    /// `key_ops` lacks `sign` (RFC 7517 §4.3).
    #[error("expected a key for signing, and found key_ops without sign")]
    KeyOps,
    /// A member that the key type requires is absent.
    #[error("expected a JWK with the member {name}, and found none")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A member that is not base64url.
    #[error("expected base64url in the member {name}, and found other characters")]
    Encoding {
        /// Its name.
        name: &'static str,
    },
    /// A number is shorter or longer than the elliptic curve requires (RFC 7518 §6.2, RFC 8037 §2).
    #[error("expected {expected} bytes in the member {name}, and found {found}")]
    Length {
        /// Its name.
        name: &'static str,
        /// The length that the curve requires.
        expected: usize,
        /// The length that it has.
        found: usize,
    },
    /// An RSA key with more than two primes (RFC 7518 §6.3.2.7).
    #[error("expected an RSA key of two primes, and found more")]
    MoreThanTwoPrimes,
    /// The RSA key is too short, and therefore weak (RFC 7518 §3.3).
    #[error("expected an RSA key of 2048 to 8192 bits, and found a shorter one")]
    TooShort,
    /// The RSA key is so long that a signature takes seconds.
    #[error("expected an RSA key of 2048 to 8192 bits, and found a longer one")]
    TooLong,
    /// The parts of the key do not belong together.
    #[error("expected a key whose parts belong together, and found a broken one")]
    Inconsistent,
    /// `alg` is not a supported signature algorithm.
    #[error("expected a supported signature algorithm in the member alg, and found {alg:?}")]
    Algorithm {
        /// The `alg`.
        alg: Excerpt,
    },
    /// The algorithm does not fit this key.
    #[error("expected {expected} for this key, and found {found}")]
    AlgorithmMismatch {
        /// The algorithms that the key permits.
        expected: &'static str,
        /// The algorithm that was set.
        found: Algorithm,
    },
    /// The JWK names another algorithm (RFC 7517 §4.4).
    #[error("expected {declared}, which the JWK names, and found {found}")]
    NotDeclared {
        /// The `alg` of the JWK.
        declared: Algorithm,
        /// The algorithm that was set.
        found: Algorithm,
    },
}
