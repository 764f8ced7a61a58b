//! The constructors of [`Issuer`] for particular providers, one file each. The rules themselves are in
//! `validation`.

mod ad_fs;
mod auth0;
mod authentik;
mod azure_b2c;
mod cloudflare_access;
mod cognito;
mod dex;
mod entra;
mod entra_external;
mod firebase;
mod github_actions;
mod google;
mod google_iap;
mod hydra;
mod keycloak;
mod kubernetes;
mod okta;
#[cfg(test)]
mod service_tests;
mod spiffe;
mod supabase;
#[cfg(test)]
mod tests;
mod text;
mod zitadel;

use super::config_error::ConfigError;
use super::issuer::Issuer;
use super::source::Source;
use crate::keys::{Encryption, RemoteKeys};
use crate::token::{ClientClaim, RolesClaim};
use crate::validation::{Callers, Dialect, Identities, Mark};

impl Issuer {
    /// At these providers the metadata is at one place, and what they answer at others is not always 404.
    fn openid(identifier: &str) -> Result<Self, ConfigError> {
        let keys = RemoteKeys::discovered_openid(identifier, Encryption::Optional)
            .map_err(|reason| ConfigError::Issuer { value: identifier.to_owned(), reason })?;
        Ok(Self::new(Identities::one(identifier), Source::from(keys)))
    }

    fn speaking(mut self, mark: Mark, client: ClientClaim) -> Self {
        self.dialect = Dialect { mark, client, ..self.dialect };
        self
    }

    /// Sets the claim that its roles are in.
    fn with_roles_in(mut self, roles: RolesClaim) -> Self {
        self.dialect.roles = roles;
        self
    }

    /// Sets what its answers about tokens (RFC 7662) have, where that differs from its JWTs.
    fn answering(mut self, mark: Mark, client: ClientClaim) -> Self {
        self.dialect.in_answers = Some((mark, client));
        self
    }

    /// Accepts only tokens in which `claim` is one of the texts in `listed`, of which there is at least one.
    fn called_by(mut self, claim: &'static str, listed: Vec<String>) -> Self {
        self.callers = Some(Callers { claim, listed: listed.into_iter().map(Into::into).collect() });
        self
    }
}
