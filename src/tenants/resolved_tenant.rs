use std::fmt;

use crate::Issuer;
use crate::token::TenantValue;

/// A known tenant: its issuer and, optionally, a value of the application.
///
/// The issuer has its own audiences, algorithms and preset; if it has no audience, the server's is used. An issuer is refused if it has several
/// identifiers or is introspected, or if its keys are persisted or are at an address of this machine.
#[derive(Clone)]
pub struct ResolvedTenant {
    pub(super) issuer: Issuer,
    pub(super) value: Option<TenantValue>,
}

impl ResolvedTenant {
    /// A tenant with this issuer.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, value: None }
    }

    /// Attaches a value that handlers get as [`Tenant<T>`](super::Tenant), such as the tenant's row in the database.
    ///
    /// It is dropped after the tenant has left the table, at an unspecified time, on an unspecified thread, and possibly while the table is
    /// locked. So its [`Drop`] must be quick, and must not use [`Tenants`](super::Tenants) or validate a token, because that may deadlock.
    ///
    /// Default: none.
    #[must_use]
    pub fn value<T: Send + Sync + 'static>(self, value: T) -> Self {
        Self { value: Some(TenantValue::new(value)), ..self }
    }
}

impl From<Issuer> for ResolvedTenant {
    fn from(issuer: Issuer) -> Self {
        Self::new(issuer)
    }
}

impl fmt::Debug for ResolvedTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolvedTenant").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
