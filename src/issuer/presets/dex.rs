use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use crate::token::ClientClaim;
use crate::validation::{AtHash, Mark};

impl Issuer {
    /// dex, by its issuer: what `issuer` in its configuration says, character by character.
    ///
    /// dex makes an access token as it makes an ID token: the same claims, with an `at_hash` and a `nonce`. So this preset does
    /// not apply the rule that a token with `at_hash` is an ID token, and applies others in its place.
    ///
    /// - **Keys**: by the issuer's metadata.
    /// - **Accepted**: tokens with `at_hash`.
    /// - **Also required**: `azp` and `at_hash` are present. dex writes `azp` only if a client asked for the audience of
    ///   *another* client, and only if that other client lists it as a trusted peer. So what a client gets for itself alone is
    ///   refused, such as the ID tokens of its sign-ins, also where the client has the name of the audience. ID tokens of the
    ///   code flow are refused by their `c_hash`, and those of a token exchange have no `at_hash`.
    /// - **What remains**: a client that is a trusted peer and asks for this server's audience gets an ID token for it too. If
    ///   that came in another way than with an authorization code, such as with a refresh token, a password or client
    ///   credentials, nothing distinguishes it from the access token that came with it, and it is accepted. It grants nothing
    ///   that the access token does not grant, but clients store and show ID tokens with less care.
    /// - **Set up**: a client for this API in dex (`staticClients`), whose `id` is the audience, and whose `trustedPeers` are
    ///   the clients that may call it. Users do not sign in at it, because the tokens that it got for others would have its
    ///   name too. The others request the scope `audience:server:client_id:{id}`.
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
    /// As for [`discover`](Self::discover).
    pub fn dex(issuer: &str) -> Result<Self, ConfigError> {
        let mut issuer = Self::openid(issuer)?.speaking(Mark::Client, ClientClaim::Azp);
        issuer.dialect.at_hash = AtHash::InEveryToken;
        Ok(issuer)
    }
}
