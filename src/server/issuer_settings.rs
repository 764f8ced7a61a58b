use std::sync::Arc;
use std::time::Duration;

use super::builder::Builder;
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
            bindings: if builder.dpop.is_some() { Bindings::Dpop } else { Bindings::None },
            max_lifetime: builder.revocations.as_ref().map(Revocations::table).map(|table| table.max_token_life()),
        }
    }

    /// An issuer whose settings are acceptable.
    #[cfg_attr(not(feature = "introspection"), expect(clippy::unnecessary_wraps, reason = "only introspection fails"))]
    pub(super) fn trusted(&self, issuer: &Issuer, pending: &PendingLookups) -> Result<TrustedIssuer, ConfigError> {
        let purpose = issuer.dialect.key_purpose;
        let (source, clock) = (issuer.key_source(), Arc::clone(&self.clock));
        let keys = KeyStore::new(issuer.identities.name(), source, purpose, clock, pending.clone());
        let policy = self.policy(issuer);
        #[cfg(feature = "introspection")]
        if let Some(introspection) = &issuer.introspection {
            return self.introspected(introspection, policy, keys);
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
        Policy {
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
        }
    }
}
