use std::sync::Arc;

use super::builder::Builder;
use super::issuer_settings::IssuerSettings;
use super::request_checks::RequestChecks;
use super::resource_server::{Inner, ResourceServer};
use super::validator::Validator;
use crate::binding::dpop::ProofVerifier;
use crate::issuer::{ConfigError, IssuerRegistry};
use crate::jose::KnownHeaders;
use crate::keys::PendingLookups;
use crate::revocation::Revocations;
use crate::token::ServerIdentity;
use crate::validation::{ServerContext, VerifiedTokens};

impl Builder {
    /// Builds the server. Nothing is fetched, no runtime is needed, and no issuer needs to be reachable. Files of
    /// [persisted keys](crate::Issuer::persist_keys) are read, if there are some.
    ///
    /// # Errors
    ///
    /// The first setting that is not acceptable, or [`ConfigError::NoIssuer`].
    pub fn build(self) -> Result<ResourceServer, ConfigError> {
        if let Some(first) = self.mistakes().into_iter().next() {
            return Err(first.error);
        }
        let metadata = self.resource_metadata()?;
        let challenges = self.challenges(metadata.as_ref())?;
        let implied_scopes = self.implied_scopes()?.map(Arc::new);
        let (settings, pending) = (IssuerSettings::of(&self), PendingLookups::default());
        let issuers = self.issuers.iter().map(|issuer| settings.trusted(issuer, &pending).map(Arc::new));
        let issuers = issuers.collect::<Result<_, _>>()?;
        #[cfg(feature = "tenants")]
        let tenants = self.tenants(settings);
        let validator = Validator {
            #[cfg(feature = "tenants")]
            tenants,
            issuers: IssuerRegistry::new(issuers),
            context: ServerContext {
                identity: ServerIdentity::next(),
                clock: self.clock,
                parse_claims: self.claims.map(|claims| claims.parse),
                implied_scopes,
                revocations: self.revocations.as_ref().map(Revocations::table),
            },
            verified: VerifiedTokens::new(&self.token_cache),
            known_headers: KnownHeaders::default(),
        };
        let checks = RequestChecks::new(self.dpop.as_ref().map(ProofVerifier::new));
        Ok(ResourceServer(Arc::new(Inner { validator, checks, challenges, claims: self.claims, metadata })))
    }
}
