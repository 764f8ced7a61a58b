use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::{refuse, segment};
use crate::token::{ClientClaim, RolesClaim};
use crate::validation::Mark;

impl Issuer {
    /// A Keycloak realm. The issuer is `{base_url}/realms/{realm}`; before version 17 the base URL ended in `/auth`.
    ///
    /// - **Keys**: found through the realm's metadata. The key set also holds a key for encryption (`RSA-OAEP`), which is skipped.
    /// - **Also required**: `typ` in the payload is `Bearer`, as in every access token that is not bound to a key. ID, refresh,
    ///   offline and logout tokens of the realm have another `typ`.
    /// - **Set up**: an audience mapper that adds this server's audience to `aud`, in a client scope of the clients that call it. Without one,
    ///   `aud` is absent, or names only the clients in which the user has client roles (*Audience Resolve*), by default only `account`.
    ///   Tokens that do not name this server are refused.
    /// - **Lightweight access tokens** (a client setting, on for `admin-cli` since version 26): besides claims that every token has, such as
    ///   `iss`, `typ` and `azp`, they have only the claims of mappers with *Add to lightweight access token*. Turn it on for the *Subject*
    ///   mapper in the client scope *basic* and for the *Audience* mapper; otherwise `sub` or `aud` is missing, and the tokens are refused.
    ///   Also turn it on for the mappers of what your requirements read: roles, `auth_time` (in *basic*) and `acr` (in the client scope
    ///   *acr*). Do not use [`client_as_subject`](Self::client_as_subject) for lightweight tokens: all users of a client would be one subject.
    /// - **Roles**: `/realm_access/roles`, which [`Require::role`](crate::Require::role) reads, and `/resource_access/{client}/roles`,
    ///   which apply to that client only. Scopes are in
    ///   `scope`. The `acr` is `0`, `1`, or the level that the realm maps it to.
    ///
    /// **Introspection** (feature `introspection`): use a confidential client of the realm. Since version 26.6.2, Keycloak reports a token as
    /// inactive unless its `aud` names this client, so add an audience mapper for the client and use its ID as the server's audience. Answers
    /// have the claims of mappers with *Add to token introspection*, also for lightweight tokens, and the `typ` of the token: `Refresh` and
    /// `ID` are refused.
    ///
    /// `iss` has the public host name. If this server reaches Keycloak under another name, use [`keys_from`](Self::keys_from).
    ///
    /// ```
    /// use tower_bearer::{Issuer, Require, ResourceServer};
    ///
    /// let api = ResourceServer::builder("https://api.example.com")
    ///     .trust(Issuer::keycloak("https://id.example.com", "shop")?)
    ///     .build()?;
    /// let administration = Require::role("admin"); // a role of the realm
    /// let billing = Require::token().and_claim_contains("/resource_access/shop-api/roles", "billing"); // of a client
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the base URL is not acceptable to [`discover`](Self::discover), ends in a slash or already names a realm, or if the realm has
    /// characters other than letters, digits, `-`, `.`, `_` and `~`. Use [`discover`](Self::discover) for a realm with such a name.
    pub fn keycloak(base_url: &str, realm: &str) -> Result<Self, ConfigError> {
        if base_url.ends_with('/') || base_url.contains("/realms") {
            let expected = "a URL that ends before the slash and \"realms\"";
            return Err(refuse("base URL of Keycloak", base_url, expected));
        }
        let realm = segment("realm of Keycloak", realm)?;
        let issuer = Self::openid(&format!("{base_url}/realms/{realm}"))?.with_roles_in(RolesClaim::RealmAccess);
        Ok(issuer.speaking(Mark::Bearer, ClientClaim::Standard))
    }
}
