//! Issuers that are known only at run time (feature `tenants`), such as one for each customer of an application, resolved from its database
//! when a token names the issuer.
//!
//! [`Builder::trust_resolved`](crate::server::Builder::trust_resolved) enables it, with a [`TenantResolver`] or with [`TenantSettings`].
//! The [manual](crate::manual::tenants) shows how, and describes the limits and what strangers can do.

mod front_cache;
mod invalid_issuer_pattern;
mod issuer_pattern;
mod janitor;
mod load;
mod look_up;
mod pending_tenant;
mod probation;
mod recent_answers;
mod resolve_error;
mod resolved_tenant;
mod resolver;
mod tenant_error;
mod tenant_request;
mod tenant_settings;
mod tenant_status;
mod tenant_table;
#[expect(clippy::module_inception, reason = "a file is named for its main type")]
mod tenants;

pub use crate::token::Tenant;
pub use invalid_issuer_pattern::InvalidIssuerPattern;
pub use resolve_error::ResolveError;
pub use resolved_tenant::ResolvedTenant;
pub use resolver::{ResolveFuture, TenantResolver, from_fn};
pub use tenant_error::TenantError;
pub use tenant_request::TenantRequest;
pub use tenant_settings::TenantSettings;
pub use tenant_status::TenantStatus;
pub use tenants::Tenants;

pub(crate) use look_up::TenantLookup;
pub(crate) use tenant_table::{MakeIssuer, TenantTable};
