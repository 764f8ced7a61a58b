use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::super::source::Source;
use super::entra::tenant_id;
use crate::keys::RemoteKeys;
use crate::token::ClientClaim;
use crate::validation::{Identities, KeyIssuers, Mark};

/// The issuer of an external tenant. The tenant is also its host.
const TEMPLATE: &str = "https://{tenantid}.ciamlogin.com/{tenantid}/v2.0";

impl Issuer {
    /// A Microsoft Entra External ID tenant (customers, CIAM), identified by its directory ID, for version 2 tokens. Their
    /// issuer is `https://{tenant}.ciamlogin.com/{tenant}/v2.0`, even if clients use the tenant's name in the host.
    ///
    /// - **Keys**: found through the tenant's metadata. They have no `alg`. If a key has an `issuer`, it must be this
    ///   tenant's, at that host or at `login.microsoftonline.com`.
    /// - **Also required**: `tid` is the tenant, and `azp` is present. ID tokens have no `azp`, and their audience is the same
    ///   if a client and an API share one registration.
    /// - **Set up**: as for [`entra`](Self::entra). The manifest of the API has `requestedAccessTokenVersion` 2, and the
    ///   audience is the API's client identifier, a GUID. For version 1 tokens, use [`entra_v1`](Self::entra_v1).
    /// - **Roles**: as for [`entra`](Self::entra): `/roles`, and `scp` for delegated permissions. Any application of the
    ///   tenant gets a token for your API with neither, unless the registration requires assignment.
    ///
    /// If the tenant blocks the domain `ciamlogin.com` in favor of a custom URL domain, take the keys from
    /// `https://{domain}/{tenant}/discovery/v2.0/keys`, with [`keys_from`](Self::keys_from).
    ///
    /// Documentation: <https://learn.microsoft.com/en-us/entra/external-id/customers/overview-customers-ciam>
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    ///     .trust(Issuer::entra_external("1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a")?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `tenant` is not a GUID in lower case, as in tokens. Tokens do not contain the tenant's name.
    pub fn entra_external(tenant: &str) -> Result<Self, ConfigError> {
        let identities = Identities::of_tenant(TEMPLATE, tenant_id(tenant)?);
        let keys = RemoteKeys::discover_openid(identities.name());
        let keys = keys.map_err(|reason| ConfigError::Issuer { value: identities.name().to_owned(), reason })?;
        let mut issuer = Self::new(identities, Source::from(keys));
        issuer.dialect.key_issuers = KeyIssuers::OfTenant;
        Ok(issuer.speaking(Mark::Client, ClientClaim::Azp))
    }
}
