use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::front_cache::FrontCache;
use super::issuer_pattern::IssuerPattern;
use super::pending_tenant::Loaded;
use super::probation::Probation;
use super::recent_answers::{RecentAnswer, RecentAnswers};
use super::resolve_error::ResolveError;
use super::resolved_tenant::ResolvedTenant;
use super::tenant_error::TenantError;
use super::tenant_settings::TenantSettings;
use crate::Issuer;
use crate::clock::{Clock, Moment};
use crate::issuer::ConfigError;
use crate::keys::{FetchBudget, PendingLookups, TokenBucket, UrlError};
use crate::metrics;
use crate::redact::Excerpt;
use crate::validation::{Identities, Standing, TrustedIssuer};

/// How many calls of the resolver run at once …
pub(super) const MAX_CALLS: usize = 32;
/// … and how many tenants fetch their first keys at once.
pub(super) const MAX_FETCHES: usize = 32;
/// The most requests of one server that wait for tenants.
const MAX_WAITING: usize = 4096;
/// The least number of calls, and of fetches, that may follow each other without a pause: as many as the table has places, so that all
/// tenants can come back after a restart.
const MIN_BURST: u64 = 64;
/// The time to the next call after that …
const CALL_INTERVAL: Duration = Duration::from_millis(10);
/// … and to the next fetch that a token causes: the first one of a tenant, or one beyond those that each tenant has of its own.
const FETCH_INTERVAL: Duration = Duration::from_millis(100);
/// The longest `iss` that the resolver is asked about, in bytes.
const MAX_ISS: usize = 512;
/// A load that is older is on a runtime that nobody drives. It may have waited for 5 seconds twice, and fetched for 10.
const MAX_LOAD_AGE: Duration = Duration::from_secs(25);

/// Makes the rules for the tokens of an issuer from its settings and those of the server.
pub(crate) type MakeIssuer = Box<dyn Fn(&Issuer, &PendingLookups) -> Result<TrustedIssuer, ConfigError> + Send + Sync>;

/// The tenants of one server: those in use, those on probation, what the resolver has answered lately, and the bounds on all of it.
///
/// A tenant that is in use is found without a lock, usually in the cache in front. Everything else happens under one lock, so that `add` and
/// `forget` take precedence over whatever is under way.
pub(crate) struct TenantTable {
    settings: TenantSettings,
    /// The identifiers of the issuers that the server was built with.
    pinned: Vec<Identities>,
    make: MakeIssuer,
    clock: Arc<dyn Clock>,
    /// The requests of tenants that wait for keys are bounded apart from those of other issuers, which they do not displace.
    pending: PendingLookups,
    front: Arc<FrontCache>,
    active: Cache<Arc<str>, Arc<TrustedIssuer>>,
    state: Mutex<State>,
    calls: Semaphore,
    fetches: Semaphore,
    /// For first fetches, and for refetches that tokens cause.
    fetch_budget: FetchBudget,
    waiting: Arc<Semaphore>,
    /// Whether the resolver could not answer when it was last asked.
    resolver_fails: AtomicBool,
}

pub(super) struct State {
    pub(super) loads: HashMap<Arc<str>, RunningLoad>,
    pub(super) probation: Probation,
    pub(super) answers: RecentAnswers,
    pub(super) call_budget: TokenBucket,
    pub(super) janitor: Option<JoinHandle<()>>,
}

/// A load that requests can join.
pub(super) struct RunningLoad {
    pub(super) began: Moment,
    pub(super) loaded: watch::Sender<Option<Loaded>>,
}

impl RunningLoad {
    pub(super) fn is_lost(&self, now: Moment) -> bool {
        now.since(self.began) >= MAX_LOAD_AGE
    }
}

