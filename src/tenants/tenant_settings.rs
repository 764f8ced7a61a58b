use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::invalid_issuer_pattern::InvalidIssuerPattern;
use super::issuer_pattern::IssuerPattern;
use super::resolver::TenantResolver;
use super::tenant_request::TenantRequest;
#[cfg(feature = "http-client")]
use super::{ResolveError, from_fn};
#[cfg(feature = "http-client")]
use crate::Issuer;
use crate::keys::Encryption;
use crate::token::TenantValue;

/// The default of [`TenantSettings::max_tenants`].
const DEFAULT_MAX_TENANTS: u64 = 1000;
/// The default of [`TenantSettings::idle_after`].
const DEFAULT_IDLE_AFTER: Duration = Duration::from_secs(60 * 60);
/// The minimum of [`TenantSettings::idle_after`], in which the table looks for idle tenants a few times, and of
/// [`TenantSettings::resolve_again_after`], so that the calls of the resolver stay few.
const MINUTE: Duration = Duration::from_secs(60);

/// How a server trusts issuers that are known only at run time: who resolves them, which `iss` is possible, and how many are kept.
///
/// ```
/// # use tower_bearer::tenants::{ResolveError, ResolvedTenant, TenantSettings, from_fn};
/// # use tower_bearer::{Issuer, ResourceServer};
/// # struct Customer { host: String }
/// # async fn find(iss: &str) -> Result<Option<Customer>, ResolveError> { Ok(None) }
/// let resolver = from_fn(|iss: String| async move {
///     let Some(customer) = find(&iss).await? else { return Ok(None) };
///     let issuer = Issuer::discover(&iss).map_err(ResolveError::new)?;
///     Ok(Some(ResolvedTenant::new(issuer).value(customer)))
/// });
/// let tenants = TenantSettings::new(resolver)
///     .issuer_pattern("https://login.example.com/{tenant}")?
///     .max_tenants(5000)
///     .check(|request, customer: &Customer| request.is_host(&customer.host));
/// let api = ResourceServer::builder("https://api.example.com").trust_resolved(tenants).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct TenantSettings {
    pub(super) resolver: Arc<dyn TenantResolver>,
    pub(super) patterns: Vec<IssuerPattern>,
    pub(super) max_tenants: u64,
    pub(super) idle_after: Duration,
    pub(super) resolve_again_after: Option<Duration>,
    pub(super) check: Option<Check>,
}

