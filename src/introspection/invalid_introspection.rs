use std::time::Duration;

use crate::redact::Excerpt;

/// Why the settings of an [`Introspection`](super::Introspection) are not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIntrospection {
    /// The lifetime of an answer is too long.
    #[error("answers are used for {} s, expected at most 600 s", .value.as_secs_f64())]
    Lifetime {
        /// The lifetime.
        value: Duration,
    },
    /// The number of concurrent requests is zero, or larger than the number of tokens that may wait.
    #[error("{value} requests may be in flight at once, expected 1 to 1024")]
    ConcurrentRequests {
        /// The number.
        value: usize,
    },
    /// The endpoint belongs to another issuer, which must neither see these tokens nor speak for this issuer.
    #[error("the introspection is for the issuer {found:?}, expected that of the tokens")]
    OtherIssuer {
        /// The issuer that the introspection was made for.
        found: Excerpt,
    },
    /// The `iss` of a token does not identify this issuer, because the issuer is a SPIFFE trust domain, a list of tenants, or one of
    /// several user flows. So other issuers' tokens could be sent to the endpoint.
    #[error(
        "it is a SPIFFE trust domain, a list of tenants or a user flow, expected an issuer with an identifier of its own"
    )]
    NoOwnIdentifier,
    /// This server authenticates with a certificate, but the default client has none.
    #[error("the client certificate is missing, expected an HTTP client with one")]
    NoCertificate,
    /// The system provides no random bytes for the key that protects the answers.
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
    /// Tokens with this prefix may also be another issuer's, and a token must not be sent to another issuer.
    #[error("tokens that begin with {prefix:?} may also be another issuer's, expected different prefixes")]
    AmbiguousPrefix {
        /// The prefix. It is empty if two issuers have no prefix.
        prefix: Box<str>,
    },
}
