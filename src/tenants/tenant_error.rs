use crate::issuer::ConfigError;
use crate::keys::UrlError;
use crate::redact::Excerpt;

/// Why an issuer cannot be a tenant. If a resolver returns such an issuer, its tokens get 503, and an error is
/// logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// The resolver has returned an issuer other than the one it was asked about.
    #[error("the resolver returned the issuer {found:?} for {expected:?}")]
    OtherIssuer {
        /// The identifier of the issuer that was returned.
        found: Excerpt,
        /// The `iss` of the token.
        expected: Excerpt,
    },
    /// The issuer has several identifiers, or one that no `iss` equals, like a SPIFFE trust domain.
    #[error("the issuer {issuer:?} is not identified by one iss, expected an issuer for each tenant")]
    NoSingleIdentifier {
        /// The issuer.
        issuer: Excerpt,
    },
    /// No pattern of the server fits the identifier.
    #[error("the issuer {issuer:?} fits no pattern of the server")]
    NoPattern {
        /// The issuer.
        issuer: Excerpt,
    },
    /// The server was built with this issuer, and those settings take precedence.
    #[error("the server was built with the issuer {issuer:?}, which cannot be a tenant too")]
    Pinned {
        /// The issuer.
        issuer: Excerpt,
    },
    /// The keys or the metadata would be fetched from this machine, a link-local address, or a cloud's metadata
    /// service.
    #[error("nothing is fetched for the issuer {issuer:?}: {reason}")]
    LocalAddress {
        /// The issuer.
        issuer: Excerpt,
        /// What the URL points to.
        reason: UrlError,
    },
    /// The issuer is introspected. An opaque token names no issuer, so its tenant cannot be found.
    #[error(
        "the issuer {issuer:?} is introspected, but only an issuer that the server was built with can be introspected"
    )]
    Introspected {
        /// The issuer.
        issuer: Excerpt,
    },
    /// The issuer's keys are persisted in a file.
    #[error(
        "the keys of the issuer {issuer:?} are persisted, but only those of an issuer that the server was built with can be persisted"
    )]
    PersistedKeys {
        /// The issuer.
        issuer: Excerpt,
    },
    /// A setting of the issuer is not acceptable.
    #[error(transparent)]
    Issuer(ConfigError),
}
