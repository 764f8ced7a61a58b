//! Validation and revalidation of a token, with the rules and keys of its issuer.

use std::time::Instant;

use super::evidence::Evidence;
use super::jwt;
use super::outcome::Outcome;
use super::rules::check_validity;
use super::server_context::ServerContext;
use super::token_error::TokenError;
use super::trusted_issuer::{Method, TrustedIssuer};
use super::unverified_token::UnverifiedToken;
use crate::clock::Moment;
use crate::token::Validity;

impl TrustedIssuer {
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
