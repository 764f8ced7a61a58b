use std::fmt;
use std::time::Duration;

use super::text_error::TextError;
use crate::keys::UrlError;
use crate::redact;

/// Why a server cannot be built: one sentence for the operator, with the offending value.
///
/// The fields hold the value as it was given. `Display` and `Debug`, which are the same sentence, show at most 200 characters of
/// it, and of a URL neither user name and password nor the values of its query.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An audience that no token should carry.
    #[error("the audience {} is empty or not printable ASCII", shown(.value))]
    Audience {
        /// The audience.
        value: String,
    },
    /// An identifier that was not written as one: blank, quoted, or with a placeholder in it.
    #[error("the {what} {} {reason}", shown(.value))]
    Text {
        /// What the text is to identify.
        what: &'static str,
        /// The text.
        value: String,
        /// What is wrong with it.
        reason: TextError,
    },
    /// A realm that cannot stand in a header.
    #[error("the realm {} is not printable ASCII", shown(.value))]
    Realm {
        /// The realm.
        value: String,
    },
    /// A resource that has metadata and is not identified by a URL.
    #[error("the resource {} has metadata, and its identifier will not do: {reason}", shown(.value))]
    Resource {
        /// The identifier.
        value: String,
        /// What is wrong with it as a URL.
        reason: UrlError,
    },
    /// A scope that metadata should not name.
    #[error("the metadata names the scope {}, which is no scope of a resource", shown(.value))]
    MetadataScope {
        /// The scope.
        value: String,
    },
    /// Metadata that names an algorithm with which nothing is signed (RFC 9728 §2, RFC 9449 §5.1).
    #[error("the metadata names the algorithm none, with which nothing is signed")]
    MetadataAlgorithm,
    /// An issuer whose metadata cannot be found by its identifier, or that has none.
    #[error("the issuer {}: {reason}", shown(.value))]
    Issuer {
        /// The issuer.
        value: String,
        /// What is wrong with it.
        reason: UrlError,
    },
    /// An issuer without an identifier.
    #[error("an issuer has an empty identifier")]
    EmptyIssuer,
    /// A URL that keys are not fetched from.
    #[error("the JWKS URL {}: {reason}", shown(.value))]
    JwksUrl {
        /// The URL.
        value: String,
        /// What is wrong with it.
        reason: UrlError,
    },
    /// One issuer twice: whose rules would count?
    #[error("the issuer {} is trusted twice", shown(.value))]
    DuplicateIssuer {
        /// The issuer.
        value: String,
    },
    /// An argument of a [preset](crate::Issuer#presets) that makes no issuer of that kind.
    #[error("the {argument} {} is not {expected}", shown(.value))]
    Preset {
        /// What the argument is.
        argument: &'static str,
        /// What was given.
        value: String,
        /// What was to be given.
        expected: &'static str,
    },
    /// An issuer that names clients instead of an audience, and none of them.
    #[error("the issuer {} is to name its clients instead of an audience, and there are none", shown(.issuer))]
    NoClient {
        /// The issuer.
        issuer: String,
    },
    /// A client without an identifier.
    #[error("a client of the issuer {} has an empty identifier", shown(.issuer))]
    EmptyClient {
        /// The issuer.
        issuer: String,
    },
    /// An issuer none of whose subjects is let in.
    #[error("the issuer {} may have no subject at all", shown(.issuer))]
    NoSubject {
        /// The issuer.
        issuer: String,
    },
    /// An issuer none of whose tokens could pass.
    #[error("the issuer {} may use no algorithm at all", shown(.issuer))]
    NoAlgorithm {
        /// The issuer.
        issuer: String,
    },
    /// An issuer whose keys never change, and of which none can be used.
    #[error("the issuer {} has fixed keys, and none of them can be used", shown(.issuer))]
    NoKey {
        /// The issuer.
        issuer: String,
    },
    /// A leeway beyond 60 seconds.
    #[error("a leeway of {value:?}, where 60 s are the most")]
    Leeway {
        /// The leeway.
        value: Duration,
    },
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigError({self})")
    }
}

/// In quotes.
fn shown(value: &str) -> String {
    format!("{:?}", redact::url(value))
}

#[cfg(all(feature = "serde", feature = "http-client"))]
impl ConfigError {
    /// The same error, of another value.
    pub(crate) fn of_value(mut self, other: &str) -> Self {
        match &mut self {
            Self::Audience { value }
            | Self::Text { value, .. }
            | Self::Realm { value }
            | Self::Resource { value, .. }
            | Self::MetadataScope { value }
            | Self::Issuer { value, .. }
            | Self::JwksUrl { value, .. }
            | Self::DuplicateIssuer { value }
            | Self::Preset { value, .. }
            | Self::NoClient { issuer: value }
            | Self::EmptyClient { issuer: value }
            | Self::NoSubject { issuer: value }
            | Self::NoAlgorithm { issuer: value }
            | Self::NoKey { issuer: value } => other.clone_into(value),
            Self::MetadataAlgorithm | Self::EmptyIssuer | Self::Leeway { .. } => {}
        }
        self
    }
}