/// Whether the tenant fits the request; `None` if there is no value of the type that is checked.
pub(super) type Check = Arc<dyn Fn(TenantRequest<'_>, &TenantValue) -> Option<bool> + Send + Sync>;

impl TenantSettings {
    /// Trusts the issuers that `resolver` knows.
    pub fn new(resolver: impl TenantResolver) -> Self {
        Self {
            resolver: Arc::new(resolver),
            patterns: Vec::new(),
            max_tenants: DEFAULT_MAX_TENANTS,
            idle_after: DEFAULT_IDLE_AFTER,
            resolve_again_after: None,
            check: None,
        }
    }

    /// Whether both are clones of the same settings.
    pub(crate) fn are_like(&self, other: &Self) -> bool {
        let Self { resolver, patterns, max_tenants, idle_after, resolve_again_after, check } = self;
        let has_check_of = match (check, &other.check) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        has_check_of
            && Arc::ptr_eq(resolver, &other.resolver)
            && *patterns == other.patterns
            && (max_tenants, idle_after) == (&other.max_tenants, &other.idle_after)
            && *resolve_again_after == other.resolve_again_after
    }

    /// Trusts every issuer that fits the pattern, through [discovery](Issuer::discover), regardless of who owns it.
    ///
    /// Anyone who can open a tenant at this provider can then get tokens that this server accepts, if they have its audience. Use it only for a
    /// provider whose tenants are all yours.
    ///
    /// # Errors
    ///
    /// Same as for [`issuer_pattern`](Self::issuer_pattern).
    #[cfg(feature = "http-client")]
    pub fn insecure_any_tenant(pattern: &str) -> Result<Self, InvalidIssuerPattern> {
        // The pattern has been checked for what discovery checks.
        let discover = |iss: String| async move { Issuer::discover(&iss).map(Some).map_err(ResolveError::new) };
        Self::new(from_fn(discover)).issuer_pattern(pattern)
    }

    /// Asks the resolver only about an `iss` of this form, such as `https://login.example.com/{tenant}`. Call it again to allow other forms too.
    ///
    /// The placeholder stands for 1 to 64 letters, digits, `-` and `_`. It is a whole segment of the path, or the first label of the host. The
    /// pattern does not establish trust: the resolver decides.
    ///
    /// A pattern for this machine (`localhost` or a loopback address) also allows the keys of the issuers that fit it to be fetched from this
    /// machine.
    ///
    /// Default: the resolver is asked about every `iss` of at most 512 bytes.
    ///
    /// # Errors
    ///
    /// If `pattern` is not an https URL with exactly one `{tenant}` in such a place; http is allowed only for this machine.
    pub fn issuer_pattern(mut self, pattern: &str) -> Result<Self, InvalidIssuerPattern> {
        self.patterns.push(IssuerPattern::parse(pattern, Encryption::Required)?);
        Ok(self)
    }

    /// Sets how many tenants are kept, with their keys: at least 1. When there are more, the least recently used one is removed, and is resolved
    /// again when it is next used.
    ///
    /// Default: 1,000. Choose more than are active in the same hour.
    pub fn max_tenants(self, max: usize) -> Self {
        Self { max_tenants: u64::try_from(max).unwrap_or(u64::MAX).max(1), ..self }
    }

    /// Sets how long a tenant is kept after its last accepted token: at least a minute. Shorter values are raised to that.
    ///
    /// A change in the database may go unnoticed for this long if the tenant is not used. If it is in use, call
    /// [`Tenants::add`](super::Tenants::add) or [`Tenants::forget`](super::Tenants::forget), or set
    /// [`resolve_again_after`](Self::resolve_again_after).
    ///
    /// Default: 1 hour. For each tenant that is kept, keys are fetched every few minutes.
    pub fn idle_after(self, idle_after: Duration) -> Self {
        Self { idle_after: idle_after.max(MINUTE), ..self }
    }

    /// Sets how long a tenant is used before it is resolved again: at least a minute. Shorter values are raised to that.
    ///
    /// This bounds how long a removed customer is accepted if a process misses the call of [`forget`](super::Tenants::forget). After that
    /// time, the tenant leaves the table. Its next token waits for the resolver and for the keys, like its first token, and gets 503 if one of
    /// them cannot be reached.
    ///
    /// Default: none. A tenant that is in use is not resolved again until it is [forgotten](super::Tenants::forget) or
    /// [added](super::Tenants::add).
    pub fn resolve_again_after(self, age: Duration) -> Self {
        Self { resolve_again_after: Some(age.max(MINUTE)), ..self }
    }

    /// Refuses a token with 401 `invalid_token` if its tenant does not fit the request, such as its host or its path.
    ///
    /// `fits` gets the request and the [value](super::ResolvedTenant::value) of the tenant. It is called for each request with a valid token of
    /// a tenant, so it must be quick and must not block. A tenant without a value of type `T` fits no request. `fits` is not called for tokens
    /// of other issuers.
    ///
    /// [`verify`](crate::ResourceServer::verify) and [`try_verify`](crate::ResourceServer::try_verify) have a token but no request. They call
    /// `fits` with an empty request, which has no host. For the first message of a WebSocket, put the token into the `Authorization` header of a
    /// request with the host of the handshake, and call [`verify_request`](crate::ResourceServer::verify_request).
    ///
    /// Default: none. A handler can compare its [`Tenant<T>`](super::Tenant).
    pub fn check<T: Send + Sync + 'static>(
        self,
        fits: impl Fn(TenantRequest<'_>, &T) -> bool + Send + Sync + 'static,
    ) -> Self {
        let check: Check = Arc::new(move |request, value| value.get::<T>().map(|value| fits(request, value)));
        Self { check: Some(check), ..self }
    }
}

impl<R: TenantResolver> From<R> for TenantSettings {
    fn from(resolver: R) -> Self {
        Self::new(resolver)
    }
}

impl fmt::Debug for TenantSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { patterns, max_tenants, idle_after, resolve_again_after, .. } = self;
        f.debug_struct("TenantSettings")
            .field("patterns", patterns)
            .field("max_tenants", max_tenants)
            .field("idle_after", idle_after)
            .field("resolve_again_after", resolve_again_after)
            .finish_non_exhaustive()
    }
}
