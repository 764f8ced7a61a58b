//! Finds or loads the tenant of a token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::janitor;
use super::load::Load;
use super::pending_tenant::PendingTenant;
use super::recent_answers::RecentAnswer;
use super::tenant_table::RunningLoad;
use super::tenants::Tenants;
use crate::clock::Moment;
use crate::validation::{IssuerGeneration, TrustedIssuer};

/// How many loads may be under way, those that wait for their turn included.
const MAX_LOADS: usize = 1024;
/// When to try again when there are more, when too many requests wait, or when there is no runtime.
const SOON: Duration = Duration::from_secs(1);

/// The result of a lookup.
pub(crate) enum TenantLookup {
    Found(Arc<TrustedIssuer>),
    /// There is no such tenant.
    Unknown,
    /// The tenant is being loaded.
    Wait(PendingTenant),
    /// It could not be loaded a moment ago.
    Unavailable {
        retry_after: Duration,
    },
    /// A limit of the server has been reached.
    Busy {
        retry_after: Duration,
    },
}

impl Tenants {
    /// The tenant with this identifier. Never waits; a load that is needed is started.
    pub(crate) fn look_up(&self, iss: &str, now: Moment) -> TenantLookup {
        let table = self.table();
        if let Some(issuer) = table.active(iss, now.monotonic) {
            return TenantLookup::Found(issuer);
        }
        if !table.may_be_a_tenant(iss) {
            return TenantLookup::Unknown;
        }
        let mut state = table.state();
        table.deactivate_idle(iss, now.monotonic);
        // Again: it may have come into use in the meantime.
        let active = table.active(iss, now.monotonic);
        if let Some(issuer) = active.or_else(|| state.probation.get(iss).cloned()) {
            return TenantLookup::Found(issuer);
        }
        match state.answers.get(iss, now) {
            Some((RecentAnswer::Unknown, _)) => return TenantLookup::Unknown,
            Some((RecentAnswer::Failed, left)) => return TenantLookup::Unavailable { retry_after: left },
            None => {}
        }
        let Ok(permit) = Arc::clone(table.waiting()).try_acquire_owned() else {
            return TenantLookup::Busy { retry_after: SOON };
        };
        if let Some(load) = state.loads.get_key_value(iss).filter(|(_, load)| !load.is_lost(now)) {
            let (iss, loaded) = (Arc::clone(load.0), load.1.loaded.subscribe());
            return TenantLookup::Wait(PendingTenant { iss, loaded, _permit: permit });
        }
        if state.loads.len() >= MAX_LOADS {
            return TenantLookup::Busy { retry_after: SOON };
        }
        let Ok(runtime) = Handle::try_current() else {
            return TenantLookup::Unavailable { retry_after: SOON };
        };
        if !state.call_budget.try_take(now.monotonic) {
            let next = state.call_budget.next(now.monotonic);
            return TenantLookup::Busy { retry_after: next.saturating_duration_since(now.monotonic) };
        }
        let (sender, loaded) = watch::channel(None);
        let iss = Arc::<str>::from(iss);
        state.loads.insert(Arc::clone(&iss), RunningLoad { began: now, loaded: sender.clone() });
        janitor::keep(table, &mut state, &runtime);
        // A runtime that is shutting down drops the task at once, and that takes the lock.
        drop(state);
        runtime.spawn(Load { table: Arc::clone(table), iss: Arc::clone(&iss), loaded: sender }.run());
        TenantLookup::Wait(PendingTenant { iss, loaded, _permit: permit })
    }

    /// What `work` returns for the tenant of this generation, if it is still in use.
    pub(crate) fn with_active<R>(
        &self,
        iss: &str,
        generation: IssuerGeneration,
        now: Instant,
        work: impl FnOnce(&Arc<TrustedIssuer>) -> Option<R>,
    ) -> Option<R> {
        self.table().with_active(iss, |issuer| issuer.generation == generation, now, work).flatten()
    }

    /// The tenant with this identifier, in use or on probation. Nothing is started.
    pub(crate) fn held(&self, iss: &str) -> Option<Arc<TrustedIssuer>> {
        let active = self.table().active(iss, self.table().now().monotonic);
        active.or_else(|| self.table().state().probation.get(iss).cloned())
    }

    /// Whether a token with this `iss` is validated: a tenant may have it.
    pub(crate) fn may_be_a_tenant(&self, iss: &str) -> bool {
        self.table().may_be_a_tenant(iss)
    }

    /// A token of this tenant is valid. False if the tenant was forgotten or replaced meanwhile, so that the token has to be validated again.
    pub(crate) fn accepted(&self, issuer: &Arc<TrustedIssuer>, iss: &str, now: Instant) -> bool {
        self.table().accepted(issuer, iss, now)
    }
}
