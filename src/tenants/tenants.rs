use std::fmt;
use std::sync::Arc;

use super::janitor;
use super::pending_tenant::Loaded;
use super::recent_answers::RecentAnswer;
use super::resolved_tenant::ResolvedTenant;
use super::tenant_error::TenantError;
use super::tenant_request::TenantRequest;
use super::tenant_status::TenantStatus;
use super::tenant_table::{TenantTable, identifier};
use crate::token::TenantValue;

/// The tenants of a server: adds and removes them, and tells their state. Cloning it is cheap.
///
/// [`ResourceServer::tenants`](crate::ResourceServer::tenants) returns it. The resolver stays the source of truth: a tenant that leaves the table is resolved
/// again when a token names it.
#[derive(Clone)]
pub struct Tenants(pub(super) Arc<TenantTable>);

impl Tenants {
    pub(crate) fn new(table: Arc<TenantTable>) -> Self {
        Self(table)
    }

    /// Puts a tenant into the table, from the next request on, in the place of one with the same identifier.
    ///
    /// Call it when the application has recorded a new tenant, so that an earlier "no such tenant" no longer counts, or has changed the settings of one.
    /// Tokens that were accepted before are validated again, with new keys. Requests that wait for the tenant go on with this one. Other processes of a
    /// fleet notice a new tenant within 5 seconds.
    ///
    /// # Errors
    ///
    /// Why the issuer cannot be a tenant. The table is then as before.
    pub fn add(&self, tenant: impl Into<ResolvedTenant>) -> Result<(), TenantError> {
        let tenant = tenant.into();
        let iss = Arc::<str>::from(identifier(&tenant.issuer)?);
        let issuer = Arc::new(self.0.trusted(&iss, tenant)?);
        let mut state = self.0.state();
        state.answers.remove(&iss);
        self.0.activate(&mut state, iss, issuer);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            janitor::keep(&self.0, &mut state, &runtime);
        }
        Ok(())
    }

    /// Removes a tenant, from the next request on: also for tokens that were accepted before, and for requests that wait for its keys or for the
    /// resolver. They get 401.
    ///
    /// Call it when the application has recorded that the tenant is gone. The resolver is not asked about it for 5 seconds. If it still knows the tenant
    /// then, tokens of the tenant are accepted again. To replace the settings of a tenant, call [`add`](Self::add) alone. Other processes of a fleet have to be told too.
    pub fn forget(&self, issuer: &str) {
        let now = self.0.now();
        let mut state = self.0.state();
        self.0.deactivate(issuer);
        state.probation.end(issuer);
        state.answers.insert(issuer.into(), RecentAnswer::Unknown, now);
        state.supersede_load(issuer, Loaded::Unknown);
    }

    /// The tenants in the table, in no particular order, and those in probation. Tenants that have been idle for too long leave before.
    #[must_use]
    pub fn list(&self) -> Vec<TenantStatus> {
        self.0.remove_idle();
        let mut found: Vec<_> = self.0.iter().filter_map(|issuer| TenantStatus::of(&issuer)).collect();
        found.extend(self.0.state().probation.iter().filter_map(|issuer| TenantStatus::of(issuer)));
        found
    }

    /// The state of one tenant, if it is in the table or in probation. The resolver is not asked.
    #[must_use]
    pub fn status(&self, issuer: &str) -> Option<TenantStatus> {
        let found = self.0.active(issuer, self.0.now().monotonic);
        let found = found.or_else(|| self.0.state().probation.get(issuer).cloned())?;
        TenantStatus::of(&found)
    }

    /// Which `iss` may be that of a tenant, for an explanation.
    pub(crate) fn expected(&self) -> String {
        let patterns: Vec<_> = self.0.settings().patterns.iter().map(|pattern| format!("{pattern:?}")).collect();
        match &*patterns.join(" or ") {
            "" => "a tenant that the resolver knows".to_owned(),
            patterns => format!("a tenant that the resolver knows, as {patterns}"),
        }
    }

    /// Whether tenants have to fit their requests.
    pub(crate) fn are_checked(&self) -> bool {
        self.0.settings().check.is_some()
    }

    /// Whether a tenant with this value fits the request; true if nothing is checked.
    pub(crate) fn fits(&self, request: TenantRequest<'_>, value: Option<&TenantValue>) -> bool {
        let Some(check) = &self.0.settings().check else { return true };
        let answer = value.and_then(|value| check(request, value));
        if answer.is_none() {
            tracing::error!("the check of tenants found no value of its type, so no request fits the tenant");
        }
        answer.unwrap_or(false)
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants").field("settings", self.0.settings()).finish_non_exhaustive()
    }
}
