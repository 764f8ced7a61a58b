use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::{host, jwks, refuse};
use crate::token::ClientClaim;
use crate::validation::{Identities, Mark};

const TEAM_DOMAIN: &str = "team domain of Cloudflare Access";

impl Issuer {
    /// Cloudflare Access, identified by the team domain, such as `shop.cloudflareaccess.com`: for the application tokens that Cloudflare
    /// adds to the requests that it lets through. The issuer is `https://{domain}`.
    ///
    /// - **Keys**: at the team domain's `/cdn-cgi/access/certs`.
    /// - **Also required**: `type` is `app`. The global session token of the team domain, with which a user signs in to every
    ///   application, has `org`. Tokens for an application that is connected through OpenID Connect have another issuer.
    /// - **Set up**: the audience is the *Application Audience (AUD) Tag* of the Access application, a string of hexadecimal digits. All
    ///   applications of a team share the same keys, so only the tag tells them apart.
    /// - **Where the token is**: in the header `Cf-Access-Jwt-Assertion`, without the word `Bearer`:
    ///   [`TokenSource::header`](crate::credentials::TokenSource::header). Cloudflare copies it from a browser cookie, so [refuse
    ///   cross-site requests](crate::credentials::TokenSource::refuse_cross_site) (CSRF). The cookie `CF_Authorization` also holds the
    ///   token, but Cloudflare does not guarantee to send it to you. To ignore `Authorization`, use
    ///   [`token_only_from`](crate::layer::ProtectLayer::token_only_from), which reads only this header.
    /// - **Service tokens**: their `sub` is empty, so they are refused unless you add [`client_as_subject`](Self::client_as_subject).
    ///   Then [`client_id`](crate::AccessToken::client_id) and [`subject`](crate::AccessToken::subject) are the service token's *Client
    ///   ID*, which is in `common_name`, and [`is_client`](crate::AccessToken::is_client) is true. Tokens of users have no client.
    /// - **Roles**: none, and no scopes. Policies at Cloudflare decide who may use the application, and can add claims of the identity
    ///   provider to the token. `/email` is the user's address.
    ///
    /// Cloudflare documents the claims at
    /// <https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/application-token/>.
    ///
    /// ```
    /// use tower_bearer::credentials::TokenSource;
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228")
    ///     .trust(Issuer::cloudflare_access("shop.cloudflareaccess.com")?.client_as_subject()) // also service tokens
    ///     .build()?;
    /// let assertion = http::HeaderName::from_static("cf-access-jwt-assertion");
    /// let protected = api.layer().token_only_from(TokenSource::header(assertion).refuse_cross_site());
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `domain` is not a bare domain (no scheme, no slash), or is only the name of the team.
    pub fn cloudflare_access(domain: &str) -> Result<Self, ConfigError> {
        if !domain.contains('.') {
            return Err(refuse(TEAM_DOMAIN, domain, "the full team domain, such as shop.cloudflareaccess.com"));
        }
        let identifier = format!("https://{}", host(TEAM_DOMAIN, domain)?);
        let keys = jwks(&format!("{identifier}/cdn-cgi/access/certs"))?;
        let issuer = Self::new(Identities::one(&identifier), keys);
        Ok(issuer.speaking(Mark::Value { claim: "type", value: "app" }, ClientClaim::CommonName))
    }
}
