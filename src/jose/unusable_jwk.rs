use super::algorithm::Algorithm;
use crate::redact::Excerpt;

/// Why a JWK is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableJwk {
    /// The JWK is not a JSON object, a known member has the wrong type or occurs twice, or `kty` is missing.
    #[error("the entry is not a well-formed JWK")]
    Malformed,
    /// The key type is one that no supported signature algorithm uses (RFC 7517 §4.1).
    #[error("the key type {kty:?} is not supported")]
    KeyType {
        /// The `kty`.
        kty: Excerpt,
    },
    /// The curve is one that no supported signature algorithm uses.
    #[error("the curve {crv:?} is not supported")]
    Curve {
        /// The `crv`.
        crv: Excerpt,
    },
    /// The key is symmetric, and must not be published (RFC 7517 §9).
    #[error("a symmetric key was published")]
    Symmetric,
    /// The key is private, so every reader of the set can sign with it (RFC 7517 §9).
    #[error("a private key was published")]
    Private,
    /// `use` is not `sig` (RFC 7517 §4.2).
    #[error("the key is not for signatures: use is {usage:?}")]
    Use {
        /// The `use`.
        usage: Excerpt,
    },
    /// `key_ops` lacks `verify` (RFC 7517 §4.3).
    #[error("the key is not for verifying: key_ops lacks verify")]
    KeyOps,
    /// `alg` is not a supported signature algorithm.
    #[error("the algorithm {alg:?} is not supported")]
    Algorithm {
        /// The `alg`.
        alg: Excerpt,
    },
    /// `alg` does not fit the key.
    #[error("the key is not for {declared}")]
    AlgorithmMismatch {
        /// The `alg`.
        declared: Algorithm,
    },
    /// A member that the key type requires is absent.
    #[error("the member {name:?} is missing")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A member is not base64url.
    #[error("the member {name:?} is not base64url")]
    Encoding {
        /// Its name.
        name: &'static str,
    },
    /// The RSA modulus does not have 2048 to 8192 bits (RFC 8725 §3.5).
    #[error("the RSA modulus has {bits} bits, expected 2048 to 8192")]
    ModulusLength {
        /// The number of bits.
        bits: usize,
    },
    /// The RSA modulus is even, so it is not a product of two large primes.
    #[error("the RSA modulus is even")]
    EvenModulus,
    /// The RSA exponent is even, less than 3, or longer than 5 bytes.
    #[error("the RSA exponent is even, less than 3, or longer than 5 bytes")]
    Exponent,
    /// A coordinate is shorter or longer than the curve requires (RFC 7518 §6.2.1.2, RFC 8037 §2).
    #[error("a coordinate is not as long as its curve requires")]
    CoordinateLength,
    /// The Ed25519 point is not in its canonical encoding (RFC 8032 §5.1.3).
    #[error("the Ed25519 key is not in its canonical encoding")]
    NotCanonical,
    /// The Ed25519 point has a small order (RFC 8725 §3.4).
    #[error("the Ed25519 key is a point of small order")]
    SmallOrder,
    /// The cryptographic library refuses the key: its point is not on the NIST curve, or it has the wrong
    /// number of bytes.
    #[error("the key is not a valid public key")]
    InvalidKey,
}
