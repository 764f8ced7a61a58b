#[cfg(feature = "introspection")]
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::evidence::Evidence;
#[cfg(feature = "introspection")]
use super::introspection::Introspector;
use super::jwt;
use super::outcome::Outcome;
use super::policy::Policy;
use super::rules::check_validity;
use super::server_context::ServerContext;
#[cfg(feature = "tenants")]
use super::tenancy::{Standing, Tenancy};
use super::token_error::TokenError;
use super::unverified_token::UnverifiedToken;
use crate::clock::Moment;
use crate::keys::KeyStore;
#[cfg(feature = "tenants")]
use crate::token::TenantValue;
use crate::token::Validity;

/// One issuer that a server trusts: the rules for its tokens, and how they are validated. No rule or key of one issuer is used
/// for another's tokens.
pub(crate) struct TrustedIssuer {
    pub(crate) generation: IssuerGeneration,
    pub(crate) policy: Policy,
    pub(crate) method: Method,
    /// `None` for an issuer that the server was built with.
    #[cfg(feature = "tenants")]
    pub(crate) tenancy: Option<Tenancy>,
}

/// How the tokens of an issuer are validated.
pub(crate) enum Method {
    /// They are JWTs, and these are the issuer's keys.
    Jwt(KeyStore),
    /// By asking the issuer (RFC 7662), whose keys sign its answers, if there are any.
    #[cfg(feature = "introspection")]
    Introspection(Arc<Introspector>, Option<KeyStore>),
}

/// Identifies one configuration of an issuer among all in this process: a number that is never given twice.
///
/// A cached token names the generation of the issuer that validated it. It is validated anew once that generation is no longer in
/// the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IssuerGeneration(u64);

impl IssuerGeneration {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl TrustedIssuer {
    pub(crate) fn new(policy: Policy, method: Method) -> Self {
        Self {
            generation: IssuerGeneration::next(),
            policy,
            method,
            #[cfg(feature = "tenants")]
            tenancy: None,
        }
    }

    /// The same issuer as a tenant, of whom no token was accepted yet.
    #[cfg(feature = "tenants")]
    pub(crate) fn into_tenant(self, value: Option<TenantValue>, now: Instant) -> Self {
        let method = match self.method {
            Method::Jwt(keys) => Method::Jwt(keys.of_tenant()),
            #[cfg(feature = "introspection")]
            other @ Method::Introspection(..) => other,
        };
        Self { method, tenancy: Some(Tenancy::new(value, now)), ..self }
    }

    /// The tenant has left the table: its keys are refreshed no more.
    #[cfg(feature = "tenants")]
    pub(crate) fn end_tenancy(&self) {
        if let Some(tenancy) = &self.tenancy {
            tenancy.set_standing(Standing::Ended);
        }
        if let Some(keys) = self.keys() {
            keys.end();
        }
    }

    /// The keys of the issuer, if it signs its tokens or its answers.
    #[cfg_attr(not(feature = "introspection"), expect(clippy::unnecessary_wraps, reason = "then all are JWTs"))]
    pub(crate) fn keys(&self) -> Option<&KeyStore> {
        match &self.method {
            Method::Jwt(keys) => Some(keys),
            #[cfg(feature = "introspection")]
            Method::Introspection(_, keys) => keys.as_ref(),
        }
    }

    /// Who asks the issuer about its tokens, if they are opaque.
    #[cfg(feature = "introspection")]
    pub(crate) fn introspector(&self) -> Option<&Arc<Introspector>> {
        match &self.method {
            Method::Jwt(_) => None,
            Method::Introspection(introspector, _) => Some(introspector),
        }
    }

    /// Validates a token that names this issuer and arrived at `arrived`.
    pub(crate) fn validate(
        &self,
        token: UnverifiedToken<'_>,
        arrived: Instant,
        now: Moment,
        server: &ServerContext,
    ) -> Result<Outcome, TokenError> {
        let token = token.check(&self.policy, now.wall.into())?;
        match &self.method {
            Method::Jwt(keys) => {
                let outcome = jwt::validate(token, keys, self.policy.leeway, arrived, now, server)?;
                Ok(self.with_value(outcome))
            }
            // A JWT of this issuer is introspected like its other tokens. It does not come here.
            #[cfg(feature = "introspection")]
            Method::Introspection(..) => Err(TokenError::Inactive),
        }
    }

    /// The outcome, whose token has the value of the tenant.
    #[cfg(feature = "tenants")]
    fn with_value(&self, outcome: Outcome) -> Outcome {
        match (outcome, &self.tenancy) {
            (Outcome::Accepted(token, evidence), Some(tenancy)) => {
                Outcome::Accepted(token.of_tenant(tenancy.value()), evidence)
            }
            (outcome, _) => outcome,
        }
    }

    #[cfg(not(feature = "tenants"))]
    #[expect(clippy::unused_self, reason = "only tenants have values")]
    fn with_value(&self, outcome: Outcome) -> Outcome {
        outcome
    }

    /// Checks what may have changed for a token that was accepted before: its times and its evidence. `None` if the evidence no
    /// longer proves the token, so that it has to be validated anew.
    pub(crate) fn revalidate(
        &self,
        validity: &Validity,
        evidence: Evidence,
        now: Moment,
    ) -> Option<Result<(), TokenError>> {
        let checked = check_validity(validity, self.policy.leeway, now.wall.into());
        // In the order of a new validation: a token that has expired is bad, whatever its key.
        if checked.is_err() || self.still_proves(evidence, now) { Some(checked) } else { None }
    }

    fn still_proves(&self, evidence: Evidence, now: Moment) -> bool {
        match (&self.method, evidence) {
            (Method::Jwt(keys), Evidence::Key(key)) => keys.still_holds(key, now),
            // Answers are not in the cache of verified tokens.
            #[cfg(feature = "introspection")]
            _ => false,
        }
    }
}
