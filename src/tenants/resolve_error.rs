use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a [resolver](super::TenantResolver) cannot tell whether there is a tenant. The token then gets 503.
#[derive(Clone)]
pub struct ResolveError(Arc<dyn Error + Send + Sync>);

impl ResolveError {
    /// An error with this reason, which is a database error or a text. It is logged, and never sent to a
    /// client.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(reason.into()))
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the tenant cannot be resolved: {}", self.0)
    }
}

impl fmt::Debug for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResolveError({self})")
    }
}

impl Error for ResolveError {}
