use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "introspection")]
use super::build_introspection::{introspected, of_answers};
use super::builder::Builder;
use super::kept::Kept;
use crate::Issuer;
use crate::clock::Clock;
use crate::issuer::ConfigError;
use crate::keys::{KeyStore, PendingLookups};
use crate::revocation::Revocations;
use crate::token::SubjectClaim;
use crate::validation::{Bindings, Format, Method, Policy, Profile, Recipient, TrustedIssuer};

/// What a server's settings say about each of its issuers. With them an issuer's own settings become the rules for its tokens.
#[derive(Clone)]
pub(super) struct IssuerSettings {
    audience: Box<str>,
    profile: Profile,
    pub(super) leeway: Duration,
    pub(super) clock: Arc<dyn Clock>,
    bindings: Bindings,
    max_lifetime: Option<Duration>,
}

impl IssuerSettings {
    pub(super) fn of(builder: &Builder) -> Self {
        Self {
            audience: builder.audience.as_str().into(),
            profile: builder.profile,
            leeway: builder.leeway,
            clock: Arc::clone(&builder.clock),
            bindings: Bindings { dpop: builder.dpop.is_some(), certificate: builder.client_certificates.is_some() },
            max_lifetime: builder.revocations.as_ref().map(Revocations::table).map(|table| table.max_token_life()),
        }
    }

    /// An issuer whose settings are acceptable: the one that is kept if nothing about it has changed, or its keys if they are the same.
    pub(super) fn trusted(
        &self,
        issuer: &Issuer,
        kept: &Kept<'_>,
        pending: &PendingLookups,
    ) -> Result<Arc<TrustedIssuer>, ConfigError> {
        let policy = self.policy(issuer);
        if let Some(same) = kept.issuer(issuer, &policy) {
            return Ok(same);
        }
        let keys = kept.keys(issuer, &policy).unwrap_or_else(|| self.keys(issuer, pending));
        self.with_keys(issuer, policy, keys).map(Arc::new)
    }

    /// The same, of which nothing is kept.
    #[cfg(feature = "tenants")]
    pub(super) fn newly_trusted(
        &self,
        issuer: &Issuer,
        pending: &PendingLookups,
    ) -> Result<TrustedIssuer, ConfigError> {
        self.with_keys(issuer, self.policy(issuer), self.keys(issuer, pending))
    }

    /// Whether both make the same of an issuer.
    #[cfg(feature = "tenants")]
    pub(super) fn are_like(&self, other: &Self) -> bool {
        let Self { audience, profile, leeway, clock, bindings, max_lifetime } = self;
        Arc::ptr_eq(clock, &other.clock)
            && (audience, profile, leeway) == (&other.audience, &other.profile, &other.leeway)
            && (bindings, max_lifetime) == (&other.bindings, &other.max_lifetime)
    }

    fn keys(&self, issuer: &Issuer, pending: &PendingLookups) -> KeyStore {
        let (source, clock) = (issuer.key_source(), Arc::clone(&self.clock));
        KeyStore::new(issuer.identities.name(), source, issuer.dialect.key_purpose, clock, pending.clone())
    }

    #[cfg_attr(
        not(feature = "introspection"),
        expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "only introspection fails")
    )]
    fn with_keys(
        &self,
        #[cfg_attr(not(feature = "introspection"), expect(unused))] issuer: &Issuer,
        policy: Policy,
        keys: KeyStore,
    ) -> Result<TrustedIssuer, ConfigError> {
        #[cfg(feature = "introspection")]
        if let Some(introspection) = &issuer.introspection {
            return introspected(introspection, policy, keys, &self.clock);
        }
        Ok(TrustedIssuer::new(policy, Method::Jwt(keys)))
    }

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
            audiences.push(default_audience.unwrap_or_else(|| self.audience.clone()));
        }
        let recipient = match clients {
            None => Recipient::Audience(audiences),
            Some(clients) => Recipient::Client { clients, audiences },
        };
        let subject = match self.profile {
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
            bindings: self.bindings,
            format: Format::Jwt,
            profile: self.profile,
            leeway: self.leeway,
            max_lifetime: self.max_lifetime,
        };
        #[cfg(feature = "introspection")]
        if let Some(introspection) = &issuer.introspection {
            return of_answers(policy, introspection);
        }
        policy
    }
}
