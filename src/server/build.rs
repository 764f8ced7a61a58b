use std::sync::Arc;

use super::builder::Builder;
use super::configured::Configured;
use super::handle::Handle;
use super::issuer_settings::IssuerSettings;
use super::kept::Kept;
use super::request_checks::RequestChecks;
use super::resource_server::ResourceServer;
use super::snapshot::{Inner, Snapshot};
use super::validator::Validator;
use crate::binding::dpop::ProofVerifier;
use crate::issuer::{ConfigError, IssuerRegistry};
use crate::revocation::Revocations;
use crate::validation::ServerContext;

impl Builder {
    /// Builds the server. Nothing is fetched, no runtime is needed, and no issuer needs to be reachable. Files of
    /// [persisted keys](crate::Issuer::persist_keys) are read if there are any.
    ///
    /// # Errors
    ///
    /// The first setting that is not acceptable, or [`ConfigError::NoIssuer`].
    pub fn build(self) -> Result<ResourceServer, ConfigError> {
        self.configure(None).map(|configured| ResourceServer(Handle::Fixed(configured.server)))
    }

    /// The server with these settings, which keeps what is the same as `before`.
    pub(super) fn configure(self, before: Option<&Configured>) -> Result<Configured, ConfigError> {
        if let Some(first) = self.mistakes().into_iter().next() {
            return Err(first.error);
        }
        let metadata = self.resource_metadata()?;
        let challenges = self.challenges(metadata.as_ref())?;
        let implied_scopes = self.implied_scopes()?.map(Arc::new);
        let settings = IssuerSettings::of(&self);
        let kept = Kept::of(before, &self);
        let pending = kept.pending();
        let trusted = self.issuers.iter().map(|issuer| settings.trusted(issuer, &kept, &pending));
        let trusted = trusted.collect::<Result<Vec<_>, _>>()?;
        // Those that a reload keeps are older than those that it adds.
        let mut by_generation = trusted.clone();
        by_generation.sort_by_key(|issuer| issuer.generation);
        let verifier = self.dpop.as_ref().map(|dpop| ProofVerifier::new(dpop, kept.proofs()));
        let proofs = verifier.as_ref().map(|verifier| verifier.kept(kept.proofs())).or(kept.proofs().cloned());
        #[cfg(feature = "tenants")]
        let tenants = self.tenants(settings, &kept);
        let validator = Validator {
            #[cfg(feature = "tenants")]
            tenants,
            issuers: IssuerRegistry::new(by_generation),
            context: ServerContext {
                identity: kept.identity(),
                clock: Arc::clone(&self.clock),
                parse_claims: self.claims.map(|claims| claims.parse),
                implied_scopes,
                revocations: self.revocations.as_ref().map(Revocations::table),
            },
            verified: kept.verified(&self.token_cache),
            known_headers: kept.known_headers(),
        };
        let checks = RequestChecks::new(verifier, self.client_certificates.clone());
        let (claims, on_refusal) = (self.claims, self.on_refusal.clone());
        let server = Snapshot(Arc::new(Inner { validator, checks, challenges, claims, metadata, on_refusal }));
        Ok(Configured { server, settings: self, trusted, pending, proofs })
    }
}
