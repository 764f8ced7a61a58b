use crate::keys::{IssuerStatus, KeyStore};
use crate::validation::{Standing, TrustedIssuer};

/// The state of one tenant, for dashboards, alerts and logs.
///
/// Whether tokens of the tenant can be validated now is `keys.is_usable`. [`ready_for`](crate::ResourceServer::ready_for) does not tell: it is only
/// about the issuers that the server was built with, and fails for a tenant.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TenantStatus {
    /// The identifier of its issuer.
    pub issuer: Box<str>,
    /// Whether the tenant is in the table: one of its tokens was accepted, or the application has added it. Otherwise it is on probation, where
    /// at most 16 tenants can be at a time.
    pub is_active: bool,
    /// The state of its keys.
    pub keys: IssuerStatus,
}

impl TenantStatus {
    /// `None` for an issuer that is no tenant.
    pub(super) fn of(issuer: &TrustedIssuer) -> Option<Self> {
        let standing = issuer.tenancy.as_ref()?.standing();
        let keys = issuer.keys().map(KeyStore::status)?;
        // The name of the keys may say more, such as the policy.
        let iss = issuer.policy.issuer.iter().next()?;
        Some(Self { issuer: iss.into(), is_active: standing == Standing::Active, keys })
    }
}
