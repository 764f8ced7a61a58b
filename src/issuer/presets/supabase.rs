use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::refuse;
use crate::keys::{Encryption, identifying};
use crate::token::ClientClaim;
use crate::validation::Mark;

/// The `aud` of a signed-in user's tokens, in every project.
const AUDIENCE: &str = "authenticated";

impl Issuer {
    /// A Supabase project, identified by its reference, such as `abcdefghijklmnopqrst`: for the access tokens of its users. The
    /// issuer is `https://{project}.supabase.co/auth/v1`, even for a project with a custom domain.
    ///
    /// - **Keys**: at the issuer's `/.well-known/jwks.json`. The set is empty as long as the project signs with a shared secret
    ///   (HS256), and then no token is accepted: see *Set up*.
    /// - **Audience**: `authenticated`, as in every project, instead of the server's audience.
    /// - **Also required**: `session_id` is present, as in every access token. The ID tokens of a project that is an OAuth server
    ///   have none. The `anon` and `service_role` keys are tokens with another issuer (`supabase`), signed with the shared
    ///   secret.
    /// - **Set up**: under *JWT Signing Keys* in the project's settings, migrate the legacy secret and rotate to an asymmetric key
    ///   (ES256 or RS256). Users stay signed in.
    /// - **Roles**: `/role` is the database role: `authenticated`, unless another is configured. Your own roles belong in
    ///   `/app_metadata`, which only the project's servers can write, or in claims that a *Custom Access Token Hook* adds. *Never
    ///   use `/user_metadata`: users write it themselves.* `/is_anonymous` is true for a user who has signed in without an account.
    ///   `/aal` is `aal2` after a second factor.
    /// - **Client**: `client_id`, which is present only if an OAuth client got the token for the user. If the project is an OAuth
    ///   server with third-party clients, their tokens are accepted here too: check [`client_id`](crate::AccessToken::client_id).
    ///   `scope` concerns only user data.
    ///
    /// Supabase documents the claims at <https://supabase.com/docs/guides/auth/jwt-fields>, and the keys at
    /// <https://supabase.com/docs/guides/auth/signing-keys>.
    ///
    /// ```
    /// use tower_bearer::{Issuer, Require, ResourceServer};
    ///
    /// let api = ResourceServer::builder("https://api.example.com")
    ///     .trust(Issuer::supabase("abcdefghijklmnopqrst")?)
    ///     .build()?;
    /// let members = Require::token().and_claim_equals("/is_anonymous", false);
    /// let staff = Require::token().and_claim_contains("/app_metadata/roles", "staff");
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `project` has characters other than lower-case letters and digits. It is not the project's name.
    pub fn supabase(project: &str) -> Result<Self, ConfigError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if project.is_empty() || !project.bytes().all(is_plain) {
            let expected = "the reference of a project: lower-case letters and digits";
            return Err(refuse("project of Supabase", project, expected));
        }
        Self::supabase_self_hosted(&format!("https://{project}.supabase.co/auth/v1"))
    }

    /// Self-hosted Supabase Auth, identified by the `iss` of its tokens: like [`supabase`](Self::supabase), with another issuer,
    /// which is the value of `GOTRUE_JWT_ISSUER`, such as `https://supabase.example.com/auth/v1`.
    ///
    /// The keys are at the issuer's `/.well-known/jwks.json`. If they are elsewhere, use [`keys_from`](Self::keys_from).
    ///
    /// ```
    /// use tower_bearer::Issuer;
    ///
    /// let own = Issuer::supabase_self_hosted("https://supabase.example.com/auth/v1")?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `issuer` ends in a slash, has a query, or is not acceptable to [`jwks`](Self::jwks).
    pub fn supabase_self_hosted(issuer: &str) -> Result<Self, ConfigError> {
        if issuer.ends_with('/') || issuer.contains(['?', '#']) {
            return Err(refuse("issuer of Supabase", issuer, "a URL without a query and without a slash at its end"));
        }
        if let Err(reason) = identifying(issuer, Encryption::Optional) {
            return Err(ConfigError::Issuer { value: issuer.to_owned(), reason });
        }
        let mut issuer = Self::jwks(issuer, &format!("{issuer}/.well-known/jwks.json"))?;
        issuer.default_audience = Some(AUDIENCE.into());
        Ok(issuer.speaking(Mark::Claim("session_id"), ClientClaim::Standard))
    }
}
