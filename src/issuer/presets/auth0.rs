use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::host;

impl Issuer {
    /// A tenant of Auth0, by its domain: `tenant.eu.auth0.com`, or a domain of your own. Its identifier is
    /// `https://{domain}/`, with the slash.
    ///
    /// - **Keys**: by the tenant's metadata.
    /// - **Set up**: an API whose identifier is this server's audience. Clients must ask for it (`audience`),
    ///   otherwise they get an opaque token, which is refused. `aud` may also name the `/userinfo` endpoint. The `aud` of an ID
    ///   token is the client, so never use a client's identifier as the audience.
    /// - **Roles**: `/permissions`, if the API has "Add Permissions in the Access Token". Scopes are in `scope`. The
    ///   API's token profile RFC 9068 fits [`Profile::Rfc9068`](crate::validation::Profile::Rfc9068).
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
