use super::target_uri_error::TargetUriError;
use crate::binding::network::InvalidNetwork;

/// Why a setting of a [`PublicUrl`](super::PublicUrl) is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPublicUrl {
    /// The public URL is not an absolute `http` or `https` URL.
    #[error("the public URL is not acceptable: {0}")]
    Url(TargetUriError),
    /// The public URL has a query or a fragment. The `htu` of a proof has neither (RFC 9449 §4.2).
    #[error("the public URL has a query or a fragment, expected none")]
    QueryOrFragment,
    /// The path where the service is mounted is not a path.
    #[error("the path where the service is mounted is not acceptable: {0}")]
    Mount(TargetUriError),
    /// The networks of the proxies are not valid.
    #[error("the networks of proxies are not acceptable: {0}")]
    Network(InvalidNetwork),
}

impl From<InvalidNetwork> for InvalidPublicUrl {
    fn from(error: InvalidNetwork) -> Self {
        Self::Network(error)
    }
}
