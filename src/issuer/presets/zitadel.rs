use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::host_and_port;
use crate::token::{ClientClaim, RolesClaim};
use crate::validation::Mark;

impl Issuer {
    /// A Zitadel instance, identified by its domain: `shop-abc123.zitadel.cloud`, or your own domain, with the port if there is one.
    /// The issuer is `https://{domain}`.
    ///
    /// - **Keys**: found through the instance's metadata. They live only for hours. A new key is fetched when its first token arrives.
    /// - **Also required**: `jti` is present. ID tokens have no `jti`, but their `aud` also names the project and all its applications.
    /// - **Set up**: applications and service users must have the access token type JWT; otherwise their tokens are opaque, and are
    ///   refused unless they are [introspected](crate::manual::opaque_tokens#presets). The audience is the project's ID. Clients of
    ///   other projects request it with the scope `urn:zitadel:iam:org:project:id:{project}:aud`.
    /// - **Roles**: the members of the object `/urn:zitadel:iam:org:project:roles`, if they are requested or asserted:
    ///   [`Require::role`](crate::Require::role) reads them. There are no scopes, so [`Require::scope`](crate::Require::scope) refuses every token.
    /// - **Introspection** (feature `introspection`): use an application of type API in the project, with a secret or a key. Only
    ///   tokens whose `aud` names the project or this application are active; ID and refresh tokens are not. Answers also have `scope`.
    ///   Personal access tokens can be introspected too.
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
