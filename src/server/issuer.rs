use std::fmt;
use std::sync::Arc;

use super::config_error::ConfigError;
use crate::jose::{Algorithm, AlgorithmSet};
use crate::keys::{KeySource, RemoteKeys};

/// An authorization server that is trusted to issue tokens: who it is, where its keys are, what its tokens may look like.
///
/// A token's `iss` is compared with the identifier code point by code point (RFC 9068 §4): nothing is trimmed or
/// normalized. Keys, algorithms and audiences belong to one issuer and are never used for another's tokens.
#[derive(Clone)]
pub struct Issuer {
    pub(super) identifier: Box<str>,
    pub(super) source: Arc<dyn KeySource>,
    pub(super) audiences: Vec<Box<str>>,
    pub(super) algorithms: AlgorithmSet,
}

impl Issuer {
    /// An issuer whose metadata tells where its keys are (OpenID Connect Discovery 1.0, RFC 8414). Nothing is fetched before
    /// the first token needs it.
    ///
    /// # Errors
    ///
    /// If `identifier` is not an https URL without query and fragment. Plain http is allowed for this machine alone:
    /// `localhost`, `127.0.0.0/8` and `[::1]`.
    pub fn discover(identifier: &str) -> Result<Self, ConfigError> {
        let source = RemoteKeys::discover(identifier)
            .map_err(|reason| ConfigError::Issuer { value: identifier.to_owned(), reason })?;
        Self::keys(identifier, source)
    }

    /// An issuer whose keys are at `jwks_url`, whatever its metadata says: for one without metadata, or whose keys are to be
    /// fetched from another host than its own.
    ///
    /// # Errors
    ///
    /// If `jwks_url` is not an https URL, plain http being allowed for this machine alone, or `identifier` is empty.
    pub fn jwks(identifier: &str, jwks_url: &str) -> Result<Self, ConfigError> {
        let source =
            RemoteKeys::at(jwks_url).map_err(|reason| ConfigError::JwksUrl { value: jwks_url.to_owned(), reason })?;
        Self::keys(identifier, source)
    }

    /// An issuer whose keys come from anywhere: a [`JwkSet`](crate::jose::JwkSet) known beforehand, a
    /// [file](crate::keys::KeyFile), a URL asked with [a client of yours](crate::keys::RemoteKeys::client), or any other
    /// [`KeySource`].
    ///
    /// # Errors
    ///
    /// If `identifier` is empty.
    pub fn keys(identifier: &str, source: impl KeySource) -> Result<Self, ConfigError> {
        if identifier.is_empty() {
            return Err(ConfigError::EmptyIssuer);
        }
        Ok(Self {
            identifier: identifier.into(),
            source: Arc::new(source),
            audiences: Vec::new(),
            algorithms: AlgorithmSet::all(),
        })
    }

    /// This issuer's tokens carry `audience` in place of the server's. Called again, either will do.
    ///
    /// Default: the server's audience.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into().into());
        self
    }

    /// The algorithms that this issuer may sign with.
    ///
    /// Default: [all](Algorithm::ALL), for each key narrowed to what its JWK allows; none of them is known to be weak, and
    /// an issuer's next choice should not need a deployment here (RFC 8725 §3.1).
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("identifier", &self.identifier)
            .field("audiences", &self.audiences)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}
