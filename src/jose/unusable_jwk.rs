use super::algorithm::Algorithm;
use crate::redact::Excerpt;

/// Why a JWK is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableJwk {
    /// Not a JSON object, a known member with the wrong type or occurring twice, or no `kty`.
    #[error("the entry is not a well-formed JWK")]
    Malformed,
    /// A key type that no signature algorithm here uses (RFC 7517 §4.1).
    #[error("the key type {kty:?} is not supported")]
    KeyType {
        /// The `kty`.
        kty: Excerpt,
    },
    /// A curve that no signature algorithm here uses.
    #[error("the curve {crv:?} is not supported")]
    Curve {
        /// The `crv`.
        crv: Excerpt,
    },
    /// A symmetric key, which must not be published (RFC 7517 §9).
    #[error("a symmetric key was published")]
    Symmetric,
    /// A private key, with which every reader of the set can sign (RFC 7517 §9).
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
    /// `alg` and the key do not fit each other.
    #[error("the key is not one for {declared}")]
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
    /// A member that is not base64url.
    #[error("the member {name:?} is not base64url")]
    Encoding {
        /// Its name.
        name: &'static str,
    },
    /// An RSA modulus outside of 2048 to 8192 bits (RFC 8725 §3.5).
    #[error("the RSA modulus has {bits} bits, and 2048 to 8192 are allowed")]
    ModulusLength {
        /// How many it has.
        bits: usize,
    },
    /// An RSA modulus that is even, so no product of two large primes.
    #[error("the RSA modulus is even")]
    EvenModulus,
    /// An RSA exponent that is even, less than 3, or longer than 5 bytes.
    #[error("the RSA exponent is even, less than 3, or longer than 5 bytes")]
    Exponent,
    /// A coordinate shorter or longer than its curve's (RFC 7518 §6.2.1.2, RFC 8037 §2).
    #[error("a coordinate is not as long as its curve requires")]
    CoordinateLength,
    /// An Ed25519 point that is not in its canonical encoding (RFC 8032 §5.1.3).
    #[error("the Ed25519 key is not in its canonical encoding")]
    NotCanonical,
    /// An Ed25519 point of small order (RFC 8725 §3.4).
    #[error("the Ed25519 key is a point of small order")]
    SmallOrder,
    /// Refused by the cryptographic library: a point off its NIST curve, or the wrong number of bytes.
    #[error("the key is not a valid public key")]
    InvalidKey,
}
