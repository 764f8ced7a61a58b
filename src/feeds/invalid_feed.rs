use std::time::Duration;

use crate::issuer::ConfigError;

/// Why a feed cannot be set up: one sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFeed {
    /// A setting of the issuer, the audience or the client is not acceptable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The issuer has no single identifier of its own: it is a list of tenants, one tenant of such a list, a user flow or a SPIFFE trust
    /// domain.
    #[error(
        "the issuer {issuer:?} has no single identifier of its own, expected an issuer such as that of Issuer::discover"
    )]
    NoOwnIdentifier {
        /// The name of the issuer.
        issuer: Box<str>,
    },
    /// The issuer is introspected. What it pushes is signed and verified with its keys, never introspected.
    #[error(
        "the issuer {issuer:?} is introspected, expected one whose keys are used, such as that of Issuer::discover"
    )]
    Introspected {
        /// The identifier of the issuer.
        issuer: Box<str>,
    },
    /// The bearer token is empty or has a character that no bearer token has (RFC 6750 §2.1). It is not shown.
    #[error(
        "the bearer token of the transmitter is empty or has other characters, expected only A-Z a-z 0-9 - . _ ~ + / ="
    )]
    BearerToken,
    /// The time after which a silent feed is stale is zero.
    #[error("a feed may be silent for {value:?}, expected more than zero")]
    Silence {
        /// The time.
        value: Duration,
    },
}
