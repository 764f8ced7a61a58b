use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use crate::token::ClientClaim;
use crate::validation::{AtHash, Mark};

impl Issuer {
    /// dex, identified by its issuer: exactly the value of `issuer` in its configuration.
    ///
    /// dex makes access tokens like ID tokens: with the same claims, including an `at_hash` and a `nonce`. So this preset
    /// drops the rule that a token with `at_hash` is an ID token, and has other rules instead.
    ///
    /// - **Keys**: found through the issuer's metadata.
    /// - **Accepted**: tokens with `at_hash`.
    /// - **Also required**: `azp` and `at_hash` are present. dex writes `azp` only if a client requested the audience of
    ///   *another* client that lists it as a trusted peer. So tokens that a client gets only for itself, such as the ID tokens
    ///   of its sign-ins, are refused, even if the client has the name of the audience. ID tokens of the code flow are refused
    ///   because of their `c_hash`, and those of a token exchange because they have no `at_hash`.
    /// - **What remains**: a trusted peer that requests this server's audience also gets an ID token for it. If that token was
    ///   issued without an authorization code, such as for a refresh token, a password or client credentials, nothing
    ///   distinguishes it from the access token that came with it, and it is accepted. It grants nothing that the access token
    ///   does not grant, but clients are less careful with ID tokens.
    /// - **Set up**: a client for this API in dex (`staticClients`), whose `id` is the audience, and whose `trustedPeers` are
    ///   the clients that may call the API. Users must not sign in to the API's client, because the tokens that it would get
    ///   for other audiences would also name it. The other clients request the scope `audience:server:client_id:{id}`.
    /// - **Roles**: `/groups`, with the scope `groups`. There are no scopes in the token, so
    ///   [`Require::scope`](crate::Require::scope) refuses every token. `sub` combines the user and the connector.
    ///
    /// Documentation: <https://dexidp.io/docs/configuration/custom-scopes-claims-clients/>
    ///
    /// ```
    /// use tower_bearer::{Issuer, Require, ResourceServer};
    ///
    /// let api = ResourceServer::builder("shop-api").trust(Issuer::dex("https://dex.example.com")?).build()?;
    /// let buying = Require::token().and_claim_contains("/groups", "buyers");
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as for [`discover`](Self::discover).
    pub fn dex(issuer: &str) -> Result<Self, ConfigError> {
        let mut issuer = Self::openid(issuer)?.speaking(Mark::Client, ClientClaim::Azp);
        issuer.dialect.at_hash = AtHash::InEveryToken;
        Ok(issuer)
    }
}
