use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::host;

impl Issuer {
    /// An Auth0 tenant, identified by its domain: `tenant.eu.auth0.com`, or your own domain. The issuer is `https://{domain}/`,
    /// with the trailing slash.
    ///
    /// - **Keys**: found through the tenant's metadata.
    /// - **Set up**: an API whose identifier is this server's audience. Clients must request it (`audience`); otherwise they
    ///   get an opaque token, which is refused. `aud` may also name the `/userinfo` endpoint. The `aud` of an ID token is the
    ///   client, so never use a client's identifier as the audience.
    /// - **Roles**: `/permissions`, if the API has "Add Permissions in the Access Token". Scopes are in `scope`. If the API's
    ///   token profile is RFC 9068, you can use [`Profile::Rfc9068`](crate::validation::Profile::Rfc9068).
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("https://api.example.com")
    ///     .trust(Issuer::auth0("shop.eu.auth0.com")?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `domain` is not a bare domain: no scheme, no slash.
    pub fn auth0(domain: &str) -> Result<Self, ConfigError> {
        Self::openid(&format!("https://{}/", host("domain of Auth0", domain)?))
    }
}
