use super::url_error::UrlError;
use crate::redact::Excerpt;

/// Why a metadata document is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// Not a JSON object with the strings `issuer` and `jwks_uri`.
    #[error("not a metadata document with issuer and jwks_uri")]
    NotMetadata,
    /// The document is some other issuer's (RFC 8414 §3.3).
    #[error("the metadata is that of the issuer {found:?}")]
    Issuer {
        /// The `issuer` in it.
        found: Excerpt,
    },
    /// Keys are not fetched from there.
    #[error("the jwks_uri: {reason}")]
    JwksUri {
        /// Why.
        reason: UrlError,
    },
}
