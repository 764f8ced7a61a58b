use super::algorithm::Algorithm;
use crate::redact::Excerpt;

/// Why a JWK is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableJwk {
    /// Not a JSON object, a known member of the wrong type or standing twice, or no `kty`.
    #[error("not a well-formed JWK")]
    Malformed,
    /// A key type that no signature algorithm here uses (RFC 7517 §4.1).
    #[error("unknown key type {kty:?}")]
    KeyType {
        /// The `kty`.
        kty: Excerpt,
    },
    /// A curve that no signature algorithm here uses.
    #[error("unknown curve {crv:?}")]
    Curve {
        /// The `crv`.
        crv: Excerpt,
    },
    /// A symmetric key, which has no business in a published set (RFC 7517 §9).
    #[error("a symmetric key was published")]
    Symmetric,
    /// A private member: whoever reads the set can sign with the key (RFC 7517 §9).
    #[error("a private key was published")]
    Private,
    /// `use` is not `sig` (RFC 7517 §4.2).
    #[error("not for signatures: use is {usage:?}")]
    Use {
        /// The `use`.
        usage: Excerpt,
    },
    /// `key_ops` lacks `verify` (RFC 7517 §4.3).
    #[error("not for verifying: key_ops lacks it")]
    KeyOps,
    /// `alg` names no algorithm that can be verified here.
    #[error("unknown algorithm {alg:?}")]
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
    #[error("an RSA modulus of {bits} bits")]
    ModulusLength {
        /// How many it has.
        bits: usize,
    },
    /// An RSA modulus that is even, so no product of two large primes.
    #[error("an even RSA modulus")]
    EvenModulus,
    /// An RSA exponent that is even, less than 3, or of more than 5 octets.
    #[error("an RSA exponent that is even, less than 3, or huge")]
    Exponent,
    /// A coordinate shorter or longer than its curve's (RFC 7518 §6.2.1.2, RFC 8037 §2).
    #[error("a coordinate of the wrong length")]
    CoordinateLength,
    /// An Ed25519 point that is not in its canonical encoding (RFC 8032 §5.1.3).
    #[error("an Ed25519 key that is not canonical")]
    NotCanonical,
    /// An Ed25519 point of small order (RFC 8725 §3.4).
    #[error("an Ed25519 key of small order")]
    SmallOrder,
    /// Refused by the cryptographic library: a point off its NIST curve, or octets of the wrong number.
    #[error("not a valid public key")]
    InvalidKey,
}
