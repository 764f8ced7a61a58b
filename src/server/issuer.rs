use std::fmt;
use std::sync::Arc;

use super::config_error::ConfigError;
use super::text_error::check_issuer;
#[cfg(feature = "http-client")]
use super::text_error::check_text;
use crate::jose::{Algorithm, AlgorithmSet};
use crate::keys::KeySource;
#[cfg(feature = "http-client")]
use crate::keys::RemoteKeys;
use crate::token::{Dialect, Identities, Subjects};

/// An authorization server that is trusted to issue tokens: who it is, where its keys are, what its tokens may look like.
///
/// A token's `iss` is compared with the identifier code point by code point (RFC 9068 §4): nothing is trimmed or
/// normalized. Keys, algorithms and audiences belong to one issuer and are never used for another's tokens.
///
/// # Presets
///
/// [`discover`](Self::discover) fits every issuer that has metadata and sends access tokens as RFC 9068 describes them. For
/// some providers there is a constructor that knows what differs: where the keys are, what else tells an access token from
/// the provider's other tokens, where the client is named. A preset adds rules and takes none away.
///
/// | provider | `iss` | what else a token must have | the [client](crate::AccessToken::client_id) |
/// |---|---|---|---|
/// | [Keycloak](Self::keycloak) | `{base}/realms/{realm}` | `typ` `Bearer` | `azp` |
/// | [Auth0](Self::auth0) | `https://{domain}/` | | `azp` |
/// | [Microsoft Entra](Self::entra) | `https://login.microsoftonline.com/{tenant}/v2.0` | `tid`, `azp`, a key of that tenant | `azp` |
/// | [… several tenants](Self::entra_tenants) | one of as many | `tid`, `azp`, a key of that tenant | `azp` |
/// | [… version 1](Self::entra_v1) | `https://sts.windows.net/{tenant}/` | `tid`, `appid` | `appid` |
/// | [Okta](Self::okta) | `https://{domain}/oauth2/{server}` | `cid` | `cid` |
/// | [Amazon Cognito](Self::cognito) | `https://cognito-idp.{region}.amazonaws.com/{pool}` | `token_use` `access`; one of the clients, and `aud` only if it is there | `client_id` |
/// | [Google](Self::google) | `https://accounts.google.com` | one of the subjects | `azp` |
/// | [Zitadel](Self::zitadel) | `https://{domain}` | `jti` | `client_id` or `azp` |
/// | [Kubernetes](Self::kubernetes) | the cluster's | | |
#[derive(Clone)]
pub struct Issuer {
    pub(super) identities: Identities,
    pub(super) source: Source,
    pub(super) audiences: Vec<Box<str>>,
    /// Whose tokens need no audience.
    pub(super) clients: Option<Vec<Box<str>>>,
    pub(super) subjects: Subjects,
    pub(super) dialect: Dialect,
    pub(super) algorithms: AlgorithmSet,
}

impl Issuer {
    /// An issuer whose metadata tells where its keys are (OpenID Connect Discovery 1.0, RFC 8414). Nothing is fetched before
    /// the first token needs it.
    ///
    /// # Errors
    ///
    /// If `identifier` is not an https URL without query and fragment. Plain http is allowed for this machine alone:
    /// `localhost`, `127.0.0.0/8` and `[::1]`. Or if it has a placeholder in it, as
    /// [`TextError`](crate::server::TextError) says.
    #[cfg(feature = "http-client")]
    pub fn discover(identifier: &str) -> Result<Self, ConfigError> {
        let keys = RemoteKeys::discover(identifier)
            .map_err(|reason| ConfigError::Issuer { value: identifier.to_owned(), reason })?;
        Self::remote(identifier, keys)
    }

    /// An issuer whose keys are at `jwks_url`, whatever its metadata says: for one without metadata, or whose keys are to be
    /// fetched from another host than its own.
    ///
    /// # Errors
    ///
    /// If `jwks_url` is not an https URL, plain http being allowed for this machine alone, or if `identifier` is none: see
    /// [`keys`](Self::keys).
    #[cfg(feature = "http-client")]
    pub fn jwks(identifier: &str, jwks_url: &str) -> Result<Self, ConfigError> {
        let keys =
            RemoteKeys::at(jwks_url).map_err(|reason| ConfigError::JwksUrl { value: jwks_url.to_owned(), reason })?;
        check_text("JWKS URL", jwks_url)?;
        Self::remote(identifier, keys)
    }

