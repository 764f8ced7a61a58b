use std::collections::HashMap;
use std::sync::Arc;

use super::builder::Builder;
use super::configured::Configured;
use crate::Issuer;
use crate::binding::dpop::KeptProofs;
use crate::jose::KnownHeaders;
use crate::keys::{KeyStore, PendingLookups};
use crate::revocation::Revocations;
use crate::token::ServerIdentity;
use crate::validation::{Policy, TokenCache, TrustedIssuer, VerifiedTokens};

/// What a new configuration keeps of the one before: whatever the same settings made. Without one before, it makes everything anew.
///
/// An issuer is kept only if everything that its tokens were validated with is the same. Otherwise it gets a new generation, so that its
/// remembered tokens are validated again.
pub(super) struct Kept<'b> {
    before: Option<&'b Configured>,
    /// The issuers of the configuration before, by their names: there may be thousands.
    by_name: HashMap<&'b str, Vec<(&'b Issuer, &'b Arc<TrustedIssuer>)>>,
    /// Whether the new server looks at the same clock.
    has_clock: bool,
    /// Whether a token takes the same things from the new server.
    has_context: bool,
}

impl<'b> Kept<'b> {
    pub(super) fn of(before: Option<&'b Configured>, new: &Builder) -> Self {
        let old = before.map(|before| &before.settings);
        let has_clock = old.is_some_and(|old| Arc::ptr_eq(&old.clock, &new.clock));
        let has_context = has_clock && old.is_some_and(|old| has_context_of(new, old));
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for (issuer, trusted) in before.into_iter().flat_map(|it| it.settings.issuers.iter().zip(&it.trusted)) {
            by_name.entry(trusted.policy.issuer.name()).or_default().push((issuer, trusted));
        }
        Self { before, by_name, has_clock, has_context }
    }

    pub(super) fn identity(&self) -> ServerIdentity {
        self.before.map_or_else(ServerIdentity::next, |before| before.server.identity())
    }

    pub(super) fn pending(&self) -> PendingLookups {
        self.before.map(|before| before.pending.clone()).unwrap_or_default()
    }

    pub(super) fn proofs(&self) -> Option<&'b KeptProofs> {
        self.before.and_then(|before| before.proofs.as_ref())
    }

    /// The cache of verified tokens with these settings. Each entry names the generation of its issuer, so the cache itself may be kept.
    pub(super) fn verified(&self, settings: &TokenCache) -> Option<Arc<VerifiedTokens>> {
        match self.before.filter(|before| before.settings.token_cache == *settings) {
            Some(before) => before.server.0.validator.verified.clone(),
            None => VerifiedTokens::new(settings).map(Arc::new),
        }
    }

    /// A header depends on no setting.
    pub(super) fn known_headers(&self) -> Arc<KnownHeaders> {
        self.before.map(|before| Arc::clone(&before.server.0.validator.known_headers)).unwrap_or_default()
    }

    /// The issuer, if its keys, its rules and what it is asked are the same.
    pub(super) fn issuer(&self, issuer: &Issuer, policy: &Policy) -> Option<Arc<TrustedIssuer>> {
        let is_same = |(old, trusted): &(&Issuer, &Arc<TrustedIssuer>)| {
            trusted.policy == *policy && old.has_keys_of(issuer) && is_asked_alike(old, issuer)
        };
        self.same_name(policy).filter(|_| self.has_context).find(is_same).map(|(_, trusted)| Arc::clone(trusted))
    }

    /// The keys of the issuer, if they come from the same source. Their age stays, and nothing is fetched.
    pub(super) fn keys(&self, issuer: &Issuer, policy: &Policy) -> Option<KeyStore> {
        let is_same = |(old, trusted): &(&Issuer, &Arc<TrustedIssuer>)| {
            trusted.policy.dialect.key_purpose == policy.dialect.key_purpose && old.has_keys_of(issuer)
        };
        self.same_name(policy)
            .filter(|_| self.has_clock)
            .filter(is_same)
            .find_map(|(_, trusted)| trusted.keys().cloned())
    }

    /// The configuration before, if a token takes the same things from the new one.
    #[cfg(feature = "tenants")]
    pub(super) fn of_same_context(&self) -> Option<&'b Configured> {
        self.before.filter(|_| self.has_context)
    }

    /// The configuration before, if the new server looks at the same clock.
    #[cfg(feature = "tenants")]
    pub(super) fn of_same_clock(&self) -> Option<&'b Configured> {
        self.before.filter(|_| self.has_clock)
    }

    fn same_name(&self, policy: &Policy) -> impl Iterator<Item = (&'b Issuer, &'b Arc<TrustedIssuer>)> {
        self.by_name.get(policy.issuer.name()).into_iter().flatten().copied()
    }
}

/// Whether a token takes the same things from both servers: its claims as a type, the scopes that others imply, and its revocation.
fn has_context_of(new: &Builder, old: &Builder) -> bool {
    let tables = [new, old].map(|builder| builder.revocations.as_ref().map(Revocations::table));
    let has_table_of = match &tables {
        [Some(new), Some(old)] => Arc::ptr_eq(new, old),
        [None, None] => true,
        _ => false,
    };
    let [new_claims, old_claims] = [new, old].map(|builder| builder.claims.map(|claims| claims.claims));
    has_table_of && new_claims == old_claims && new.scope_hierarchy == old.scope_hierarchy
}

#[cfg(feature = "introspection")]
fn is_asked_alike(one: &Issuer, other: &Issuer) -> bool {
    match (&one.introspection, &other.introspection) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one.is_like(other),
        (None, None) => true,
        _ => false,
    }
}

#[cfg(not(feature = "introspection"))]
fn is_asked_alike(_: &Issuer, _: &Issuer) -> bool {
    true
}
