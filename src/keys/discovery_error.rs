use super::url_error::UrlError;
use crate::redact::Excerpt;

/// Why a metadata document is unusable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The document is not a JSON object with the strings `issuer` and `jwks_uri`.
    #[error("the document is not a JSON object with the strings issuer and jwks_uri")]
    NotMetadata,
    /// The document is not a JSON object with the strings `issuer` and `introspection_endpoint`, and the latter
    /// was needed.
    #[error("the document is not a JSON object with the strings issuer and introspection_endpoint")]
    NoIntrospectionEndpoint,
    /// The document names another issuer (RFC 8414 §3.3).
    #[error("the metadata is for another issuer: {found:?}")]
    Issuer {
        /// The `issuer` in it.
        found: Excerpt,
    },
    /// The `jwks_uri` is not a URL that keys may be fetched from.
    #[error("the jwks_uri is refused: {reason}")]
    JwksUri {
        /// Why.
        reason: UrlError,
    },
    /// The `introspection_endpoint` is not a URL that tokens may be sent to.
    #[error("the introspection_endpoint is refused: {reason}")]
    IntrospectionEndpoint {
        /// Why.
        reason: UrlError,
    },
}