    /// An issuer whose keys come from anywhere: a [`JwkSet`](crate::jose::JwkSet) known beforehand, a
    /// [file](crate::keys::KeyFile), a URL asked with [a client of yours](crate::keys::RemoteKeys::client), or any other
    /// [`KeySource`].
    ///
    /// # Errors
    ///
    /// If `identifier` is blank, quoted or has a placeholder in it, as [`TextError`](crate::server::TextError) says.
    pub fn keys(identifier: &str, source: impl KeySource) -> Result<Self, ConfigError> {
        Self::identified(identifier, Source::Other(Arc::new(source)))
    }

    #[cfg(feature = "http-client")]
    fn remote(identifier: &str, keys: RemoteKeys) -> Result<Self, ConfigError> {
        Self::identified(identifier, Source::from(keys))
    }

    fn identified(identifier: &str, source: Source) -> Result<Self, ConfigError> {
        if identifier.is_empty() {
            return Err(ConfigError::EmptyIssuer);
        }
        check_issuer(identifier)?;
        Ok(Self::new(Identities::one(identifier), source))
    }

    pub(super) fn new(identities: Identities, source: Source) -> Self {
        Self {
            identities,
            source,
            audiences: Vec::new(),
            clients: None,
            subjects: Subjects::Any,
            dialect: Dialect::default(),
            algorithms: AlgorithmSet::all(),
        }
    }

    /// Takes this issuer's keys from somewhere else. Who the issuer is and what its tokens must be stays as it was.
    ///
    /// For keys that are reached by an internal name, through a proxy, with a private root certificate or with headers:
    ///
    /// ```
    /// use tower_bearer::Issuer;
    /// use tower_bearer::keys::RemoteKeys;
    ///
    /// let internal = "https://keycloak.internal:8443/realms/shop/protocol/openid-connect/certs";
    /// let issuer = Issuer::keycloak("https://id.example.com", "shop")?.keys_from(RemoteKeys::at(internal)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Default: where the constructor says.
    #[must_use]
    pub fn keys_from(mut self, source: impl KeySource) -> Self {
        self.source = Source::Other(Arc::new(source));
        self
    }

    /// This issuer's tokens carry `audience` in place of the server's. Called again, either will do.
    ///
    /// Default: the server's audience.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into().into());
        self
    }

    /// Tokens that were issued to one of these clients need no `aud`: for an issuer that sends none, or an empty one, so that
    /// only the client says whose tokens they are. [Amazon Cognito](Self::cognito) is one, Ory Hydra may be.
    ///
    /// This is weaker than an audience, because whatever else these clients get tokens for, they can use here. Tokens of all
    /// other clients are refused, whatever their `aud`; and one that has an `aud` must name this server all the same. The
    /// [strict profile](crate::token::Profile::Rfc9068) needs an `aud` in any case. Called again, either client will do. The list
    /// is checked after the signature, so that unsigned tokens do not tell who is on it.
    ///
    /// ```
    /// use tower_bearer::Issuer;
    ///
    /// let hydra = Issuer::discover("https://hydra.example.com/")?
    ///     .clients_instead_of_audience(["shop-web", "shop-app"]);
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// Default: `aud` is required, and any client will do.
    #[must_use]
    pub fn clients_instead_of_audience(mut self, clients: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.clients.get_or_insert_default().extend(clients.into_iter().map(|client| client.into().into()));
        self
    }

    /// Only tokens with one of these subjects (`sub`) are let in: for an issuer that vouches for more than may come here, such
    /// as [Google](Self::google) or a [cluster](Self::kubernetes). Others get 401. Called again, either subject will do.
    /// The list is checked after the signature, so that unsigned tokens do not tell who is on it.
    ///
    /// Default: any subject.
    #[must_use]
    pub fn subjects(mut self, subjects: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let more = subjects.into_iter().map(|subject| subject.into().into());
        match &mut self.subjects {
            Subjects::Any => self.subjects = Subjects::These(more.collect()),
            Subjects::These(these) => these.extend(more),
        }
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
            .field("identifiers", &self.identities)
            .field("keys", &self.source)
            .field("audiences", &self.audiences)
            .field("clients", &self.clients.as_ref().map(Vec::len))
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// Where an issuer's keys come from. What this crate fetches by itself can be shown.
#[derive(Clone)]
pub(super) enum Source {
    #[cfg(feature = "http-client")]
    Remote(Arc<RemoteKeys>),
    Other(Arc<dyn KeySource>),
}

#[cfg(feature = "http-client")]
impl From<RemoteKeys> for Source {
    fn from(keys: RemoteKeys) -> Self {
        Self::Remote(Arc::new(keys))
    }
}

impl From<Source> for Arc<dyn KeySource> {
    fn from(source: Source) -> Self {
        match source {
            #[cfg(feature = "http-client")]
            Source::Remote(keys) => keys,
            Source::Other(source) => source,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "http-client")]
            Self::Remote(keys) => keys.fmt(f),
            Self::Other(_) => f.write_str("KeySource"),
        }
    }
}
