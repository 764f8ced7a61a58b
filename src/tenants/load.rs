use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::pending_tenant::Loaded;
use super::resolve_error::ResolveError;
use super::resolved_tenant::ResolvedTenant;
use super::tenant_table::TenantTable;
use crate::keys::KeyStore;
use crate::validation::TrustedIssuer;

/// How long a call of the resolver may take, the wait for its turn included. Requests wait for 6 seconds in all.
const MAX_RESOLVE: Duration = Duration::from_secs(5);
/// How long a tenant waits for its turn to fetch keys.
const MAX_WAIT_FOR_FETCH: Duration = Duration::from_secs(5);
/// When to try again after the resolver could not answer.
const RETRY_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A task that asks the resolver about one `iss`, and then fetches the keys of the tenant. However it ends, the requests that wait for it
/// are notified.
pub(super) struct Load {
    pub(super) table: Arc<TenantTable>,
    pub(super) iss: Arc<str>,
    pub(super) loaded: watch::Sender<Option<Loaded>>,
}

impl Load {
    pub(super) async fn run(self) {
        let loaded = match self.resolve().await {
            Ok(Some(tenant)) => match self.table.trusted(&self.iss, tenant) {
                Ok(issuer) => self.fetch_keys(issuer).await,
                Err(error) => {
                    // As an error: what the application has recorded about the tenant has to be corrected.
                    tracing::error!(iss = &*self.iss, %error, "a resolved issuer cannot be a tenant");
                    Loaded::Unavailable { retry_after: RETRY_AFTER_FAILURE }
                }
            },
            Ok(None) => Loaded::Unknown,
            Err(_) => Loaded::Unavailable { retry_after: RETRY_AFTER_FAILURE },
        };
        self.table.end_load(&self.iss, &self.loaded, loaded);
    }

    /// The answer of the resolver, in time.
    async fn resolve(&self) -> Result<Option<ResolvedTenant>, ResolveError> {
        let late = || ResolveError::new("the resolver did not answer within 5 s");
        let answer = timeout(MAX_RESOLVE, self.ask()).await.unwrap_or_else(|_| Err(late()));
        self.table.log_resolver(&self.iss, answer.as_ref().err());
        answer
    }

    /// Asks the resolver in a task of its own, so that a panic ends only this task.
    async fn ask(&self) -> Result<Option<ResolvedTenant>, ResolveError> {
        let Ok(_place) = self.table.calls().acquire().await else {
            return Err(ResolveError::new("the server is gone"));
        };
        let (resolver, iss) = (Arc::clone(&self.table.settings().resolver), Arc::clone(&self.iss));
        let call = AbortOnDrop(tokio::spawn(async move { resolver.resolve(&iss).await }));
        call.end().await
    }

    /// Fetches the keys for the first time, within the bounds of all tenants together. If it fails, the tenant says so to those who ask.
    async fn fetch_keys(&self, issuer: TrustedIssuer) -> Loaded {
        let issuer = Arc::new(issuer);
        let Some(keys) = issuer.keys().filter(|keys| !keys.are_fixed()) else { return Loaded::Tenant(issuer) };
        if let Err(retry_after) = self.table.try_fetch() {
            return Loaded::Busy { retry_after };
        }
        let Ok(Ok(_place)) = timeout(MAX_WAIT_FOR_FETCH, self.table.fetches().acquire()).await else {
            return Loaded::Unavailable { retry_after: RETRY_AFTER_FAILURE };
        };
        KeyStore::attempt(keys).await;
        Loaded::Tenant(issuer)
    }
}

impl Drop for Load {
    /// A load that has not ended by now was cancelled with its runtime.
    fn drop(&mut self) {
        self.table.cancel_load(&self.iss, &self.loaded);
    }
}

/// A call of the resolver, which ends when nobody waits for it any more.
struct AbortOnDrop(tokio::task::JoinHandle<Result<Option<ResolvedTenant>, ResolveError>>);

impl AbortOnDrop {
    async fn end(mut self) -> Result<Option<ResolvedTenant>, ResolveError> {
        (&mut self.0).await.unwrap_or_else(|error| {
            Err(ResolveError::new(if error.is_panic() { "the resolver panicked" } else { "the runtime is ending" }))
        })
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
