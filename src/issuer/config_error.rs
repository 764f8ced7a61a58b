use std::fmt;
use std::time::Duration;

use super::text_error::TextError;
#[cfg(feature = "introspection")]
use crate::introspection::InvalidIntrospection;
use crate::jose::SkippedJwk;
use crate::keys::UrlError;
use crate::redact::{self, Excerpt};

/// Why a server cannot be built, as one sentence for the operator with the value in question.
///
/// The fields hold the value as it was given. `Display` and `Debug` write the same sentence, which shows at most 200 characters of the
/// value. A URL is shown without user name, password and the values of its query.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The audience is empty or not printable ASCII.
    #[error("the audience is {}, expected printable ASCII", shown(.value))]
    Audience {
        /// The audience.
        value: String,
    },
    /// A text cannot be an identifier: it is blank, quoted, or contains a placeholder.
    #[error("the {what} {} {reason}", shown(.value))]
    Text {
        /// What the text identifies.
        what: &'static str,
        /// The text.
        value: String,
        /// What is wrong with it.
        reason: TextError,
    },
    /// The realm cannot be written in a header.
    #[error("the realm is {}, expected printable ASCII", shown(.value))]
    Realm {
        /// The realm.
        value: String,
    },
    /// The resource has metadata, but its identifier is not a URL of the required form.
    #[error("the identifier {} of the resource cannot have metadata: {reason}", shown(.value))]
    Resource {
        /// The identifier.
        value: String,
        /// What is wrong with it as a URL.
        reason: UrlError,
    },
    /// The metadata lists a text that is not a scope, or `offline_access`, which is not a scope of a resource.
    #[error("the metadata names the scope {}, expected a scope of this resource", shown(.value))]
    MetadataScope {
        /// The scope.
        value: String,
    },
    /// The metadata names the algorithm `none` (RFC 9728 §2, RFC 9449 §5.1).
    #[error("the metadata names the algorithm none, expected algorithms that sign")]
    MetadataAlgorithm,
    /// The metadata names an algorithm for DPoP proofs that the server does not accept.
    #[error("the metadata names the algorithm {} for DPoP proofs, expected algorithms that the server accepts", shown(.value))]
    MetadataProofAlgorithm {
        /// The algorithm.
        value: String,
    },
    /// The metadata says that tokens need not be bound to a key, but the server requires it.
    #[error(
        "the metadata says that tokens need not be bound by DPoP, but the server requires it: expected the same in both"
    )]
    MetadataDeniesDpop,
    /// The metadata says that tokens cannot be bound to client certificates, but the server accepts such tokens.
    #[error(
        "the metadata says that tokens cannot be bound to client certificates, but the server accepts such tokens: expected the same in both"
    )]
    MetadataDeniesCertificates,
    /// The header for the client certificate, or for the proxy's secret, is one that has another meaning. The layer would remove it
    /// from every request.
    #[error(
        "the header {name:?} has another meaning, expected one that holds only the client certificate, or only the secret of the proxy"
    )]
    CertificateHeader {
        /// Its name.
        name: String,
    },
    /// The window around the server's time for DPoP proofs is too short or too long (RFC 9449 §11.1).
    #[error("the window for DPoP proofs is {} s, expected 1 s to 600 s", .value.as_secs_f64())]
    ProofWindow {
        /// The window.
        value: Duration,
    },
    /// No algorithm is accepted for DPoP proofs.
    #[error("no algorithm is accepted for DPoP proofs, expected at least one")]
    NoProofAlgorithm,
    /// The identifier of an issuer is not a URL that leads to its metadata.
    #[error("the issuer {} cannot be discovered: {reason}", shown(.value))]
    Issuer {
        /// The issuer.
        value: String,
        /// What is wrong with it.
        reason: UrlError,
    },
    /// Scopes imply each other in a cycle. The narrowest would then grant as much as the broadest, which is more likely a mistake in
    /// the hierarchy than intended. If one scope has two names, let the one in old tokens imply the other.
    #[error("a scope of the hierarchy implies itself: {}, expected no cycle", cycle(.scopes))]
    ScopeCycle {
        /// The scopes in the cycle. Each implies the next, and the last is the first again.
        scopes: Vec<String>,
    },
    /// The builder trusts no issuer.
    #[error("the server trusts no issuer, expected at least one")]
    NoIssuer,
    /// Two resolvers of tenants are set (feature `tenants`).
    #[error("the server has two resolvers of tenants, expected one")]
    ResolversTwice,
    /// The identifier of an issuer is empty.
    #[error("the identifier of an issuer is empty")]
    EmptyIssuer,
    /// The URL of a key set does not have the required form.
    #[error("the JWKS URL {} cannot be fetched: {reason}", shown(.value))]
    JwksUrl {
        /// The URL.
        value: String,
        /// What is wrong with it.
        reason: UrlError,
    },
    /// The metadata or the keys of an issuer would be fetched over plain http from another machine (RFC 8414 §2).
    #[error("{} would be fetched over plain http, expected https, or insecure_http for a network that you trust", shown(.url))]
    PlainHttp {
        /// The URL.
        url: String,
    },
    /// The settings of an issuer's introspection are not acceptable.
    #[cfg(feature = "introspection")]
    #[error("tokens of the issuer {} cannot be introspected: {reason}", shown(.issuer))]
    Introspection {
        /// The issuer.
        issuer: String,
        /// Why.
        reason: InvalidIntrospection,
    },
    /// One issuer is trusted twice, so it is ambiguous which rules apply.
    #[error("the issuer {} is trusted twice, expected once", shown(.value))]
    DuplicateIssuer {
        /// The issuer.
        value: String,
    },
    /// An argument of a [preset](crate::Issuer#presets) does not have the required form.
    #[error("the {argument} is {}, expected {expected}", shown(.value))]
    Preset {
        /// What the argument is.
        argument: &'static str,
        /// The argument.
        value: String,
        /// The required form.
        expected: &'static str,
    },
    /// The tokens of an issuer are identified by client, but the list of clients is empty.
    #[error("the list of clients of the issuer {} is empty, expected at least one", shown(.issuer))]
    NoClient {
        /// The issuer.
        issuer: String,
    },
    /// The identifier of a client is empty.
    #[error("the identifier of a client of the issuer {} is empty", shown(.issuer))]
    EmptyClient {
        /// The issuer.
        issuer: String,
    },
    /// The list of an issuer's subjects is empty.
    #[error("the list of subjects of the issuer {} is empty, expected at least one", shown(.issuer))]
    NoSubject {
        /// The issuer.
        issuer: String,
    },
    /// The list of an issuer's algorithms is empty.
    #[error("the list of algorithms of the issuer {} is empty, expected at least one", shown(.issuer))]
    NoAlgorithm {
        /// The issuer.
        issuer: String,
    },
    /// The keys of an issuer are fixed, and none of them can be used.
    #[error("none of the fixed keys of the issuer {} can be used, expected at least one usable key{}", shown(.issuer), reasons(.skipped))]
    NoKey {
        /// The issuer.
        issuer: String,
        /// Why each entry of the set cannot be used. An entry for another purpose is not listed.
        skipped: Vec<SkippedJwk>,
    },
    /// The keys of an issuer are to be persisted, but they are not fetched by HTTP.
    #[error("the keys of the issuer {} are to be persisted, but their source does not fetch them by HTTP: expected no file for them", shown(.issuer))]
    NotPersistable {
        /// The issuer.
        issuer: String,
    },
    /// The keys of two issuers are to be persisted in the same file.
    #[error("the file {} is to hold the persisted keys of two issuers, expected one file for each", shown(.value))]
    PersistPathTwice {
        /// The path.
        value: String,
    },
    /// The leeway is more than 60 seconds.
    #[error("the leeway is {} s, expected at most 60 s", .value.as_secs_f64())]
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

