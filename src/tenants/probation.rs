use std::collections::VecDeque;
use std::sync::Arc;

use crate::validation::TrustedIssuer;

/// How many tenants wait for their first accepted token.
pub(super) const MAX_IN_PROBATION: usize = 16;

/// The tenants whose keys are there, and of whom no token was accepted yet. The oldest one leaves when there are too many.
///
/// Anybody can bring a tenant here by naming it, and nobody can bring it further without a token that it has signed.
#[derive(Default)]
pub(super) struct Probation(VecDeque<(Arc<str>, Arc<TrustedIssuer>)>);

impl Probation {
    pub(super) fn insert(&mut self, iss: Arc<str>, issuer: Arc<TrustedIssuer>) {
        self.remove(&iss);
        while self.0.len() >= MAX_IN_PROBATION {
            // Nobody else holds it, or a request that is about to be decided: its keys are refreshed no more.
            self.0.pop_front();
        }
        self.0.push_back((iss, issuer));
    }

    pub(super) fn get(&self, iss: &str) -> Option<&Arc<TrustedIssuer>> {
        self.0.iter().find(|(known, _)| &**known == iss).map(|(_, issuer)| issuer)
    }

    pub(super) fn remove(&mut self, iss: &str) {
        self.0.retain(|(known, _)| &**known != iss);
    }

    /// Removes a tenant, whose tokens are not accepted any more.
    pub(super) fn end(&mut self, iss: &str) {
        if let Some(issuer) = self.get(iss) {
            issuer.end_tenancy();
        }
        self.remove(iss);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<TrustedIssuer>> {
        self.0.iter().map(|(_, issuer)| issuer)
    }

    /// Removes those that do not satisfy the condition.
    pub(super) fn retain(&mut self, condition: impl Fn(&TrustedIssuer) -> bool) {
        self.0.retain(|(_, issuer)| condition(issuer));
    }
}
