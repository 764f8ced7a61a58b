use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use crate::token::ClientClaim;
use crate::validation::Mark;

impl Issuer {
    /// Ory Hydra, or a project of Ory Network, identified by its issuer: exactly the value of `urls.self.issuer`, including a
    /// trailing slash if it has one.
    ///
    /// - **Keys**: found through the issuer's metadata.
    /// - **Also required**: `client_id` is present. ID tokens have no `client_id`, unless the consent application adds one.
    /// - **Set up**: access tokens must be JWTs (`strategies.access_token: jwt`, or `access_token_strategy` of a client). By default
    ///   they are opaque, and are refused unless they are [introspected](crate::manual::opaque_tokens#presets). A token has an `aud`
    ///   only if the client requests one (`audience`) that is registered for it. For clients that do not, [identify the tokens by
    ///   client](Self::identify_by_client).
    /// - **Roles**: whatever the consent application adds, below `/ext`. Scopes are in the array `scp`, or in `scope` if
    ///   `strategies.jwt.scope_claim` is set accordingly. With client credentials `sub` is the client's identifier.
    /// - **Introspection** (feature `introspection`): at the administration port, which the metadata does not name, so use
    ///   `Introspection::at("http://hydra:4445/admin/oauth2/introspect", …)`. Hydra ignores credentials at that port, so do not
    ///   expose it. `token_use` is also required: it is `access_token` for access tokens and `refresh_token` for refresh tokens. If
    ///   the client requested no audience, `aud` is an empty array, and [`identify_by_client`](Self::identify_by_client) is needed
    ///   here too. Access tokens start with `ory_at_`.
    ///
    /// Documentation: <https://www.ory.com/docs/oauth2-oidc/jwt-access-token>
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let hydra = Issuer::hydra("https://hydra.example.com/")?.identify_by_client(["shop-web", "shop-app"]);
    /// let api = ResourceServer::builder("https://api.example.com").trust(hydra).build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as for [`discover`](Self::discover).
    pub fn hydra(issuer: &str) -> Result<Self, ConfigError> {
        // Written by `introspectOAuth2Token` in oauth2/handler.go: `access_token` or `refresh_token`.
        let of_answers = Mark::Value { claim: "token_use", value: "access_token" };
        let issuer = Self::openid(issuer)?.answering(of_answers, ClientClaim::ClientId);
        Ok(issuer.speaking(Mark::Client, ClientClaim::ClientId))
    }
}
