use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config_error::ConfigError;
use super::source::Source;
#[cfg(feature = "introspection")]
use crate::introspection::{ClientAuthentication, Introspection};
use crate::jose::{Algorithm, AlgorithmSet};
use crate::keys::KeySource;
#[cfg(feature = "tenants")]
use crate::keys::UrlError;
#[cfg(feature = "http-client")]
use crate::keys::{Encryption, PersistedKeys, RemoteKeys};
use crate::token::SubjectClaim;
use crate::validation::{Callers, Dialect, Identities, Subjects, UserFlow};

/// An authorization server that is trusted to issue tokens: its identifier, its keys, and the rules for its tokens.
///
/// A token's `iss` is compared with the identifier code point by code point (RFC 9068 §4): nothing is trimmed or
/// normalized. Keys, algorithms and audiences belong to one issuer and are never used for another's tokens.
///
/// Methods named with a verb, such as [`allow_subjects`](Self::allow_subjects), add to earlier settings. Methods named with a noun,
/// such as [`algorithms`](Self::algorithms), replace them.
///
/// # Presets
///
/// [`discover`](Self::discover) fits every issuer that has metadata and issues access tokens as RFC 9068 describes them. For some
/// providers there is a constructor that knows the differences: the location of the keys, the claims that distinguish an access token
/// from the provider's other tokens, and the claim that names the client. A preset adds rules and removes none, except the preset for
/// [dex](Self::dex), whose access tokens have an `at_hash`.
///
/// | provider | `iss` | what else a token must have | the [client](crate::AccessToken::client_id) |
/// |---|---|---|---|
/// | [Keycloak](Self::keycloak) | `{base}/realms/{realm}` | `typ` `Bearer` | `azp` |
/// | [Auth0](Self::auth0) | `https://{domain}/` | | `azp` |
/// | [Microsoft Entra](Self::entra) | `https://login.microsoftonline.com/{tenant}/v2.0` | `tid`, `azp`, a key of that tenant | `azp` |
/// | [… several tenants](Self::entra_tenants) | that of one of the tenants | `tid`, `azp`, a key of that tenant | `azp` |
/// | [… version 1](Self::entra_v1) | `https://sts.windows.net/{tenant}/` | `tid`, `appid` | `appid` |
/// | [Okta](Self::okta) | `https://{domain}/oauth2/{server}` | `cid` | `cid` |
/// | [Amazon Cognito](Self::cognito) | `https://cognito-idp.{region}.amazonaws.com/{pool}` | `token_use` `access`; one of the clients; `aud` is checked only if present | `client_id` |
/// | [Google](Self::google) | `https://accounts.google.com` | one of the subjects | `azp` |
/// | [Zitadel](Self::zitadel) | `https://{domain}` | `jti` | `client_id` or `azp` |
/// | [Kubernetes](Self::kubernetes) | the cluster's | | |
/// | [authentik](Self::authentik) | `{base}/application/o/{slug}/` | `azp` | `azp` |
/// | [AD FS](Self::ad_fs) | `http://{host}/adfs/services/trust` | `appid` | `appid` |
/// | [dex](Self::dex) | dex's | `azp`, `at_hash` | `azp` |
/// | [Ory Hydra](Self::hydra) | Hydra's | `client_id` | `client_id` |
/// | [Microsoft Entra External ID](Self::entra_external) | `https://{tenant}.ciamlogin.com/{tenant}/v2.0` | `tid`, `azp`, a key of that tenant | `azp` |
/// | [Azure AD B2C](Self::azure_b2c) | `https://{domain}/{tenant}/v2.0/` | `tfp` or `acr` is the policy; `azp` | `azp` |
/// | [GitHub Actions](Self::github_actions) | `https://token.actions.githubusercontent.com` | one of the repositories in `repository_id` | |
/// | [… other issuers](Self::github_actions_enterprise) | the enterprise's | one of the repositories in `repository_id` | |
/// | [Cloudflare Access](Self::cloudflare_access) | `https://{domain}` | `type` `app` | `common_name` |
/// | [Google IAP](Self::google_iap) | `https://cloud.google.com/iap` | | |
/// | [Firebase](Self::firebase) | `https://securetoken.google.com/{project}` | `firebase`, and the project in `aud` | |
/// | [Supabase](Self::supabase) | `https://{project}.supabase.co/auth/v1` | `session_id`, and `authenticated` in `aud` | `client_id` |
/// | [… self-hosted](Self::supabase_self_hosted) | the server's | `session_id`, and `authenticated` in `aud` | `client_id` |
/// | [SPIFFE](Self::spiffe) | not needed | a subject of the trust domain | |
#[derive(Clone)]
pub struct Issuer {
    pub(crate) identities: Identities,
    pub(crate) source: Source,
    /// Whether the source may fetch over plain http.
    pub(crate) insecure_http: bool,
    /// Where the keys of the source are persisted, whatever it says itself.
    pub(crate) persist_keys: Option<PathBuf>,
    pub(crate) audiences: Vec<Box<str>>,
    /// The audience where none is named, in place of the server's.
    pub(crate) default_audience: Option<Box<str>>,
    /// The clients by which tokens are identified, if they need no audience.
    pub(crate) clients: Option<Vec<Box<str>>>,
    pub(crate) subject: SubjectClaim,
    pub(crate) subjects: Subjects,
    pub(crate) callers: Option<Callers>,
    pub(crate) user_flow: Option<UserFlow>,
    pub(crate) dialect: Dialect,
    pub(crate) algorithms: AlgorithmSet,
    #[cfg(feature = "introspection")]
    pub(crate) introspection: Option<Arc<Introspection>>,
}

