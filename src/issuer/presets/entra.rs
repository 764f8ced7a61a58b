use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::super::source::Source;
use super::super::text_error::is_any_tenant;
use super::text::{guid, jwks, refuse};
use crate::keys::RemoteKeys;
use crate::token::ClientClaim;
use crate::validation::{Identities, KeyIssuers, Mark};

/// The issuer of version 2 tokens.
const V2: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
/// The issuer of version 1 tokens, with the trailing slash.
const V1: &str = "https://sts.windows.net/{tenantid}/";
/// The keys of all tenants.
const V2_KEYS: &str = "https://login.microsoftonline.com/common/discovery/v2.0/keys";
const V1_KEYS: &str = "https://login.microsoftonline.com/common/discovery/keys";

impl Issuer {
    /// A Microsoft Entra ID tenant, identified by its directory ID, for version 2 tokens: those of an API whose manifest sets
    /// `requestedAccessTokenVersion` to 2. Their issuer is `https://login.microsoftonline.com/{tenant}/v2.0`.
    ///
    /// - **Keys**: found through the tenant's metadata. They have no `alg`. If a key has an `issuer`, it must be the token's,
    ///   because the set holds keys for both personal accounts and organizations.
    /// - **Also required**: `tid` is the tenant, and `azp` is present. ID tokens have no `azp`, and their audience is the same if
    ///   a client and an API share one registration.
    /// - **Set up**: the audience is the API's client identifier, a GUID. A token for Microsoft Graph is not for your API, and
    ///   only Microsoft Graph can verify it.
    /// - **Roles**: `/roles`, and `/groups` if configured. Delegated permissions are in `scp`; a token that an application got
    ///   for itself has none. *Any* application of the tenant gets such a token for your API, without any role, unless the API's
    ///   registration requires assignment. So require a scope or a role on every route. `sub` differs from one API to another;
    ///   `/oid` does not.
    ///
    /// For version 1, use [`entra_v1`](Self::entra_v1). The keys of a single application (claims mapping) and of the national
    /// clouds are at other URLs: use [`jwks`](Self::jwks) or [`keys_from`](Self::keys_from).
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    ///     .trust(Issuer::entra("1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a")?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `tenant` is not a GUID in lower case, as in tokens. Tokens never contain a domain name, `common`, `organizations` or
    /// `consumers` there.
    pub fn entra(tenant: &str) -> Result<Self, ConfigError> {
        let identities = Identities::of_tenant(V2, tenant_id(tenant)?);
        let keys = RemoteKeys::discover_openid(identities.name());
        let keys = keys.map_err(|reason| ConfigError::Issuer { value: identities.name().to_owned(), reason })?;
        Ok(Self::new(identities, Source::from(keys)).of_entra())
    }

    /// Several Microsoft Entra ID tenants, for version 2 tokens of a multi-tenant API: like [`entra`](Self::entra) for each
    /// tenant, but one fetch of the keys serves all of them.
    ///
    /// The list is closed. The `iss` of a token must be that of a listed tenant, character by character, and `tid` must be that
    /// tenant. There is no way to trust every tenant.
    ///
    /// The list stays secret. It is checked after the signature, and until then the tokens of all tenants are treated alike. The
    /// [metadata](crate::metadata) does not name its tenants. If a server has two lists, a stranger can find out which one a
    /// tenant is on, because each list has its own audiences, rules and keys, and an unlisted tenant is treated like one on the
    /// first list. If that matters, use a single list.
    ///
    /// - **Keys**: at the URL that is common to all tenants. The metadata is not used, because its issuer is literally
    ///   `https://login.microsoftonline.com/{tenantid}/v2.0`, which no token has. [`status`](crate::ResourceServer::status) and
    ///   logs show the list by that name.
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let customers = ["1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a", "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b"];
    /// let api = ResourceServer::builder("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    ///     .trust(Issuer::entra_tenants(customers)?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no tenant, or one is not a GUID in lower case. Listing a tenant twice is an error when the server is built.
    pub fn entra_tenants(tenants: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let tenants: Vec<_> = tenants.into_iter().collect();
        if tenants.is_empty() {
            return Err(refuse("list of Entra tenants", "", "a list of at least one"));
        }
        let tenants = tenants.iter().map(|tenant| tenant_id(tenant.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(Identities::of_tenants(V2, tenants), jwks(V2_KEYS)?).of_entra())
    }

    /// A Microsoft Entra ID tenant, for version 1 tokens: those of an API whose manifest does not set
    /// `requestedAccessTokenVersion`. Their issuer is `https://sts.windows.net/{tenant}/`, with the trailing slash.
    ///
    /// - **Keys**: at the URL that is common to all tenants, because the issuer's URL has no metadata. They are not bound to
    ///   tenants.
    /// - **Also required**: `tid` is the tenant, and `appid` is present. ID tokens have no `appid`.
    ///   [`client_id`](crate::AccessToken::client_id) returns it.
    /// - **Set up**: the audience is what the client requested, usually the App ID URI (`api://…`).
    /// - **Roles**: as in [`entra`](Self::entra). In addition, `acr` is `0` or `1`.
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("api://aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    ///     .trust(Issuer::entra_v1("1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a")?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `tenant` is not a GUID in lower case.
    pub fn entra_v1(tenant: &str) -> Result<Self, ConfigError> {
        let issuer = Self::new(Identities::of_tenant(V1, tenant_id(tenant)?), jwks(V1_KEYS)?);
        Ok(issuer.speaking(Mark::Client, ClientClaim::AppId))
    }

    fn of_entra(mut self) -> Self {
        self.dialect.key_issuers = KeyIssuers::Honoured;
        self.speaking(Mark::Client, ClientClaim::Standard)
    }
}

/// The GUID of a tenant. The names that stand for any tenant are refused with advice.
pub(super) fn tenant_id(tenant: &str) -> Result<&str, ConfigError> {
    let argument = "tenant of Entra";
    if is_any_tenant(tenant) {
        let expected = "a GUID in lower case; this name stands for any tenant, so set the GUID of your tenant, or several with entra_tenants";
        return Err(refuse(argument, tenant, expected));
    }
    guid(argument, tenant)
}
