use std::sync::Arc;

use crate::validation::TrustedIssuer;
use crate::validation::introspection::Introspector;

/// The issuers of opaque tokens, by what their tokens begin with.
pub(super) struct OpaqueIssuers(Vec<(Arc<TrustedIssuer>, Arc<Introspector>)>);

impl OpaqueIssuers {
    pub(super) fn of(issuers: &[Arc<TrustedIssuer>]) -> Self {
        let opaque = issuers.iter().filter_map(|issuer| Some((Arc::clone(issuer), Arc::clone(issuer.introspector()?))));
        Self(opaque.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The issuer whose tokens begin as this one does, or else the one that says nothing about how its tokens begin. Nobody else is told the token.
    pub(super) fn of_token(&self, token: &str) -> Option<&Arc<TrustedIssuer>> {
        let by_prefix = self.0.iter().find(|(_, introspector)| introspector.has_prefix_of(token));
        let found = by_prefix.or_else(|| self.0.iter().find(|(_, introspector)| introspector.takes_any()));
        found.map(|(issuer, _)| issuer)
    }
}
