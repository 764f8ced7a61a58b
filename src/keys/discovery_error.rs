use super::url_error::UrlError;
use crate::redact::Excerpt;

/// Why a metadata document is unusable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// Not a JSON object with the strings `issuer` and `jwks_uri`.
    #[error("the document is not a JSON object with the strings issuer and jwks_uri")]
    NotMetadata,
    /// Not a JSON object with the strings `issuer` and `introspection_endpoint`, where the latter is looked for.
    #[error("the document is not a JSON object with the strings issuer and introspection_endpoint")]
    NoIntrospectionEndpoint,
    /// The document names another issuer (RFC 8414 §3.3).
    #[error("the metadata is of another issuer: {found:?}")]
    Issuer {
        /// The `issuer` in it.
        found: Excerpt,
    },
    /// Keys are not fetched from its `jwks_uri`.
    #[error("the jwks_uri is refused: {reason}")]
    JwksUri {
        /// Why.
        reason: UrlError,
    },
    /// No token is introspected at its `introspection_endpoint`.
    #[error("the introspection_endpoint is refused: {reason}")]
    IntrospectionEndpoint {
        /// Why.
        reason: UrlError,
    },
}
