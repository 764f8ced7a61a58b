use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::{jwks, refuse};
use crate::token::ClientClaim;
use crate::validation::{Identities, Mark};

/// With `%40` for the `@`, because what stands before an `@` is hidden in logs, as if it were a password.
const KEYS: &str = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken%40system.gserviceaccount.com";

impl Issuer {
    /// A project of Firebase Authentication or Google's Identity Platform, identified by its ID: for the ID tokens with which its
    /// apps call your server. The issuer is `https://securetoken.google.com/{project}`.
    ///
    /// Firebase has no access tokens for your own servers: its SDKs send the ID token (`getIdToken`), which identifies the user and
    /// grants nothing.
    ///
    /// - **Keys**: at Google's URL, the same for all projects. *So only `iss` and `aud` tell your project's users from those of
    ///   other projects*, and both are required.
    /// - **Audience**: the project's ID, instead of the server's audience. You need not set it.
    /// - **Also required**: `firebase` is present, as in every ID token of a user. The tokens that call a blocking function have
    ///   another audience. Session cookies, custom tokens and App Check tokens have other issuers and other keys. The tokens of the
    ///   emulator are not signed.
    /// - **Set up**: nothing. Decide who may sign up: with an open provider, or with anonymous sign-in, anyone in the world can be
    ///   a user of your project.
    /// - **Roles**: custom claims, which the Admin SDK sets (`setCustomUserClaims`), at the top level of the token: `/admin`. No scopes.
    ///   `/firebase/sign_in_provider` is `anonymous` for a user without an account, and `/firebase/tenant` names the tenant in a
    ///   project with several. Do not rely on `/email` unless `/email_verified` is true. There is no client.
    ///
    /// A disabled user's token stays valid until it expires, after at most an hour. Google documents the claims at
    /// <https://firebase.google.com/docs/auth/admin/verify-id-tokens>.
    ///
    /// ```
    /// use tower_bearer::{Issuer, Require, ResourceServer};
    ///
    /// let api = ResourceServer::builder("https://api.example.com").trust(Issuer::firebase("shop-1a2b3")?).build()?;
    /// let administration = Require::token().and_claim_equals("/admin", true);
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `project` is not the ID of a project: a lower-case letter, then lower-case letters, digits and `-`. Tokens contain
    /// neither the number nor the name of a project.
    pub fn firebase(project: &str) -> Result<Self, ConfigError> {
        if !is_project(project) {
            let expected = "the ID of a project: a lower-case letter, then lower-case letters, digits and '-'";
            return Err(refuse("project of Firebase", project, expected));
        }
        let identifier = format!("https://securetoken.google.com/{project}");
        let mut issuer = Self::new(Identities::one(&identifier), jwks(KEYS)?);
        issuer.default_audience = Some(project.into());
        Ok(issuer.speaking(Mark::Claim("firebase"), ClientClaim::ClientId))
    }
}

fn is_project(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.bytes().next().is_some_and(|first| first.is_ascii_lowercase()) && text.bytes().all(is_plain)
}
