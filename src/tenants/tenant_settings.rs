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

/// How a server trusts issuers that are known at run time: who resolves them, which `iss` may be one, and how many are kept.
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
    /// Issuers that `resolver` knows.
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

    /// Every issuer that fits the pattern, found by [discovery](Issuer::discover), with no regard to who owns it.
    ///
    /// Everybody who can open a tenant at this provider then gets tokens that this server accepts, if they carry its audience. Use it for a provider whose
    /// tenants are all yours.
    ///
    /// # Errors
    ///
    /// As for [`issuer_pattern`](Self::issuer_pattern).
    #[cfg(feature = "http-client")]
    pub fn insecure_any_tenant(pattern: &str) -> Result<Self, InvalidIssuerPattern> {
        // The pattern has been checked for what discovery checks.
        let discover = |iss: String| async move { Issuer::discover(&iss).map(Some).map_err(ResolveError::new) };
        Self::new(from_fn(discover)).issuer_pattern(pattern)
    }

    /// Asks the resolver only about an `iss` of this form, such as `https://login.example.com/{tenant}`. Call it again to allow other forms too.
    ///
    /// The placeholder stands for 1 to 64 letters, digits, `-` and `_`. It is a whole segment of the path, or the first label of the host. The pattern trusts
    /// nobody: the resolver decides.
    ///
    /// A pattern on this machine (`localhost` or a loopback address) also allows keys to be fetched from this machine for the issuers that fit it.
    ///
    /// Default: the resolver is asked about every `iss` of at most 512 bytes.
    ///
    /// # Errors
    ///
    /// If `pattern` is not an https URL with `{tenant}` once in such a place; http is allowed for this machine alone.
    pub fn issuer_pattern(mut self, pattern: &str) -> Result<Self, InvalidIssuerPattern> {
        self.patterns.push(IssuerPattern::parse(pattern, Encryption::Required)?);
        Ok(self)
    }

    /// How many tenants are kept, with their keys; 0 counts as 1. When there are more, the one that was not used for the longest time leaves, and is
    /// resolved again when it is next used.
    ///
    /// Default: 1,000. Choose more than are active in the same hour.
    pub fn max_tenants(self, max: usize) -> Self {
        Self { max_tenants: u64::try_from(max).unwrap_or(u64::MAX).max(1), ..self }
    }

    /// How long a tenant is kept after its last accepted token. Less than a minute counts as one.
    ///
    /// It is also how long a change in the database may go unnoticed for a tenant that is not used. For one that is in use, call
    /// [`Tenants::add`](super::Tenants::add) or [`Tenants::forget`](super::Tenants::forget), or set
    /// [`resolve_again_after`](Self::resolve_again_after).
    ///
    /// Default: 1 hour. A tenant that is kept costs a fetch of its keys every few minutes.
    pub fn idle_after(self, idle_after: Duration) -> Self {
        Self { idle_after: idle_after.max(MINUTE), ..self }
    }

    /// Resolves a tenant again this long after it was resolved, also if it is in use, so that a removed customer is refused by then even if no process
    /// was told. Less than a minute counts as one.
    ///
    /// The tenant leaves the table. Its next token waits for the resolver and for the keys, as its first token did, and gets 503 if one of them cannot be
    /// reached.
    ///
    /// Default: none. A tenant that is in use is not resolved again until it is [forgotten](super::Tenants::forget) or
    /// [added](super::Tenants::add).
    pub fn resolve_again_after(self, age: Duration) -> Self {
        Self { resolve_again_after: Some(age.max(MINUTE)), ..self }
    }

    /// Refuses a token whose tenant does not fit the request, such as its host or its path, with 401 `invalid_token`.
    ///
    /// `fits` gets the request and the [value](super::ResolvedTenant::value) of the tenant. It is called for each request with a valid token of a
    /// tenant, so it must be quick and must not block. A tenant without a value of type `T` fits no request. Tokens of other issuers are not
    /// checked.
    ///
    /// [`verify`](crate::ResourceServer::verify) and [`try_verify`](crate::ResourceServer::try_verify) have a token and no request. There `fits` gets
    /// an empty one, without a host, so that it refuses what it cannot compare. For the first message of a WebSocket, put the token into the
    /// `Authorization` header of a request with the host of the handshake, and call [`verify_request`](crate::ResourceServer::verify_request).
    ///
    /// Default: none. A handler can compare what it gets as [`Tenant<T>`](super::Tenant).
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