impl Issuer {
    /// An issuer whose metadata names the location of its keys (OpenID Connect Discovery 1.0, RFC 8414). Nothing is fetched
    /// before the first token needs it.
    ///
    /// # Errors
    ///
    /// If `identifier` is not an https URL without a query or a fragment, or contains a placeholder or another
    /// [leftover](crate::server::TextError). Plain http is allowed only for this machine: `localhost`, `127.0.0.0/8` and `[::1]`. For
    /// other hosts, building the server fails unless [`insecure_http`](Self::insecure_http) allows it.
    #[cfg(feature = "http-client")]
    pub fn discover(identifier: &str) -> Result<Self, ConfigError> {
        // An identifier with a placeholder may not be a URL either.
        ConfigError::check_issuer(identifier)?;
        let keys = RemoteKeys::discovered(identifier, Encryption::Optional)
            .map_err(|reason| ConfigError::Issuer { value: identifier.to_owned(), reason })?;
        Self::remote(identifier, keys)
    }

    /// An issuer whose keys are at `jwks_url`, whatever its metadata says: for an issuer without metadata, or one whose keys are on a
    /// host other than its own.
    ///
    /// # Errors
    ///
    /// If `jwks_url` is not an https URL, or `identifier` is not acceptable to [`keys`](Self::keys). Plain http is treated as in
    /// [`discover`](Self::discover).
    #[cfg(feature = "http-client")]
    pub fn jwks(identifier: &str, jwks_url: &str) -> Result<Self, ConfigError> {
        ConfigError::check_text("JWKS URL", jwks_url)?;
        let keys = RemoteKeys::at_url(jwks_url, Encryption::Optional)
            .map_err(|reason| ConfigError::JwksUrl { value: jwks_url.to_owned(), reason })?;
        Self::remote(identifier, keys)
    }

    /// An issuer whose keys come from any source: a fixed [`JwkSet`](crate::jose::JwkSet), a [file](crate::keys::KeyFile), a URL
    /// that is fetched with [your own client](crate::keys::RemoteKeys::client), or your own [`KeySource`].
    ///
    /// # Errors
    ///
    /// If `identifier` is blank, quoted, or contains a placeholder or another [leftover](crate::server::TextError).
    pub fn keys(identifier: &str, source: impl KeySource) -> Result<Self, ConfigError> {
        Self::identified(identifier, Source::of(source))
    }

    /// An issuer whose tokens are opaque, or whose JWTs are to be introspected: its introspection endpoint is asked about each new
    /// token (RFC 7662), and the answer is used for at most 60 seconds.
    ///
    /// The endpoint is found through the issuer's metadata. For other settings, see [`introspect`](Self::introspect).
    ///
    /// ```
    /// use tower_bearer::introspection::{ClientAuthentication, Secret};
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// # let folder = std::env::temp_dir().join("tower-bearer-doc-introspection");
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("secret");
    /// # std::fs::write(&path, "gX1fBat3bV")?;
    /// let secret = Secret::from_file(path)?;
    /// let authentication = ClientAuthentication::client_secret_basic("shop-api", secret)?;
    /// let api = ResourceServer::builder("https://api.example.com")
    ///     .trust(Issuer::introspection("https://login.example.com", authentication)?)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `identifier` is not an https URL without a query or a fragment; http is allowed only for this machine.
    #[cfg(feature = "introspection")]
    pub fn introspection(identifier: &str, authentication: ClientAuthentication) -> Result<Self, ConfigError> {
        let issuer = Self::discover(identifier)?;
        let introspection = Introspection::discover(identifier, authentication)
            .map_err(|reason| ConfigError::Issuer { value: identifier.to_owned(), reason })?;
        Ok(issuer.introspect(introspection))
    }