impl TenantTable {
    pub(crate) fn new(
        settings: TenantSettings,
        pinned: Vec<Identities>,
        make: MakeIssuer,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let now = clock.monotonic();
        let burst = u32::try_from(settings.max_tenants.max(MIN_BURST)).unwrap_or(u32::MAX);
        let front = Arc::new(FrontCache::new(settings.max_tenants));
        let front_of_listener = Arc::clone(&front);
        let active = Cache::builder()
            .max_capacity(settings.max_tenants)
            // A tenant is admitted because a token of it was accepted, however often the others are used.
            .eviction_policy(EvictionPolicy::lru())
            // The cache may hold on to what it has evicted for a while.
            .eviction_listener(move |iss: Arc<Arc<str>>, issuer: Arc<TrustedIssuer>, _| {
                issuer.end_tenancy();
                front_of_listener.remove(&iss, &issuer);
            })
            .build();
        Arc::new(Self {
            settings,
            pinned,
            make,
            clock,
            pending: PendingLookups::default(),
            front,
            active,
            state: Mutex::new(State {
                loads: HashMap::new(),
                probation: Probation::default(),
                answers: RecentAnswers::default(),
                call_budget: TokenBucket::new(burst, CALL_INTERVAL, now),
                janitor: None,
            }),
            calls: Semaphore::new(MAX_CALLS),
            fetches: Semaphore::new(MAX_FETCHES),
            fetch_budget: FetchBudget::new(burst, FETCH_INTERVAL, now),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            resolver_fails: AtomicBool::new(false),
        })
    }

    pub(super) fn settings(&self) -> &TenantSettings {
        &self.settings
    }

    pub(super) fn calls(&self) -> &Semaphore {
        &self.calls
    }

    pub(super) fn fetches(&self) -> &Semaphore {
        &self.fetches
    }

    pub(super) fn waiting(&self) -> &Arc<Semaphore> {
        &self.waiting
    }

    pub(super) fn now(&self) -> Moment {
        Moment::of(&*self.clock)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is called under the lock panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the resolver may be asked about this `iss`.
    pub(super) fn may_be_a_tenant(&self, iss: &str) -> bool {
        let patterns = &self.settings.patterns;
        iss.len() <= MAX_ISS && (patterns.is_empty() || patterns.iter().any(|pattern| pattern.fits(iss)))
    }

    /// The tenant with this identifier, if it is in use.
    pub(super) fn active(&self, iss: &str, now: Instant) -> Option<Arc<TrustedIssuer>> {
        let is_it = |issuer: &TrustedIssuer| issuer.policy.issuer.iter().next() == Some(iss);
        self.with_active(iss, is_it, now, Arc::clone)
    }

    /// What `work` returns for the tenant with this identifier, if it is in use and `is_it`.
    pub(super) fn with_active<R>(
        &self,
        iss: &str,
        is_it: impl Fn(&TrustedIssuer) -> bool,
        now: Instant,
        work: impl FnOnce(&Arc<TrustedIssuer>) -> R,
    ) -> Option<R> {
        let is_found = |issuer: &&Arc<TrustedIssuer>| is_it(issuer) && self.is_in_use(issuer, now);
        let front = self.front.get(iss);
        if let Some(issuer) = front.as_ref().filter(is_found) {
            return Some(work(issuer));
        }
        let held = self.active.get(iss);
        held.as_ref().filter(is_found).map(work)
    }

    /// A token of this tenant is valid: from now on the tenant is in use. False if it was forgotten or replaced meanwhile.
    pub(super) fn accepted(&self, issuer: &Arc<TrustedIssuer>, iss: &str, now: Instant) -> bool {
        let Some(tenancy) = &issuer.tenancy else { return true };
        if tenancy.touch(now) {
            // The table counts it as a use.
            self.active.get(iss);
        }
        if tenancy.standing() == Standing::Probation {
            let mut state = self.state();
            // Read again: it may have come into the table, or was forgotten.
            if tenancy.standing() == Standing::Probation {
                self.activate(&mut state, iss.into(), Arc::clone(issuer));
            }
        }
        tenancy.standing() == Standing::Active
    }

    /// Puts a tenant into the table. Whatever else has its identifier ends, and who waits for it goes on with this one.
    pub(super) fn activate(&self, state: &mut State, iss: Arc<str>, issuer: Arc<TrustedIssuer>) {
        state.probation.remove(&issuer);
        state.probation.end(&iss);
        state.supersede_load(&iss, Loaded::Tenant(Arc::clone(&issuer)));
        if let Some(tenancy) = &issuer.tenancy {
            tenancy.set_standing(Standing::Active);
        }
        self.front.insert(&iss, Arc::clone(&issuer));
        self.active.insert(iss, issuer);
        // So that there is never more than the bound.
        self.settle();
    }

    /// Removes a tenant from the table, under the lock.
    pub(super) fn deactivate(&self, iss: &str) {
        self.active.invalidate(iss);
        self.settle();
    }

    /// Does what the cache has put off.
    fn settle(&self) {
        self.active.run_pending_tasks();
        metrics::tenants_in_use(self.active.entry_count());
    }

    /// Removes the tenant with this identifier if it has been idle for too long, under the lock.
    pub(super) fn deactivate_idle(&self, iss: &str, now: Instant) {
        if self.active.get(iss).is_some_and(|issuer| !self.is_in_use(&issuer, now)) {
            self.deactivate(iss);
        }
    }

    /// The tenants in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = Arc<TrustedIssuer>> {
        self.active.iter().map(|(_, issuer)| issuer)
    }

