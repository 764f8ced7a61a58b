use std::collections::HashMap;
use std::sync::Arc;

use crate::validation::{IssuerGeneration, TokenError, TrustedIssuer};

/// The issuers that a server trusts, found by the `iss` of a token.
pub(crate) struct IssuerRegistry {
    /// In the order in which they were trusted, which is also that of their generations.
    issuers: Vec<Arc<TrustedIssuer>>,
    by_identifier: HashMap<Box<str>, Arc<TrustedIssuer>>,
}

impl IssuerRegistry {
    /// `issuers` are in the order of their generations, and no two have an identifier in common.
    pub(crate) fn new(issuers: Vec<Arc<TrustedIssuer>>) -> Self {
        let identifiers = |issuer: &Arc<TrustedIssuer>| -> Vec<(Box<str>, Arc<TrustedIssuer>)> {
            issuer.policy.issuer.iter().map(|identifier| (identifier.into(), Arc::clone(issuer))).collect()
        };
        let by_identifier = issuers.iter().flat_map(identifiers).collect();
        Self { issuers, by_identifier }
    }

    /// The issuer of tokens whose `iss` is `identifier` (RFC 8725 §3.8).
    ///
    /// An identifier that has the form of a list of tenants leads to that list, whether the tenant is listed or not, because the
    /// list is secret until the signature is verified. Identifiers of other issuers take precedence.
    pub(crate) fn find(&self, identifier: &str) -> Result<&Arc<TrustedIssuer>, TokenError> {
        let found = self.by_identifier.get(identifier);
        let by_template = || self.issuers.iter().find(|issuer| issuer.policy.issuer.may_contain(identifier));
        found.or_else(by_template).ok_or_else(|| TokenError::Issuer { found: identifier.into() })
    }

    /// The issuer of this generation, if it is still trusted.
    pub(crate) fn get(&self, generation: IssuerGeneration) -> Option<&Arc<TrustedIssuer>> {
        let at = self.issuers.binary_search_by_key(&generation, |issuer| issuer.generation).ok()?;
        self.issuers.get(at)
    }

    /// All issuers, in the order in which they were trusted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &TrustedIssuer> {
        self.issuers.iter().map(|issuer| &**issuer)
    }
}
