use std::time::Duration;

use super::text_error::TextError;
use crate::keys::UrlError;

/// Why a server cannot be built: one sentence for the operator, with the offending value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An audience that no token should carry.
    #[error("the audience {value:?} is empty or not printable ASCII")]
    Audience {
        /// The audience.
        value: String,
    },
    /// An identifier that was not written as one: blank, quoted, or with a placeholder in it.
    #[error("the {what} {value:?} {reason}")]
    Text {
        /// What the text is to identify.
        what: &'static str,
        /// The text.
        value: String,
        /// What is wrong with it.
        reason: TextError,
    },
    /// A realm that cannot stand in a header.
    #[error("the realm {value:?} is not printable ASCII")]
    Realm {
        /// The realm.
        value: String,
    },
    /// A resource that has metadata and is not identified by a URL.
    #[error("the resource {value:?} has metadata, and its identifier will not do: {reason}")]
    Resource {
        /// The identifier.
        value: String,
        /// What is wrong with it as a URL.
        reason: UrlError,
    },
    /// A scope that metadata should not name.
    #[error("the metadata names the scope {value:?}, which is no scope of a resource")]
    MetadataScope {
        /// The scope.
        value: String,
    },
    /// Metadata that names an algorithm with which nothing is signed (RFC 9728 §2, RFC 9449 §5.1).
    #[error("the metadata names the algorithm none, with which nothing is signed")]
    MetadataAlgorithm,
    /// An issuer whose metadata cannot be found by its identifier, or that has none.
    #[error("the issuer {value:?}: {reason}")]
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
    #[error("the JWKS URL {value:?}: {reason}")]
    JwksUrl {
        /// The URL.
        value: String,
        /// What is wrong with it.
        reason: UrlError,
    },
    /// One issuer twice: whose rules would count?
    #[error("the issuer {value:?} is trusted twice")]
    DuplicateIssuer {
        /// The issuer.
        value: String,
    },
    /// An argument of a [preset](crate::Issuer#presets) that makes no issuer of that kind.
    #[error("the {argument} {value:?} is not {expected}")]
    Preset {
        /// What the argument is.
        argument: &'static str,
        /// What was given.
        value: String,
        /// What was to be given.
        expected: &'static str,
    },
    /// An issuer that names clients instead of an audience, and none of them.
    #[error("the issuer {issuer:?} is to name its clients instead of an audience, and there are none")]
    NoClient {
        /// The issuer.
        issuer: String,
    },
    /// A client without an identifier.
    #[error("a client of the issuer {issuer:?} has an empty identifier")]
    EmptyClient {
        /// The issuer.
        issuer: String,
    },
    /// An issuer none of whose subjects is let in.
    #[error("the issuer {issuer:?} may have no subject at all")]
    NoSubject {
        /// The issuer.
        issuer: String,
    },
    /// An issuer none of whose tokens could pass.
    #[error("the issuer {issuer:?} may use no algorithm at all")]
    NoAlgorithm {
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

#[cfg(feature = "serde")]
impl ConfigError {
    /// The same error, with its value as `shown` makes it.
    pub(crate) fn map_value(mut self, shown: impl Fn(&str) -> String) -> Self {
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
            | Self::NoAlgorithm { issuer: value } => *value = shown(value),
            Self::MetadataAlgorithm | Self::EmptyIssuer | Self::Leeway { .. } => {}
        }
        self
    }
}
