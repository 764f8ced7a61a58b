use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text;
use crate::token::{ClientClaim, RolesClaim};
use crate::validation::{Identities, Mark};

impl Issuer {
    /// Active Directory Federation Services (AD FS) 2016 and later, identified by the federation service's name, such as
    /// `sts.example.com`. The issuer of its access tokens is `http://{host}/adfs/services/trust`.
    ///
    /// - **Keys**: at `https://{host}/adfs/discovery/keys`. Nothing is fetched from the issuer's identifier, which is a
    ///   plain-http URL and only a name. The metadata is not used, because it describes the issuer `https://{host}/adfs`.
    /// - **Also required**: `appid` is present. [`client_id`](crate::AccessToken::client_id) returns it. ID tokens are refused
    ///   because of their `iss`, which is `https://{host}/adfs`. Nothing else distinguishes them: they may also have `appid`
    ///   and `scp` and, with the scope `allatclaims`, all claims of an access token.
    /// - **Set up**: a *Web API* in the application group, whose identifier is this server's audience. Use a URL. AD FS
    ///   prefixes any other identifier with `microsoft:identityserver:`, and the result is the audience. A token has the
    ///   claims that the issuance transform rules of the Web API issue, so it has a `sub` only if a rule issues one.
    /// - **No `sub`**: tokens that a client gets for itself have none. Accept them with
    ///   [`client_as_subject`](Self::client_as_subject), but only if a rule issues a `sub` for every user. Otherwise the
    ///   client would be the subject of all its users' tokens too.
    /// - **Roles**: whatever the rules issue, such as `/role`, which [`Require::role`](crate::Require::role) reads: an array
    ///   or, for one value, a string. Scopes are in `scp`. In many tokens `auth_time` is text, which does not satisfy
    ///   [`max_age`](crate::Require::and_max_age).
    ///
    /// If the federation service's identifier has been changed (`Get-AdfsProperties`), `iss` is that identifier. Use
    /// [`jwks`](Self::jwks) in that case, and make sure that the identifier differs from the issuer of ID tokens.
    ///
    /// Documentation:
    /// <https://learn.microsoft.com/en-us/windows-server/identity/ad-fs/development/ad-fs-openid-connect-oauth-concepts>
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let api = ResourceServer::builder("https://api.example.com").trust(Issuer::ad_fs("sts.example.com")?).build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `host` is not a bare domain: no scheme, no port, no slash.
    pub fn ad_fs(host: &str) -> Result<Self, ConfigError> {
        let host = text::host("host of AD FS", host)?;
        let identities = Identities::one(&format!("http://{host}/adfs/services/trust"));
        let issuer = Self::new(identities, text::jwks(&format!("https://{host}/adfs/discovery/keys"))?);
        Ok(issuer.with_roles_in(RolesClaim::Role).speaking(Mark::Client, ClientClaim::AppId))
    }
}
