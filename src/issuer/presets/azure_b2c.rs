use super::super::config_error::ConfigError;
use super::super::issuer::Issuer;
use super::text::{guid, host, jwks, refuse, segment};
use crate::token::ClientClaim;
use crate::validation::{Identities, Mark, UserFlow};

impl Issuer {
    /// One user flow or custom policy of Azure AD B2C, at `{name}.b2clogin.com` or at your own domain. All policies of a directory have the issuer
    /// `https://{domain}/{tenant}/v2.0/`, with the trailing slash, and each policy has its own URL for its keys. Trust each policy whose tokens are
    /// to be accepted.
    ///
    /// - **Keys**: at `https://{domain}/{tenant}/{policy}/discovery/v2.0/keys`. These keys are used only for tokens of that policy. Microsoft
    ///   publishes the same keys for many policies and directories, so only `iss` and `tfp` distinguish them. The metadata is not used, because
    ///   it is located by policy and not by issuer.
    /// - **Also required**: `tfp` (or `acr`, if `tfp` is absent) is the policy, ignoring case. `azp` is present. ID tokens have no `azp`, and their
    ///   audience is the same if a client and an API share one registration.
    /// - **Set up**: the audience is the API's application identifier, a GUID. The user flow's *subject claim* must be the object identifier, because
    ///   the setting *not supported* gives every user the same `sub`.
    /// - **Roles**: none, unless a custom policy adds them. Scopes are in `scp`, also with client credentials. Tokens for an API with the same
    ///   registration as the client have no scopes.
    /// - **Names**: [`status`](crate::ResourceServer::status), logs and metrics show the issuer and, in parentheses, the
    ///   policy. [`ready_for`](crate::ResourceServer::ready_for) waits for all policies of the issuer.
    ///
    /// If the *issuer claim* is configured to contain the policy (`https://{domain}/tfp/{tenant}/{policy}/v2.0/`), each policy is a separate issuer.
    /// Use [`discover`](Self::discover) for each, with an audience that does not belong to a client. For tokens that a client gets for itself from
    /// `login.microsoftonline.com`, without a policy, use [`entra`](Self::entra).
    ///
    /// Documentation: <https://learn.microsoft.com/en-us/azure/active-directory-b2c/tokens-overview>
    ///
    /// ```
    /// use tower_bearer::{Issuer, ResourceServer};
    ///
    /// let tenant = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
    /// let policies = ["B2C_1_signin", "B2C_1_editprofile"]
    ///     .map(|policy| Issuer::azure_b2c("contoso.b2clogin.com", tenant, policy));
    /// let api = ResourceServer::builder("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    ///     .trust_all(policies.into_iter().collect::<Result<Vec<_>, _>>()?)
    ///     .build()?;
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `domain` is not a bare domain, or is `{name}.onmicrosoft.com`, which no token contains; if `tenant` is not a GUID in lower case; or if
    /// `policy` is not the full name of a policy, which begins with `B2C_1_` or `B2C_1A_`. Trusting a policy twice is an error when the server is
    /// built.
    pub fn azure_b2c(domain: &str, tenant: &str, policy: &str) -> Result<Self, ConfigError> {
        let domain = sign_in_domain(domain)?;
        let tenant = guid("tenant of Azure AD B2C", tenant)?;
        let policy = full_name(policy)?;
        let identifier = format!("https://{domain}/{tenant}/v2.0/");
        let name = format!("{identifier} ({policy})");
        let keys = jwks(&format!("https://{domain}/{tenant}/{policy}/discovery/v2.0/keys"))?;
        let mut issuer = Self::new(Identities::named(&name, &identifier), keys);
        issuer.user_flow = Some(UserFlow::new(policy));
        Ok(issuer.speaking(Mark::Client, ClientClaim::Azp))
    }
}

/// The domain at which users sign in. The name of the directory is none.
fn sign_in_domain(domain: &str) -> Result<&str, ConfigError> {
    let argument = "domain of Azure AD B2C";
    if domain.ends_with(".onmicrosoft.com") {
        return Err(refuse(argument, domain, "the domain of sign-ins, such as contoso.b2clogin.com"));
    }
    host(argument, domain)
}

/// The name of a policy with its prefix, which is never absent.
fn full_name(policy: &str) -> Result<&str, ConfigError> {
    let argument = "policy of Azure AD B2C";
    let policy = segment(argument, policy)?;
    let has_prefix = |prefix: &str| {
        policy.split_at_checked(prefix.len()).is_some_and(|(start, _)| start.eq_ignore_ascii_case(prefix))
    };
    if has_prefix("B2C_1_") || has_prefix("B2C_1A_") {
        return Ok(policy);
    }
    Err(refuse(argument, policy, "the full name of a policy, such as B2C_1_signin"))
}
