use super::json_error::JsonError;
use crate::redact::Excerpt;

/// Why a text is not a JWS that this crate verifies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// The text does not have three parts (RFC 7515 §7.1). Five parts would be an encrypted token (RFC 7516 §7.1),
    /// which this crate does not decrypt.
    #[error("the token has {found} parts separated by dots, but a signed JWT has 3")]
    Parts {
        /// How many there are.
        found: usize,
    },
    /// A part is not base64url: it has padding, white space, another alphabet, or non-zero trailing bits (RFC 7515
    /// §2).
    #[error("a part of the token is not base64url without padding")]
    Encoding,
    /// The header is not an acceptable JSON object.
    #[error("the header is malformed: {0}")]
    Header(JsonError),
    /// The header has no `alg` (RFC 7515 §4.1.1).
    #[error("the header has no alg")]
    NoAlgorithm,
    /// The algorithm is not supported; `none` and the HMAC family are unsupported on purpose (RFC 8725 §3.1).
    #[error("the alg {found:?} is not a supported signature algorithm")]
    Algorithm {
        /// The `alg`.
        found: Excerpt,
    },
    /// The header marks extensions as critical, but none is supported (RFC 7515 §4.1.11).
    #[error("the header has crit, but no extension is supported")]
    Critical,
    /// `b64` is false (RFC 7797 §7).
    #[error("the payload is unencoded (b64 is false)")]
    UnencodedPayload,
    /// The payload is another token (RFC 7519 §5.2).
    #[error("the payload is another token (cty is JWT)")]
    Nested,
    /// The header belongs to an encrypted token (RFC 7516 §9).
    #[error("the token is encrypted (the header has enc)")]
    Encrypted,
}
