use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::validation::{TokenError, TrustedIssuer, VerifyError};

/// When to try again after a load was dropped with its runtime.
const RETRY_AFTER_CANCELLED: Duration = Duration::from_secs(1);

/// What a load has ended with, for everybody who waits for it.
#[derive(Clone)]
pub(super) enum Loaded {
    Tenant(Arc<TrustedIssuer>),
    /// There is no such tenant.
    Unknown,
    /// The resolver or the network could not tell.
    Unavailable {
        retry_after: Duration,
    },
    /// A limit of the server has been reached.
    Busy {
        retry_after: Duration,
    },
}

/// A request that waits for its tenant. Dropping it ends nothing for others.
pub(crate) struct PendingTenant {
    pub(super) iss: Arc<str>,
    pub(super) loaded: watch::Receiver<Option<Loaded>>,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl PendingTenant {
    /// The tenant, once its keys were fetched or that has failed.
    pub(crate) async fn issuer(mut self) -> Result<Arc<TrustedIssuer>, VerifyError> {
        let cancelled = Loaded::Unavailable { retry_after: RETRY_AFTER_CANCELLED };
        let loaded = match self.loaded.wait_for(Option::is_some).await {
            Ok(loaded) => loaded.clone().unwrap_or(cancelled),
            Err(_) => cancelled,
        };
        match loaded {
            Loaded::Tenant(issuer) => Ok(issuer),
            Loaded::Unknown => Err(TokenError::Issuer { found: (&*self.iss).into() }.into()),
            Loaded::Unavailable { retry_after } => Err(VerifyError::TenantUnavailable { retry_after }),
            Loaded::Busy { retry_after } => Err(VerifyError::TooManyRequests { retry_after }),
        }
    }
}
