//! The flags for issuers that are known only at run time.

use clap::Args;
use tower_bearer::tenants::{InvalidIssuerPattern, TenantSettings};

/// Which issuers are tenants.
#[derive(Args)]
pub(crate) struct TenantArguments {
    /// Trust every issuer whose URL has this form, with {tenant} in place of the tenant's name. This example has no
    /// database of tenants: everyone who can open a tenant at that provider is trusted
    #[arg(long, value_name = "URL")]
    pub(crate) issuer_pattern: Option<String>,
    /// How many tenants are kept, with their keys
    #[arg(long, value_name = "N", requires = "issuer_pattern")]
    max_tenants: Option<usize>,
}

impl TenantArguments {
    /// `None` without a pattern.
    pub(crate) fn settings(&self) -> Result<Option<TenantSettings>, InvalidIssuerPattern> {
        let Some(pattern) = &self.issuer_pattern else { return Ok(None) };
        let settings = TenantSettings::insecure_any_tenant(pattern)?;
        Ok(Some(match self.max_tenants {
            Some(max) => settings.max_tenants(max),
            None => settings,
        }))
    }
}
