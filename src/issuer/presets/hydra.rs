use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use crate::token::ClientClaim;
use crate::validation::Mark;

impl Issuer {
    /// Ory Hydra, and the projects of Ory Network, by the issuer: what `urls.self.issuer` says, character by character. Where
    /// that ends in a slash, so does this.
    ///
    /// - **Keys**: by the issuer's metadata.
    /// - **Also required**: `client_id` is present. ID tokens have no `client_id`, unless the consent application adds one.
    /// - **Set up**: access tokens must be JWTs (`strategies.access_token: jwt`, or `access_token_strategy` of a client). By
    ///   default they are opaque, and refused unless they are [introspected](crate::manual::opaque_tokens#presets). A token has an `aud` only if the client asks for one (`audience`) that it is
    ///   registered with. For clients that do not, [identify the tokens by client](Self::identify_by_client).
    /// - **Roles**: what the consent application adds, below `/ext`. Scopes are in `scp`, an array; in `scope` if
    ///   `strategies.jwt.scope_claim` says so. With client credentials `sub` is the client's identifier.
    /// - **Introspection** (feature `introspection`): at the administration port, which the metadata do not name, so it takes
    ///   `Introspection::at("http://hydra:4445/admin/oauth2/introspect", …)`. Hydra reads no credentials there, and ignores those of
    ///   the client: keep the port to yourself. Also required is `token_use`, which is `access_token`, and `refresh_token` for the
    ///   others. Without an audience in the request, `aud` is an empty array, and
    ///   [`identify_by_client`](Self::identify_by_client) is needed here too. Access tokens begin with `ory_at_`.
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
    /// As for [`discover`](Self::discover).
    pub fn hydra(issuer: &str) -> Result<Self, ConfigError> {
        // Written by `introspectOAuth2Token` in oauth2/handler.go: `access_token` or `refresh_token`.
        let of_answers = Mark::Value { claim: "token_use", value: "access_token" };
        let issuer = Self::openid(issuer)?.answering(of_answers, ClientClaim::ClientId);
        Ok(issuer.speaking(Mark::Client, ClientClaim::ClientId))
    }
}
