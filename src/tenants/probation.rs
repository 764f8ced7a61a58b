use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use crate::validation::TrustedIssuer;

/// How many tenants wait for their first accepted token.
pub(super) const MAX_IN_PROBATION: usize = 16;

/// The tenants whose keys are there, and of whom no token was accepted yet. The oldest one leaves when there are too many.
///
/// Anybody can bring a tenant here by naming it, and nobody can bring it further without a token that it has signed.
///
/// A request may hold on to one that has left, until its token is validated.
#[derive(Default)]
pub(super) struct Probation {
    waiting: VecDeque<(Arc<str>, Arc<TrustedIssuer>)>,
    displaced: Vec<(Arc<str>, Weak<TrustedIssuer>)>,
}

impl Probation {
    pub(super) fn insert(&mut self, iss: Arc<str>, issuer: Arc<TrustedIssuer>) {
        let too_many = (self.waiting.len() + 1).saturating_sub(MAX_IN_PROBATION);
        let oldest: Vec<_> = self.waiting.drain(..too_many).collect();
        self.displace(oldest);
        self.waiting.push_back((iss, issuer));
    }

    pub(super) fn get(&self, iss: &str) -> Option<&Arc<TrustedIssuer>> {
        self.waiting.iter().find(|(known, _)| &**known == iss).map(|(_, issuer)| issuer)
    }

    /// Removes this tenant, whose tokens are still accepted.
    pub(super) fn remove(&mut self, issuer: &Arc<TrustedIssuer>) {
        self.waiting.retain(|(_, known)| !Arc::ptr_eq(known, issuer));
        self.displaced.retain(|(_, known)| !Weak::ptr_eq(known, &Arc::downgrade(issuer)));
    }

    /// Removes every tenant with this identifier. Tokens of it are not accepted any more.
    pub(super) fn end(&mut self, iss: &str) {
        let waiting = self.waiting.iter().filter(|(known, _)| &**known == iss).map(|(_, issuer)| Arc::clone(issuer));
        let displaced = self.displaced.iter().filter(|(known, _)| &**known == iss).filter_map(|(_, it)| it.upgrade());
        waiting.chain(displaced).for_each(|issuer| issuer.end_tenancy());
        self.waiting.retain(|(known, _)| &**known != iss);
        self.displaced.retain(|(known, _)| &**known != iss);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<TrustedIssuer>> {
        self.waiting.iter().map(|(_, issuer)| issuer)
    }

    /// Removes those that do not satisfy the condition.
    pub(super) fn retain(&mut self, condition: impl Fn(&TrustedIssuer) -> bool) {
        let (stay, leave) = self.waiting.drain(..).partition::<Vec<_>, _>(|(_, issuer)| condition(issuer));
        self.waiting = stay.into();
        self.displace(leave);
    }

    /// These leave. Where no request holds one, the refreshes of its keys end here.
    fn displace(&mut self, leaving: Vec<(Arc<str>, Arc<TrustedIssuer>)>) {
        self.displaced.extend(leaving.into_iter().map(|(iss, issuer)| (iss, Arc::downgrade(&issuer))));
        self.displaced.retain(|(_, issuer)| issuer.strong_count() > 0);
    }
}
