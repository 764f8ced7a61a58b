use crate::keys::UrlError;

/// Why a text is not a [pattern](super::TenantSettings::issuer_pattern) for the issuers of tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIssuerPattern {
    /// There is no placeholder, or there is more than one.
    #[error("expected a pattern for issuers with {{tenant}} exactly once and no other placeholder")]
    Placeholder,
    /// The placeholder is only part of a name, such as the host's, so a tenant could choose another host.
    #[error(
        "expected {{tenant}} as a whole segment of the path, or as the first label of a host name with at least two others"
    )]
    PartOfAName,
    /// The pattern is not the URL of an issuer.
    #[error("expected the URL of an issuer as the pattern: {reason}")]
    Url {
        /// What is wrong with it as a URL.
        reason: UrlError,
    },
}