    /// Introspects this issuer's tokens with these settings, instead of verifying their signatures.
    ///
    /// The issuer's rules still apply: audience, times, subject, and those of its preset. Its keys are used only for [signed
    /// answers](Introspection::signed_answers), and are otherwise not fetched.
    #[cfg(feature = "introspection")]
    #[must_use]
    pub fn introspect(mut self, introspection: Introspection) -> Self {
        self.introspection = Some(Arc::new(introspection));
        self
    }

    #[cfg(feature = "http-client")]
    fn remote(identifier: &str, keys: RemoteKeys) -> Result<Self, ConfigError> {
        Self::identified(identifier, Source::from(keys))
    }

    fn identified(identifier: &str, source: Source) -> Result<Self, ConfigError> {
        if identifier.is_empty() {
            return Err(ConfigError::EmptyIssuer);
        }
        ConfigError::check_issuer(identifier)?;
        Ok(Self::new(Identities::one(identifier), source))
    }

    pub(crate) fn new(identities: Identities, source: Source) -> Self {
        Self {
            identities,
            source,
            insecure_http: false,
            persist_keys: None,
            audiences: Vec::new(),
            default_audience: None,
            clients: None,
            subject: SubjectClaim::default(),
            subjects: Subjects::Any,
            callers: None,
            user_flow: None,
            dialect: Dialect::default(),
            algorithms: AlgorithmSet::all(),
            #[cfg(feature = "introspection")]
            introspection: None,
        }
    }

    /// Takes this issuer's keys from another source. The identifier and the rules stay the same.
    ///
    /// Use it for keys that must be fetched from an internal host name, through a proxy, with a private root certificate, or with
    /// extra headers:
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
    /// Default: the source that the constructor sets.
    #[must_use]
    pub fn keys_from(mut self, source: impl KeySource) -> Self {
        self.source = Source::of(source);
        self
    }

