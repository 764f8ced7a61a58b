use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::{refuse, segment};
use crate::token::ClientClaim;
use crate::validation::Mark;

impl Issuer {
    /// An authentik application with an OAuth 2.0 provider, identified by the slug of the application. The issuer is
    /// `{base_url}/application/o/{slug}/`, with the trailing slash.
    ///
    /// - **Keys**: found through the application's metadata.
    /// - **Also required**: `azp` is present. authentik makes an access token from an ID token by adding `azp`. The audience does not
    ///   distinguish them, because it is the provider's client identifier in both. So do not add a scope mapping that returns `azp`,
    ///   because ID tokens would then have one too.
    /// - **Set up**: the provider must have a *signing key*; without one, its tokens are signed with the client secret (`HS256`) and
    ///   are refused. It must not have an *encryption key*. The issuer mode must be *each provider has a different issuer*, which is
    ///   the default. The audience is the provider's client identifier: set it as the server's audience or with
    ///   [`audiences`](Self::audiences). A server that is called by several applications must trust each of them.
    /// - **Roles**: `/groups`, with the scope `profile`. Scopes are in `scope`, in the versions that write it. `sub` depends on the
    ///   provider's *subject mode*. With client credentials it is that of a service account.
    /// - **Introspection** (feature `introspection`): use the client identifier and secret of the provider that issued the tokens.
    ///   Answers have no `azp`, and none is required. Scopes are in `scope`, in every version. Answers about refresh tokens have an
    ///   `at_hash`, and are refused because of it.
    ///
    /// authentik writes the host that the client called into `iss`, so every client has to use this base URL.
    ///
    /// Documentation: <https://docs.goauthentik.io/add-secure-apps/providers/oauth2/>
    ///
    /// ```
    /// use tower_bearer::{Issuer, Require, ResourceServer};
    ///
    /// let api = ResourceServer::builder("kGPN2rhtUO2PC3GAZOsnRmsGUjEdV4MMj7EO8vMu") // the provider's client identifier
    ///     .trust(Issuer::authentik("https://id.example.com", "shop")?)
    ///     .build()?;
    /// let buying = Require::token().and_claim_contains("/groups", "buyers");
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the base URL is not acceptable to [`discover`](Self::discover), ends in a slash or already names an application, or if the
    /// slug has characters other than letters, digits, `-`, `.`, `_` and `~`.
    pub fn authentik(base_url: &str, slug: &str) -> Result<Self, ConfigError> {
        if base_url.ends_with('/') || base_url.contains("/application") {
            let expected = "a URL that ends before the slash and \"application\"";
            return Err(refuse("base URL of authentik", base_url, expected));
        }
        let slug = segment("application of authentik", slug)?;
        let issuer = Self::openid(&format!("{base_url}/application/o/{slug}/"))?;
        // An answer has the claims of the token's ID token, which has no `azp`, and the `client_id` of the provider that asks. That is
        // also the token's, for `iss` and `aud` are. The ID token of a refresh token has `at_hash`
        // (authentik/providers/oauth2/views/introspection.py and token.py).
        let issuer = issuer.answering(Mark::Client, ClientClaim::ClientId);
        Ok(issuer.speaking(Mark::Client, ClientClaim::Azp))
    }
}
