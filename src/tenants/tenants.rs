use std::fmt;
use std::sync::Arc;

use super::janitor;
use super::pending_tenant::Loaded;
use super::resolved_tenant::ResolvedTenant;
use super::tenant_error::TenantError;
use super::tenant_request::TenantRequest;
use super::tenant_status::TenantStatus;
use super::tenant_table::{TenantTable, identifier};
use crate::token::TenantValue;

/// The tenants of a server, to add, remove and inspect them. Cloning it is cheap.
///
/// [`ResourceServer::tenants`](crate::ResourceServer::tenants) returns it. The resolver stays the source of truth: a tenant that leaves the table is resolved
/// again when a token names it. If the server follows a configuration file, these are always the tenants of its newest configuration.
#[derive(Clone)]
pub struct Tenants {
    /// Those of one configuration.
    table: Arc<TenantTable>,
    newest: Option<Newest>,
}

/// Returns the tenants of the configuration that counts now, if it has some.
type Newest = Arc<dyn Fn() -> Option<Tenants> + Send + Sync>;

impl Tenants {
    pub(crate) fn new(table: Arc<TenantTable>) -> Self {
        Self { table, newest: None }
    }

    /// The same for an application, which keeps it longer than one configuration counts.
    pub(crate) fn following(self, newest: impl Fn() -> Option<Self> + Send + Sync + 'static) -> Self {
        Self { newest: Some(Arc::new(newest)), ..self }
    }

    /// What the application has forgotten a moment ago in the configuration before counts here too.
    pub(crate) fn keep_forgotten_of(&self, before: &Self) {
        let forgotten = before.table.state().answers.forgotten();
        self.table.state().answers.keep_forgotten(forgotten);
    }

    /// The table of this configuration.
    pub(super) fn table(&self) -> &Arc<TenantTable> {
        &self.table
    }

    fn newest(&self) -> Arc<TenantTable> {
        let newest = self.newest.as_ref().and_then(|newest| newest());
        newest.map_or_else(|| Arc::clone(&self.table), |newest| newest.table)
    }

    /// Puts a tenant into the table, from the next request on, and replaces one with the same identifier.
    ///
    /// Call it when the application has changed a tenant's settings, or has recorded a new tenant: an earlier "no such tenant" is then forgotten.
    /// Tokens that were accepted before are validated again, with new keys. Requests that are waiting for the tenant continue with this one. Other
    /// processes of a fleet notice a new tenant within 5 seconds.
    ///
    /// # Errors
    ///
    /// Why the issuer cannot be a tenant. The table is then unchanged.
    pub fn add(&self, tenant: impl Into<ResolvedTenant>) -> Result<(), TenantError> {
        let tenant = tenant.into();
        let iss = Arc::<str>::from(identifier(&tenant.issuer)?);
        let table = self.newest();
        let issuer = Arc::new(table.trusted(&iss, tenant)?);
        let mut state = table.state();
        state.answers.remove(&iss);
        table.activate(&mut state, iss, issuer);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            janitor::keep(&table, &mut state, &runtime);
        }
        Ok(())
    }

    /// Removes a tenant, from the next request on. Its tokens then get 401, including tokens that were accepted before, and those of requests that
    /// are waiting for its keys or for the resolver.
    ///
    /// Call it when the application has recorded that the tenant is gone. The resolver is not asked about it for 5 seconds. If it still knows the
    /// tenant then, tokens of the tenant are accepted again. To replace the settings of a tenant, just call [`add`](Self::add). Call this in every
    /// process of a fleet.
    pub fn forget(&self, issuer: &str) {
        let table = self.newest();
        let now = table.now();
        let mut state = table.state();
        table.deactivate(issuer);
        state.probation.end(issuer);
        state.answers.forget(issuer.into(), now);
        state.supersede_load(issuer, Loaded::Unknown);
    }

    /// The tenants in the table and those on probation, in no particular order. Tenants that have been idle for too long are removed first.
    #[must_use]
    pub fn list(&self) -> Vec<TenantStatus> {
        let table = self.newest();
        table.remove_idle();
        let mut found: Vec<_> = table.iter().filter_map(|issuer| TenantStatus::of(&issuer)).collect();
        found.extend(table.state().probation.iter().filter_map(|issuer| TenantStatus::of(issuer)));
        found
    }

    /// The state of one tenant, if it is in the table or on probation. The resolver is not asked, and no keys are fetched: those of a tenant that was
    /// [added](Self::add) are fetched for its first token.
    #[must_use]
    pub fn status(&self, issuer: &str) -> Option<TenantStatus> {
        let found = Self::new(self.newest()).held(issuer)?;
        TenantStatus::of(&found)
    }

    /// Which `iss` may be that of a tenant, for an explanation.
    pub(crate) fn expected(&self) -> String {
        let patterns: Vec<_> = self.table.settings().patterns.iter().map(|pattern| format!("{pattern:?}")).collect();
        match &*patterns.join(" or ") {
            "" => "a tenant that the resolver knows".to_owned(),
            patterns => format!("a tenant that the resolver knows, as {patterns}"),
        }
    }

    /// Whether tenants have to fit their requests.
    pub(crate) fn are_checked(&self) -> bool {
        self.table.settings().check.is_some()
    }

    /// Whether a tenant with this value fits the request; true if nothing is checked.
    pub(crate) fn fits(&self, request: TenantRequest<'_>, value: Option<&TenantValue>) -> bool {
        let Some(check) = &self.table.settings().check else { return true };
        let answer = value.and_then(|value| check(request, value));
        if answer.is_none() {
            tracing::error!("the check of tenants found no value of its type, so no request fits the tenant");
        }
        answer.unwrap_or(false)
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants").field("settings", self.newest().settings()).finish_non_exhaustive()
    }
}