    /// Removes the tenants that have been idle for too long, with the refreshes of their keys.
    pub(super) fn remove_idle(&self) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let idle: Vec<_> =
            self.active.iter().filter(|(_, issuer)| self.is_idle(issuer, now)).map(|(iss, _)| iss).collect();
        for iss in idle {
            self.deactivate(&iss);
        }
        state.probation.retain(|issuer| !self.is_idle(issuer, now));
    }

    fn is_in_use(&self, issuer: &TrustedIssuer, now: Instant) -> bool {
        let is_active = issuer.tenancy.as_ref().is_some_and(|tenancy| tenancy.standing() == Standing::Active);
        is_active && !self.is_idle(issuer, now)
    }

    /// Whether it has been idle for too long, or has to be resolved again.
    fn is_idle(&self, issuer: &TrustedIssuer, now: Instant) -> bool {
        let TenantSettings { idle_after, resolve_again_after, .. } = &self.settings;
        issuer.tenancy.as_ref().is_some_and(|tenancy| {
            tenancy.idle_for(now) >= *idle_after || resolve_again_after.is_some_and(|after| tenancy.age(now) >= after)
        })
    }

    /// A tenant with the rules of this server, if its issuer can be one and has this identifier.
    pub(super) fn trusted(&self, iss: &str, tenant: ResolvedTenant) -> Result<TrustedIssuer, TenantError> {
        let ResolvedTenant { issuer, value } = tenant;
        let named = || iss.into();
        let identifier = identifier(&issuer)?;
        if identifier != iss {
            return Err(TenantError::OtherIssuer { found: identifier.into(), expected: named() });
        }
        if self.pinned.iter().any(|pinned| pinned.may_contain(iss)) {
            return Err(TenantError::Pinned { issuer: named() });
        }
        if !self.may_be_a_tenant(iss) {
            return Err(TenantError::NoPattern { issuer: named() });
        }
        #[cfg(feature = "introspection")]
        if issuer.introspection.is_some() {
            return Err(TenantError::Introspected { issuer: named() });
        }
        if issuer.persisted_at().is_some() {
            return Err(TenantError::PersistedKeys { issuer: named() });
        }
        self.check_address(iss, &issuer)?;
        let trusted = (self.make)(&issuer, &self.pending).map_err(TenantError::Issuer)?;
        let tenant = trusted.into_tenant(value, self.clock.monotonic());
        if let Some(keys) = tenant.keys() {
            keys.draw_on(&self.fetch_budget);
        }
        Ok(tenant)
    }

    /// RFC 8725bis §3.10: nothing is fetched from this machine or its link, unless a pattern says that the issuers are on this machine. The names of
    /// other hosts are checked when they are resolved.
    fn check_address(&self, iss: &str, issuer: &Issuer) -> Result<(), TenantError> {
        let Some(reason) = issuer.local_address() else { return Ok(()) };
        let mut patterns = self.settings.patterns.iter().filter(|pattern| pattern.fits(iss));
        let is_allowed = reason == UrlError::Loopback && patterns.any(IssuerPattern::is_on_this_machine);
        if is_allowed { Ok(()) } else { Err(TenantError::LocalAddress { issuer: iss.into(), reason }) }
    }

    /// Counts a first fetch, or returns how far off the next one is.
    pub(super) fn try_fetch(&self) -> Result<(), Duration> {
        self.fetch_budget.try_take(self.clock.monotonic())
    }

    /// Warns when the resolver begins to fail, and says when it answers again: one that fails does so for every tenant.
    pub(super) fn log_resolver(&self, iss: &str, error: Option<&ResolveError>) {
        if self.resolver_fails.swap(error.is_some(), Ordering::Relaxed) == error.is_some() {
            return;
        }
        if let Some(error) = error {
            tracing::warn!(iss = %Excerpt::from(iss), %error, "tenants cannot be resolved");
        } else {
            tracing::info!("tenants can be resolved again");
        }
    }

    /// A load has ended. What it has found counts, unless `add` or `forget` was called meanwhile.
    pub(super) fn end_load(&self, iss: &Arc<str>, sender: &watch::Sender<Option<Loaded>>, loaded: Loaded) {
        let now = self.now();
        let mut state = self.state();
        if !state.remove_load(iss, sender) {
            return;
        }
        metrics::tenant_loaded(match &loaded {
            Loaded::Tenant(_) => "found",
            Loaded::Unknown => "unknown",
            Loaded::Unavailable { .. } => "unavailable",
            Loaded::Busy { .. } => "busy",
        });
        match &loaded {
            Loaded::Tenant(issuer) => state.probation.insert(Arc::clone(iss), Arc::clone(issuer)),
            Loaded::Unknown => state.answers.insert(Arc::clone(iss), RecentAnswer::Unknown, now),
            Loaded::Unavailable { .. } => state.answers.insert(Arc::clone(iss), RecentAnswer::Failed, now),
            Loaded::Busy { .. } => {}
        }
        drop(state);
        sender.send_replace(Some(loaded));
    }

    /// A load was dropped with its runtime. The next request begins another one.
    pub(super) fn cancel_load(&self, iss: &str, sender: &watch::Sender<Option<Loaded>>) {
        self.state().remove_load(iss, sender);
    }
}

impl State {
    /// Ends what requests wait for, with this.
    pub(super) fn supersede_load(&mut self, iss: &str, loaded: Loaded) {
        if let Some(load) = self.loads.remove(iss) {
            load.loaded.send_replace(Some(loaded));
        }
    }

    /// Removes the load, if it is still the one of its `iss`.
    fn remove_load(&mut self, iss: &str, sender: &watch::Sender<Option<Loaded>>) -> bool {
        let is_current = self.loads.get(iss).is_some_and(|load| load.loaded.same_channel(sender));
        if is_current {
            self.loads.remove(iss);
        }
        is_current
    }
}

/// The one identifier of an issuer.
pub(super) fn identifier(issuer: &Issuer) -> Result<&str, TenantError> {
    let identities = &issuer.identities;
    let mut identifiers = identities.iter();
    match (identifiers.next(), identifiers.next()) {
        (Some(only), None) if !identities.are_listed() && !identities.are_a_trust_domain() => Ok(only),
        _ => Err(TenantError::NoSingleIdentifier { issuer: identities.name().into() }),
    }
}
