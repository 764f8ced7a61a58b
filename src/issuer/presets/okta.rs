use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::{host, segment};
use crate::token::ClientClaim;
use crate::validation::Mark;

impl Issuer {
    /// A custom Okta authorization server: `default`, or the ID of one that you created, at `dev-123456.okta.com` or at your
    /// own domain. The issuer is `https://{domain}/oauth2/{authorization_server}`.
    ///
    /// - **Keys**: found through the server's metadata.
    /// - **Also required**: `cid` is present. ID tokens have no `cid`. [`client_id`](crate::AccessToken::client_id) returns it.
    /// - **Set up**: the authorization server's audience (`api://default` for the first one). The tokens of the organization's
    ///   own server, whose issuer is the bare domain, are only for Okta's API.
    /// - **Roles**: `/groups`, if you add a claim of that name. Scopes are in the array `scp`. `sub` is the user's login,
    ///   while `/uid` is an ID that does not change.
    /// - **Introspection** (feature `introspection`): use a client of the same authorization server. Answers have the client
    ///   in `client_id` and the scopes in `scope`. A `jti` that starts with `AT.` is also required: in answers about ID tokens
    ///   it starts differently, and answers about refresh tokens have neither `jti` nor `aud`.
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("api://default").trust(Issuer::okta("shop.okta.com", "default")?).build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `domain` is not a bare domain, or the authorization server has characters other than letters, digits, `-`, `.`, `_`
    /// and `~`.
    pub fn okta(domain: &str, authorization_server: &str) -> Result<Self, ConfigError> {
        let domain = host("domain of Okta", domain)?;
        let server = segment("authorization server of Okta", authorization_server)?;
        let issuer = Self::openid(&format!("https://{domain}/oauth2/{server}"))?;
        // Every access token has such a `jti`. ID tokens have `ID.`, and answers about refresh tokens none:
        // https://developer.okta.com/docs/reference/api/oidc/#introspect
        let issuer = issuer.answering(Mark::IdPrefix("AT."), ClientClaim::ClientId);
        Ok(issuer.speaking(Mark::Client, ClientClaim::Cid))
    }
}
