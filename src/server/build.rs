use std::sync::Arc;

use super::builder::Builder;
use super::request_checks::RequestChecks;
use super::resource_server::{Inner, ResourceServer};
use super::validator::Validator;
use crate::Issuer;
use crate::binding::dpop::ProofVerifier;
use crate::issuer::{ConfigError, IssuerRegistry};
use crate::jose::KnownHeaders;
use crate::keys::{KeyStore, PendingLookups};
use crate::revocation::Revocations;
use crate::token::{ServerIdentity, SubjectClaim};
use crate::validation::{
    Bindings, Format, IssuerGeneration, Method, Policy, Profile, Recipient, ServerContext, TrustedIssuer,
    VerifiedTokens,
};

impl Builder {
    /// Builds the server. Nothing is fetched, no runtime is needed, and no issuer needs to be reachable. Files of
    /// [persisted keys](Issuer::persist_keys) are read, if there are some.
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
        let pending = PendingLookups::default();
        let issuers = self.issuers.iter().map(|issuer| self.trusted(issuer, &pending).map(Arc::new));
        let issuers = issuers.collect::<Result<_, _>>()?;
        let validator = Validator {
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
        let checks = RequestChecks::new(self.dpop.as_ref().map(ProofVerifier::new), self.client_certificates);
        Ok(ResourceServer(Arc::new(Inner { validator, checks, challenges, claims: self.claims, metadata })))
    }

    /// An issuer whose settings are acceptable.
    #[cfg_attr(not(feature = "introspection"), expect(clippy::unnecessary_wraps, reason = "only introspection fails"))]
    fn trusted(&self, issuer: &Issuer, pending: &PendingLookups) -> Result<TrustedIssuer, ConfigError> {
        let source = issuer.key_source();
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
        let clock = Arc::clone(&self.clock);
        let keys = KeyStore::new(identities.name(), source, dialect.key_purpose, clock, pending.clone());
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
            return self.introspected(introspection, policy, keys);
        }
        Ok(TrustedIssuer { generation: IssuerGeneration::next(), policy, method: Method::Jwt(keys) })
    }
}
