use std::time::Duration;

use crate::redact::Excerpt;

/// Why the settings of an [`Introspection`](super::Introspection) are not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIntrospection {
    /// An answer would count for too long.
    #[error("answers count for {} s, expected at most 600 s", .value.as_secs_f64())]
    Lifetime {
        /// How long it would count.
        value: Duration,
    },
    /// No request to the endpoint could be on its way, or more than there are tokens that wait.
    #[error("{value} requests may be on their way at once, expected 1 to 1024")]
    ConcurrentRequests {
        /// How many could be.
        value: usize,
    },
    /// The endpoint is that of another issuer, which must neither see these tokens nor speak for this issuer.
    #[error("the introspection is for the issuer {found:?}, expected that of the tokens")]
    OtherIssuer {
        /// The issuer that the introspection was made for.
        found: Excerpt,
    },
    /// The `iss` of a token does not tell that it is from this issuer alone: it is a SPIFFE trust domain, a list of tenants, or one user
    /// flow of several. So the tokens of others could be sent to the endpoint.
    #[error(
        "it is a SPIFFE trust domain, a list of tenants or a user flow, expected an issuer with an identifier of its own"
    )]
    NoOwnIdentifier,
    /// This server authenticates by a certificate, and the default client has none.
    #[error("the client certificate is missing, expected an HTTP client with one")]
    NoCertificate,
    /// The system provides no random bytes for the key under which answers are kept.
    #[error("the system provides no random bytes")]
    NoRandomness,
    /// A prefix is empty, so all tokens begin with it.
    #[error("a token prefix is empty, expected one character or more")]
    EmptyPrefix,
    /// A prefix has a character that no token has (RFC 6750 §2.1), so no token begins with it.
    #[error("no token begins with {prefix:?}, expected only letters, digits and the characters - . _ ~ + /")]
    ImpossiblePrefix {
        /// The prefix.
        prefix: Excerpt,
    },
    /// Tokens that begin like this may be of another issuer too, and nobody is told the token of another.
    #[error("tokens that begin with {prefix:?} may be of another issuer too, expected prefixes that differ")]
    AmbiguousPrefix {
        /// What the tokens begin with. It is empty if two issuers have no prefix.
        prefix: Box<str>,
    },
}
