use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::{jwks, refuse};
use crate::token::ClientClaim;
use crate::validation::{Identities, Mark};

impl Issuer {
    /// An Amazon Cognito user pool, identified by its ID, for the tokens of these app clients. The issuer is
    /// `https://cognito-idp.{region}.amazonaws.com/{pool}`. The region is the part of the pool's identifier before `_`.
    ///
    /// - **Keys**: at the pool's `/.well-known/jwks.json`.
    /// - **Also required**: `token_use` is `access`. `client_id` is one of `clients`, [instead of an
    ///   audience](Self::identify_by_client), because most access tokens have no `aud`. A token that was requested for a resource
    ///   (RFC 8707) has an `aud`, which must name this server.
    /// - **Set up**: nothing. If the pool serves several APIs, require a scope of this API's resource server.
    /// - **Roles**: `/cognito:groups`. Scopes are in `scope`; a sign-in with the user pools API gets only
    ///   `aws.cognito.signin.user.admin`.
    ///
    /// For China, whose domain differs, use [`jwks`](Self::jwks).
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("https://api.example.com")
    ///     .trust(Issuer::cognito("eu-central-1_AbCdEfGhI", ["4r1l9b6tkn0demo3app5client"])?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `pool` is not the identifier of a pool, such as `eu-central-1_AbCdEfGhI`. An empty list of clients is an error when the
    /// server is built.
    pub fn cognito(pool: &str, clients: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ConfigError> {
        let expected = "a region outside China, an underscore, and letters and digits";
        let (region, _) = parse_pool(pool).ok_or_else(|| refuse("user pool of Cognito", pool, expected))?;
        let identifier = format!("https://cognito-idp.{region}.amazonaws.com/{pool}");
        let keys = jwks(&format!("{identifier}/.well-known/jwks.json"))?;
        let issuer = Self::new(Identities::one(&identifier), keys).identify_by_client(clients);
        Ok(issuer.speaking(Mark::TokenUse, ClientClaim::Standard))
    }
}

/// The region of a user pool, and the rest.
fn parse_pool(pool: &str) -> Option<(&str, &str)> {
    let (region, rest) = pool.split_once('_')?;
    let is_region = region.contains('-')
        && !region.starts_with('-')
        && !region.ends_with('-')
        && !region.starts_with("cn-")
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let is_rest = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_region && is_rest).then_some((region, rest))
}