    /// Allows this issuer's metadata and keys to be fetched over plain http from another machine: for an issuer inside a cluster or a
    /// Docker Compose network.
    ///
    /// Anyone on the network path can then replace the keys and forge tokens of this issuer. The first fetch logs a warning. This
    /// setting applies to the URLs of the constructor. For a [source](Self::keys_from) of your own, use
    /// [`RemoteKeys::insecure_http_at`](crate::keys::RemoteKeys::insecure_http_at).
    ///
    /// ```
    /// use tower_bearer::Issuer;
    ///
    /// let issuer = Issuer::keycloak("http://keycloak:8080", "shop")?.insecure_http();
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// Default: with plain http from another machine, building the server fails with [`ConfigError::PlainHttp`] (RFC 8414 §2).
    #[cfg(feature = "http-client")]
    #[must_use]
    pub fn insecure_http(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// Keeps the last good keys of this issuer in the file at `path`, so that they survive a restart of the process while the issuer is
    /// down. [`RemoteKeys::persist`] documents how long they are used, and who may write the file.
    ///
    /// ```
    /// use tower_bearer::Issuer;
    ///
    /// let issuer = Issuer::discover("https://login.example.com")?.persist_keys("/var/lib/shop/login.json");
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// The keys must be fetched by HTTP, as with every constructor but [`keys`](Self::keys), or come from `RemoteKeys`. With any other
    /// source, building the server fails with [`ConfigError::NotPersistable`].
    ///
    /// Default: keys are held in memory only.
    #[cfg(feature = "http-client")]
    #[must_use]
    pub fn persist_keys(mut self, path: impl Into<PathBuf>) -> Self {
        self.persist_keys = Some(path.into());
        self
    }

    /// Where the keys are persisted.
    pub(crate) fn persisted_at(&self) -> Option<&Path> {
        self.persist_keys.as_deref().or_else(|| self.source.persisted_at())
    }

    /// What the URL of the keys or of the metadata points to, if that is this machine or its link.
    #[cfg(feature = "tenants")]
    pub(crate) fn local_address(&self) -> Option<UrlError> {
        self.source.local_address()
    }

    /// Whether the keys of both come from the same source, and are persisted in the same file.
    pub(crate) fn has_keys_of(&self, other: &Self) -> bool {
        self.source.is_like(&other.source) && self.persist_keys == other.persist_keys
    }

    /// The source of the keys, with its file.
    pub(crate) fn key_source(&self) -> Arc<dyn KeySource> {
        match (&self.source, &self.persist_keys) {
            #[cfg(feature = "http-client")]
            (Source::Remote(keys), Some(path)) => Arc::new(PersistedKeys::new(Arc::clone(keys), path.clone())),
            (source, _) => source.clone().into(),
        }
    }

    /// Accepts tokens of this issuer for one of `audiences` in place of the server's audience. To accept the server's too, list it. If this
    /// method is called again, the last list wins.
    ///
    /// Default, and for an empty list: the server's audience or, for [Firebase](Self::firebase) and [Supabase](Self::supabase), the one that the
    /// preset knows.
    #[must_use]
    pub fn audiences<A: Into<String>>(mut self, audiences: impl IntoIterator<Item = A>) -> Self {
        self.audiences = audiences.into_iter().map(|audience| audience.into().into()).collect();
        self
    }

    /// Identifies this issuer's tokens by the client that they were issued to, instead of an audience: for an issuer that sends no
    /// `aud` or an empty one, as [Amazon Cognito](Self::cognito) does and [Ory Hydra](Self::hydra) may.
    ///
    /// - A token must be issued to one of `clients`. Tokens of all other clients are refused, whatever their `aud`.
    /// - A token without `aud` is accepted. A token with `aud` must still name this server. The [strict
    ///   profile](crate::validation::Profile::Rfc9068) always requires an `aud`.
    ///
    /// This is weaker than an audience: these clients can use here any token that they get from the issuer, whatever it is for. The
    /// list is checked after the signature, so that unsigned tokens do not reveal it. Call this method again to add clients.
    ///
    /// ```
    /// use tower_bearer::Issuer;
    ///
    /// let hydra = Issuer::hydra("https://hydra.example.com/")?
    ///     .identify_by_client(["shop-web", "shop-app"]);
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// Default: `aud` is required, and any client is accepted.
    #[must_use]
    pub fn identify_by_client(mut self, clients: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.clients.get_or_insert_default().extend(clients.into_iter().map(|client| client.into().into()));
        self
    }

    /// Accepts tokens of this issuer without `sub`, and uses the [client](crate::AccessToken::client_id) as their subject: for an
    /// issuer that omits `sub`, or writes an empty one or null, when a client gets a token for itself (client credentials). Duende
    /// `IdentityServer` and the service tokens of Cloudflare Access are examples.
    ///
    /// - A token with neither a `sub` nor a client is refused.
    /// - [`AccessToken::is_client`](crate::AccessToken::is_client) is true for such a token. If data is keyed by the subject, add this
    ///   to the key, unless the issuer never gives a user the identifier of a client as `sub` (RFC 9068 §5, RFC 9700 §4.15).
    /// - The [strict profile](crate::validation::Profile::Rfc9068) always requires a `sub`.
    /// - Some issuers also omit `sub` from users' tokens: AD FS unless a rule issues it, and Keycloak in lightweight access tokens.
    ///   With these, use this only if every user's token has a `sub`. Otherwise all users of a client would be one subject.
    /// - If the introspection answer for an opaque token has no `sub` but a `username` (RFC 7662 §2.2), the token is a user's, and is
    ///   refused.
    /// - [`allow_subjects`](Self::allow_subjects) then compares the client of such a token.
    ///
    /// ```
    /// use tower_bearer::Issuer;
    ///
    /// let duende = Issuer::discover("https://login.example.com")?.client_as_subject();
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// Default: a token without `sub` is refused (RFC 9068 §2.2).
    #[must_use]
    pub fn client_as_subject(mut self) -> Self {
        self.subject = SubjectClaim::ClientInstead;
        self
    }

    /// Accepts only tokens with one of these subjects (`sub`): for an issuer that issues tokens to more subjects than may call
    /// this server, such as [Google](Self::google) or a [cluster](Self::kubernetes). Other tokens get 401. Call it again to add
    /// subjects. The list is checked after the signature, so that unsigned tokens do not reveal it.
    ///
    /// Default: any subject.
    #[must_use]
    pub fn allow_subjects(mut self, subjects: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let more = subjects.into_iter().map(|subject| subject.into().into());
        match &mut self.subjects {
            Subjects::Any => self.subjects = Subjects::Listed(more.collect()),
            Subjects::Listed(listed) => listed.extend(more),
        }
        self
    }

    /// Sets the algorithms that this issuer may sign with.
    ///
    /// Default: [all](Algorithm::ALL), for each key restricted to what its JWK allows. None of them is known to be weak, and an
    /// issuer that changes its algorithm should not need a deployment here (RFC 8725 §3.1).
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut issuer = f.debug_struct("Issuer");
        issuer
            .field("identifiers", &self.identities)
            .field("keys", &self.source)
            .field("persist_keys", &self.persist_keys)
            .field("audiences", &self.audiences)
            .field("clients", &self.clients.as_ref().map(Vec::len))
            .field("algorithms", &self.algorithms);
        #[cfg(feature = "introspection")]
        if let Some(introspection) = &self.introspection {
            issuer.field("introspection", introspection);
        }
        issuer.finish_non_exhaustive()
    }
}
