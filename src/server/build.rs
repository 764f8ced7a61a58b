use std::sync::Arc;

#[cfg(feature = "introspection")]
use super::build_introspection::of_answers;
use super::builder::Builder;
use super::configured::Configured;
use super::handle::Handle;
use super::kept::Kept;
use super::request_checks::RequestChecks;
use super::resource_server::ResourceServer;
use super::snapshot::{Inner, Snapshot};
use super::validator::Validator;
use crate::Issuer;
use crate::binding::dpop::ProofVerifier;
use crate::issuer::{ConfigError, IssuerRegistry};
use crate::keys::{KeyStore, PendingLookups};
use crate::revocation::Revocations;
use crate::token::SubjectClaim;
use crate::validation::{
    Bindings, Format, IssuerGeneration, Method, Policy, Profile, Recipient, ServerContext, TrustedIssuer,
};

impl Builder {
    /// Builds the server. Nothing is fetched, no runtime is needed, and no issuer needs to be reachable. Files of
    /// [persisted keys](Issuer::persist_keys) are read, if there are some.
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
        let kept = Kept::of(before, &self);
        let pending = kept.pending();
        let trusted = self.issuers.iter().map(|issuer| self.trusted(issuer, &kept, &pending));
        let trusted = trusted.collect::<Result<Vec<_>, _>>()?;
        // Those that a reload keeps are older than those that it adds.
        let mut by_generation = trusted.clone();
        by_generation.sort_by_key(|issuer| issuer.generation);
        let verifier = self.dpop.as_ref().map(|dpop| ProofVerifier::new(dpop, kept.proofs()));
        let proofs = verifier.as_ref().map(|verifier| verifier.kept(kept.proofs())).or(kept.proofs().cloned());
        let validator = Validator {
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
        let server = Snapshot(Arc::new(Inner { validator, checks, challenges, claims: self.claims, metadata }));
        Ok(Configured { server, settings: self, trusted, pending, proofs })
    }

    /// An issuer whose settings are acceptable: the one that is kept if nothing about it has changed, or its keys if they are the same.
    #[cfg_attr(not(feature = "introspection"), expect(clippy::unnecessary_wraps, reason = "only introspection fails"))]
    fn trusted(
        &self,
        issuer: &Issuer,
        kept: &Kept<'_>,
        pending: &PendingLookups,
    ) -> Result<Arc<TrustedIssuer>, ConfigError> {
        let policy = self.policy(issuer);
        if let Some(same) = kept.issuer(issuer, &policy) {
            return Ok(same);
        }
        let new_keys = || {
            let (source, clock) = (issuer.key_source(), Arc::clone(&self.clock));
            KeyStore::new(policy.issuer.name(), source, policy.dialect.key_purpose, clock, pending.clone())
        };
        let keys = kept.keys(issuer, &policy).unwrap_or_else(new_keys);
        #[cfg(feature = "introspection")]
        if let Some(introspection) = &issuer.introspection {
            return self.introspected(introspection, policy, keys).map(Arc::new);
        }
        Ok(Arc::new(TrustedIssuer { generation: IssuerGeneration::next(), policy, method: Method::Jwt(keys) }))
    }

    /// The rules for the tokens of an issuer.
    fn policy(&self, issuer: &Issuer) -> Policy {
        let Issuer {
            identities,
            mut audiences,
            default_audience,
            clients,
            subject,
            subjects,
            callers,
            user_flow,
            dialect,
            algorithms,
            ..
        } = issuer.clone();
        if audiences.is_empty() {
            audiences.push(default_audience.unwrap_or_else(|| self.audience.as_str().into()));
        }
        let recipient = match clients {
            None => Recipient::Audience(audiences),
            Some(clients) => Recipient::Client { clients, audiences },
        };
        let (profile, leeway) = (self.profile, self.leeway);
        let subject = match profile {
            Profile::Generic => subject,
            Profile::Rfc9068 => SubjectClaim::Required,
        };
        let policy = Policy {
            issuer: identities,
            recipient,
            subject,
            subjects,
            callers,
            user_flow,
            dialect,
            algorithms,
            bindings: Bindings { dpop: self.dpop.is_some(), certificate: self.client_certificates.is_some() },
            format: Format::Jwt,
            profile,
            leeway,
            max_lifetime: self.revocations.as_ref().map(|revocations| revocations.table().max_token_life()),
        };
        #[cfg(feature = "introspection")]
        if let Some(introspection) = &issuer.introspection {
            return of_answers(policy, introspection);
        }
        policy
    }
}