impl ConfigError {
    /// Checks that `value`, which identifies `what`, can be meant as an identifier.
    pub(crate) fn check_text(what: &'static str, value: &str) -> Result<(), Self> {
        TextError::check(value).map_err(|reason| Self::Text { what, value: value.to_owned(), reason })
    }

    /// Checks that `value` can be meant as the identifier of an issuer.
    pub(crate) fn check_issuer(value: &str) -> Result<(), Self> {
        TextError::check_issuer(value).map_err(|reason| Self::Text { what: "issuer", value: value.to_owned(), reason })
    }
}

#[cfg(all(feature = "serde", feature = "http-client"))]
impl ConfigError {
    /// The same error about another value.
    pub(crate) fn of_value(mut self, other: &str) -> Self {
        match &mut self {
            Self::Audience { value }
            | Self::Text { value, .. }
            | Self::Realm { value }
            | Self::Resource { value, .. }
            | Self::MetadataScope { value }
            | Self::MetadataProofAlgorithm { value }
            | Self::Issuer { value, .. }
            | Self::JwksUrl { value, .. }
            | Self::PlainHttp { url: value }
            | Self::DuplicateIssuer { value }
            | Self::PersistPathTwice { value }
            | Self::Preset { value, .. }
            | Self::NoClient { issuer: value }
            | Self::EmptyClient { issuer: value }
            | Self::NoSubject { issuer: value }
            | Self::NoAlgorithm { issuer: value }
            | Self::NoKey { issuer: value, .. }
            | Self::NotPersistable { issuer: value } => other.clone_into(value),
            #[cfg(feature = "introspection")]
            Self::Introspection { issuer: value, .. } => other.clone_into(value),
            Self::MetadataAlgorithm
            | Self::MetadataDeniesDpop
            | Self::MetadataDeniesCertificates
            | Self::CertificateHeader { .. }
            | Self::ScopeCycle { .. }
            | Self::NoIssuer
            | Self::ResolversTwice
            | Self::EmptyIssuer
            | Self::Leeway { .. }
            | Self::ProofWindow { .. }
            | Self::NoProofAlgorithm => {}
        }
        self
    }
}

/// The scopes, of which each implies the next.
fn cycle(scopes: &[String]) -> Excerpt {
    scopes.join(" implies ").into()
}

/// The reasons of the first few entries.
fn reasons(skipped: &[SkippedJwk]) -> String {
    skipped.iter().take(3).fold(String::new(), |reasons, skipped| format!("{reasons}; {skipped}"))
}

/// The value in quotation marks.
fn shown(value: &str) -> String {
    format!("{:?}", redact::url(value))
}
