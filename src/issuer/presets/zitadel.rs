use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::host_and_port;
use crate::token::{ClientClaim, RolesClaim};
use crate::validation::Mark;

impl Issuer {
    /// An instance of Zitadel, by its domain: `shop-abc123.zitadel.cloud`, or your own domain, with the port if it has one. The
    /// issuer is `https://{domain}`.
    ///
    /// - **Keys**: by the instance's metadata. They live for hours only. A new key is fetched when its first token comes.
    /// - **Also required**: `jti` is present. ID tokens have no `jti`, and their `aud` names the project and all its applications
    ///   too.
    /// - **Set up**: applications and service users must have the access token type JWT, otherwise their tokens are opaque and
    ///   refused, unless they are [introspected](crate::manual::opaque_tokens#presets). The audience is the project's identifier. Clients of other projects ask for it with the scope
    ///   `urn:zitadel:iam:org:project:id:{project}:aud`.
    /// - **Roles**: the members of the object `/urn:zitadel:iam:org:project:roles`, if they are requested or asserted:
    ///   [`Require::role`](crate::Require::role) reads them. There are no scopes, so [`Require::scope`](crate::Require::scope) refuses every token.
    /// - **Introspection** (feature `introspection`): as an application of type API in the project, with a secret or a key. Answers are
    ///   about tokens alone that name the project or this application in `aud`. They have `scope` too. Also personal access tokens
    ///   are introspected. ID and refresh tokens are not active.
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("69234237810729019").trust(Issuer::zitadel("id.example.com")?).build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `domain` is not a domain with an optional port.
    pub fn zitadel(domain: &str) -> Result<Self, ConfigError> {
        let issuer = Self::openid(&format!("https://{}", host_and_port("domain of Zitadel", domain)?))?;
        Ok(issuer.with_roles_in(RolesClaim::ZitadelProject).speaking(Mark::Id, ClientClaim::Standard))
    }
}
