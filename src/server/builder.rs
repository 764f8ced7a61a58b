use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::claims_extension::ClaimsExtension;
use super::refusal_hook::RefusalHook;
use crate::binding::certificate::ClientCertificates;
use crate::binding::dpop::Dpop;
use crate::clock::{Clock, SystemClock};
use crate::metadata::Metadata;
use crate::rejection::Refusal;
use crate::revocation::Revocations;
#[cfg(feature = "tenants")]
use crate::tenants::TenantSettings;
use crate::token::ScopeHierarchy;
use crate::validation::{Profile, TokenCache};
use crate::{Issuer, ResourceServer};

/// The default leeway.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

impl ResourceServer {
    /// Starts building a server whose tokens have `audience` in `aud`: the identifier by which issuers know this server, such as the URL of its
    /// API (RFC 9068 §4, RFC 8707 §2).
    ///
    /// The audience has no default: a server that accepts tokens for any audience accepts tokens that are meant for another server.
    pub fn builder(audience: impl Into<String>) -> Builder {
        Builder::new(audience.into())
    }
}

/// Builds a [`ResourceServer`]. At least one issuer has to be [trusted](Self::trust), either on this builder or at run time.
///
/// Methods named with a verb, such as [`trust`](Self::trust), add to earlier settings. Methods named with a noun, such as
/// [`realm`](Self::realm), replace them.
#[must_use]
pub struct Builder {
    pub(super) audience: String,
    pub(super) realm: Option<String>,
    pub(super) issuers: Vec<Issuer>,
    #[cfg(feature = "tenants")]
    pub(super) tenants: Vec<TenantSettings>,
    pub(super) profile: Profile,
    pub(super) leeway: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) claims: Option<ClaimsExtension>,
    pub(super) metadata: Option<Metadata>,
    pub(super) token_cache: TokenCache,
    pub(super) dpop: Option<Dpop>,
    pub(super) client_certificates: Option<ClientCertificates>,
    pub(super) scope_hierarchy: ScopeHierarchy,
    pub(super) revocations: Option<Revocations>,
    pub(super) on_refusal: Option<RefusalHook>,
}

impl Builder {
    fn new(audience: String) -> Self {
        Self {
            audience,
            realm: None,
            issuers: Vec::new(),
            #[cfg(feature = "tenants")]
            tenants: Vec::new(),
            profile: Profile::default(),
            leeway: DEFAULT_LEEWAY,
            clock: Arc::new(SystemClock),
            claims: None,
            metadata: None,
            token_cache: TokenCache::default(),
            dpop: None,
            client_certificates: None,
            scope_hierarchy: ScopeHierarchy::new(),
            revocations: None,
            on_refusal: None,
        }
    }

    /// Accepts tokens of `issuer`. Call it again to trust others too: each has its own keys, audiences and algorithms.
    pub fn trust(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Accepts tokens of all these issuers: see [`trust`](Self::trust).
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let issuers = ["https://login.example.com", "https://id.example.org"];
    /// let issuers = issuers.into_iter().map(Issuer::discover).collect::<Result<Vec<_>, _>>()?;
    /// let api = ResourceServer::builder("https://api.example.com").trust_all(issuers).build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    pub fn trust_all(mut self, issuers: impl IntoIterator<Item = Issuer>) -> Self {
        self.issuers.extend(issuers);
        self
    }

    /// Accepts tokens of issuers that are known only at run time: a [resolver](crate::tenants::TenantResolver) returns them. Issuers added with
    /// [`trust`](Self::trust) take precedence, but none is needed.
    ///
    /// It takes a resolver, or [`TenantSettings`] with a resolver. Call it only once.
    ///
    /// ```
    /// # use tower_bearer::tenants::{ResolveError, from_fn};
    /// # use tower_bearer::{Issuer, ResourceServer};
    /// # async fn is_customer(iss: &str) -> Result<bool, ResolveError> { Ok(iss.len() > 8) }
    /// let resolver = from_fn(|iss: String| async move {
    ///     if !is_customer(&iss).await? { return Ok(None) }
    ///     Issuer::discover(&iss).map(Some).map_err(ResolveError::new)
    /// });
    /// let api = ResourceServer::builder("https://api.example.com").trust_resolved(resolver).build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// Default: only the issuers added with [`trust`](Self::trust).
    #[cfg(feature = "tenants")]
    pub fn trust_resolved(mut self, tenants: impl Into<TenantSettings>) -> Self {
        self.tenants.push(tenants.into());
        self
    }

