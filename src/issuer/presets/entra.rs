use super::super::config_error::ConfigError;
use super::super::issuer::{Issuer, Source};
use super::super::text_error::is_any_tenant;
use super::text::{jwks, refuse};
use crate::keys::RemoteKeys;
use crate::token::ClientClaim;
use crate::validation::{Identities, KeyIssuers, Mark, is_tenant};

/// The issuer of version 2 tokens.
const V2: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
/// The issuer of version 1 tokens, with the slash.
const V1: &str = "https://sts.windows.net/{tenantid}/";
/// The keys of all tenants.
const V2_KEYS: &str = "https://login.microsoftonline.com/common/discovery/v2.0/keys";
const V1_KEYS: &str = "https://login.microsoftonline.com/common/discovery/keys";

impl Issuer {
    /// One tenant of Microsoft Entra ID, by the identifier of its directory, for tokens of version 2: those of an API
    /// whose manifest has `requestedAccessTokenVersion` 2. Their issuer is
    /// `https://login.microsoftonline.com/{tenant}/v2.0`.
    ///
    /// - **Keys**: by the tenant's metadata. They have no `alg`; where one has an `issuer`, it must be the token's,
    ///   because the keys of personal accounts and of organizations stand side by side.
    /// - **Required besides**: `tid` is the tenant, and `azp` is there, as it is not in ID tokens: a client and an API
    ///   that share one registration have the same audience.
    /// - **To be set up**: the audience is the API's client identifier, a GUID. A token for Microsoft Graph is not one
    ///   for your API, and cannot be verified by anybody else.
    /// - **Roles**: `/roles`, and `/groups` if they are configured. Delegated permissions are in `scp`; a token that an
    ///   application got for itself has none. *Any* application of the tenant gets such a token for your API, without
    ///   any role, unless the API's registration requires assignment: so require a scope or a role on every route.
    ///   `sub` differs from one API to another; `/oid` does not.
    ///
    /// Version 1 is [`entra_v1`](Self::entra_v1). Keys of one application alone (claims mapping) and the national
    /// clouds are at other URLs: use [`jwks`](Self::jwks) for those, or [`keys_from`](Self::keys_from).
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
    /// If `tenant` is not a GUID in lower case, as it stands in tokens. A domain's name never does, and neither do
    /// `common`, `organizations` or `consumers`.
    pub fn entra(tenant: &str) -> Result<Self, ConfigError> {
        let identities = Identities::of_tenant(V2, guid(tenant)?);
        let keys = RemoteKeys::discover_openid(identities.name());
        let keys = keys.map_err(|reason| ConfigError::Issuer { value: identities.name().to_owned(), reason })?;
        Ok(Self::new(identities, Source::from(keys)).of_entra())
    }

    /// Several tenants of Microsoft Entra ID, for tokens of version 2 of a multi-tenant API: [`entra`](Self::entra) for
    /// each of them, with the keys fetched once for all.
    ///
    /// The list is closed. The `iss` of a token must be that of a tenant in it, to the letter, and `tid` that tenant. Whoever
    /// wants to let every tenant in has to know them all.
    ///
    /// The list stays secret. It is checked after the signature, and until then the tokens of all tenants are treated alike;
    /// [metadata](crate::metadata) does not name its tenants. Of two lists in one server, a stranger can find out which of them
    /// a tenant is on: each list has audiences, rules and keys of its own, and a tenant that is on none is treated as one of the
    /// first. Trust one list where that matters.
    ///
    /// - **Keys**: at the URL that is common to all tenants, directly: the metadata there is that of the issuer
    ///   `https://login.microsoftonline.com/{tenantid}/v2.0`, braces and all, and that is no issuer of any token. By
    ///   that name it is found in [`status`](crate::ResourceServer::status) and in logs.
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
    /// If there is no tenant, or one is not a GUID in lower case. One that is there twice is found out when the server
    /// is built.
    pub fn entra_tenants(tenants: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let tenants: Vec<_> = tenants.into_iter().collect();
        if tenants.is_empty() {
            return Err(refuse("list of Entra tenants", "", "a list of at least one"));
        }
        let tenants = tenants.iter().map(|tenant| guid(tenant.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(Identities::of_tenants(V2, tenants), jwks(V2_KEYS)?).of_entra())
    }

    /// One tenant of Microsoft Entra ID, for tokens of version 1: what an API gets whose manifest leaves
    /// `requestedAccessTokenVersion` out. Their issuer is `https://sts.windows.net/{tenant}/`, with the slash.
    ///
    /// - **Keys**: at the URL that is common to all tenants, because there is no metadata where the issuer is. They are
    ///   not bound to tenants.
    /// - **Required besides**: `tid` is the tenant, and `appid` is there, as it is not in ID tokens. It is what
    ///   [`client_id`](crate::AccessToken::client_id) tells.
    /// - **To be set up**: the audience is what the client asked for, in most cases the App ID URI (`api://…`).
    /// - **Roles**: as in [`entra`](Self::entra); besides, `acr` is `0` or `1`.
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
        let issuer = Self::new(Identities::of_tenant(V1, guid(tenant)?), jwks(V1_KEYS)?);
        Ok(issuer.speaking(Mark::Client, ClientClaim::AppId))
    }

    fn of_entra(mut self) -> Self {
        self.dialect.key_issuers = KeyIssuers::Honoured;
        self.speaking(Mark::Client, ClientClaim::Standard)
    }
}

/// The identifier of a tenant as tokens have it: 8, 4, 4, 4 and 12 hexadecimal digits.
fn guid(tenant: &str) -> Result<&str, ConfigError> {
    if is_tenant(tenant) {
        return Ok(tenant);
    }
    let expected = if is_any_tenant(tenant) {
        "a GUID in lower case; this name stands for any tenant, so set the GUID of your tenant, or several with entra_tenants"
    } else {
        "a GUID in lower case"
    };
    Err(refuse("tenant of Entra", tenant, expected))
}
