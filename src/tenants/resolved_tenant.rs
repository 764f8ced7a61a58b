use std::fmt;

use crate::Issuer;
use crate::token::TenantValue;

/// A tenant that is known: its issuer and, if wanted, a value of the application.
///
/// The issuer has its own audiences, algorithms and preset; where it names no audience, the server's counts. These issuers are refused: one that
/// has several identifiers, one that is introspected, one whose keys are persisted, and one whose keys are at an address of this machine.
#[derive(Clone)]
pub struct ResolvedTenant {
    pub(super) issuer: Issuer,
    pub(super) value: Option<TenantValue>,
}

impl ResolvedTenant {
    /// The tenant with this issuer.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, value: None }
    }

    /// Attaches a value, which handlers get as [`Tenant<T>`](super::Tenant): such as the tenant's row in the database.
    ///
    /// It is dropped after the tenant has left the table, at a time and on a thread that are not certain, and the table may be locked then. So its
    /// [`Drop`] must not use [`Tenants`](super::Tenants) or validate a token, which may wait forever, and must be quick.
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