    /// Sets the `realm` of every challenge: what the user is asked to authenticate for (RFC 9110 §11.5).
    ///
    /// Default: the audience, because a challenge needs at least one parameter (RFC 6750 §3).
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Sets how closely tokens must follow RFC 9068.
    ///
    /// Default: [`Profile::Generic`], because most issuers do not follow RFC 9068 yet. Then it is the audience that keeps ID tokens out, so use
    /// an audience that is not the identifier of a client.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets how far issuers' clocks may differ from this server's, for `exp`, `nbf`, `iat` and `auth_time`: at most 60 seconds.
    ///
    /// Default: 30 seconds. Clocks that are synchronized with NTP never need that much; others often do.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the source of time.
    ///
    /// Default: the system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The clock that the previous server also uses.
    #[cfg(feature = "serde")]
    pub(crate) fn shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the [metadata document](crate::metadata) of this server. Every challenge names its URL in `resource_metadata` (RFC 9728 §5.1). The
    /// application has to serve it there: see [`ResourceServer::metadata`].
    ///
    /// Default: none, because a challenge should not name a document that is not served.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Also parses the claims of every token as a `T`, and passes them on as [`Claims<T>`](crate::Claims). A token whose claims do not parse as
    /// a `T` is refused with 401 `invalid_token` before it reaches a handler.
    ///
    /// Default: off.
    pub fn claims<T: DeserializeOwned + Send + Sync + 'static>(mut self) -> Self {
        self.claims = Some(ClaimsExtension::of::<T>());
        self
    }

    /// Sets the size of the cache of verified tokens, which saves verifying a signature for every request.
    ///
    /// Default: [on](TokenCache::default), with at most 10,000 tokens and 16 MiB. The cache never causes a token to be accepted that would be
    /// refused without it: see [`TokenCache`].
    pub fn token_cache(mut self, token_cache: TokenCache) -> Self {
        self.token_cache = token_cache;
        self
    }

    /// Accepts tokens that are bound to a key of the client, with a proof in each request (RFC 9449): see [`Dpop`].
    ///
    /// A server has one public URL. Layers on both sides of a router that strips a path need separate servers.
    ///
    /// Default: off. A token that is bound to a key is then refused with 401 `invalid_token`, because nothing proves who sends it.
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// Accepts tokens that are bound to a client certificate, by mutual TLS (RFC 8705 §3): see [`ClientCertificates`].
    ///
    /// If [`dpop`](Self::dpop) is also set, a token bound in both ways needs both the proof and the certificate.
    ///
    /// Default: off. A token that is bound to a certificate is then refused with 401 `invalid_token`, because nothing proves whose connection
    /// it is.
    pub fn client_certificates(mut self, certificates: ClientCertificates) -> Self {
        self.client_certificates = Some(certificates);
        self
    }

    /// Sets which scopes imply others, for all tokens and all challenges of this server: see [`ScopeHierarchy`].
    ///
    /// If `files` implies `files:read`, a token that grants `files` satisfies `Require::scope("files:read")`. The scope of a token is expanded
    /// once, when the token is validated. A cached token keeps the expanded scope, which adds to its memory ([`TokenCache::bytes`]).
    ///
    /// Default: no scope implies another, because RFC 6749 §3.3 gives scope names no meaning.
    pub fn scope_hierarchy(mut self, hierarchy: ScopeHierarchy) -> Self {
        self.scope_hierarchy = hierarchy;
        self
    }

    /// Refuses tokens that are [revoked](crate::revocation), from the next request on.
    ///
    /// Keep a clone of `revocations` to revoke tokens. A JWT that lives longer than the handle's [`max_token_life`](Revocations::new), or has
    /// no `iat`, is refused with 401 `invalid_token`.
    ///
    /// Default: a token is valid until it expires.
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Sets a callback that runs for each refused request, for an audit log or a rate limit. It receives only constants and the issuer of a
    /// valid token: see [`Refusal`].
    ///
    /// ```
    /// # use tower_bearer::{Issuer, ResourceServer};
    /// let api = ResourceServer::builder("https://api.example.com")
    ///     .trust(Issuer::discover("https://login.example.com")?)
    ///     .on_refusal(|refusal| {
    ///         let (kind, reason) = (refusal.kind().name(), refusal.reason());
    ///         tracing::info!(target: "audit", kind, reason, issuer = refusal.issuer(), "request refused");
    ///     })
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// It is called once for each request
    ///
    /// - that a [layer](ResourceServer::layer) of this server answers with a refusal: its own, or one from inside the layer, by a
    ///   [`Require`](crate::Require), an extractor, `mcp::Operations`, or a handler that returns a [`Rejection`](crate::Rejection). If layers
    ///   are nested, only the innermost layer around the source of the refusal calls it;
    /// - that [`verify_request`](ResourceServer::verify_request) refuses.
    ///
    /// It is not called for an accepted request, for [`verify`](ResourceServer::verify), which has no request, for
    /// [`check`](ResourceServer::check), whose error a handler need not return, or for a refusal outside a layer.
    ///
    /// It runs on the request's task and within its [span](crate::layer#tracing), before the answer is created. It must be quick and must not
    /// block. It cannot change the answer: if it panics, the request is still refused, and an error is logged. With `panic = "abort"`, a panic
    /// ends the process.
    ///
    /// A server that follows its configuration file keeps the callback when the file changes, [if it is set in the right
    /// place](crate::manual::observability#refusals). If `on_refusal` is called again, the last call wins.
    ///
    /// Default: no callback. Each refusal is [logged](crate::manual::observability#logs) at debug level.
    pub fn on_refusal(mut self, hook: impl Fn(&Refusal<'_>) + Send + Sync + 'static) -> Self {
        self.on_refusal = Some(RefusalHook::new(hook));
        self
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("audience", &self.audience)
            .field("issuers", &self.issuers)
            .field("profile", &self.profile)
            .field("leeway", &self.leeway)
            .field("dpop", &self.dpop)
            .field("client_certificates", &self.client_certificates)
            .field("scope_hierarchy", &self.scope_hierarchy)
            .field("revocations", &self.revocations)
            .finish_non_exhaustive()
    }
}
