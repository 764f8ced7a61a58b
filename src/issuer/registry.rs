use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

#[cfg(feature = "introspection")]
use super::opaque_issuers::OpaqueIssuers;
#[cfg(feature = "introspection")]
use crate::validation::introspection::{Introspector, TokenForm};
use crate::validation::{IssuerGeneration, TokenError, TrustedIssuer, UnverifiedToken};

/// The issuers that a server trusts, found by the `iss` of a token.
pub(crate) struct IssuerRegistry {
    /// In the order in which they were trusted, which is also that of their generations.
    issuers: Vec<Arc<TrustedIssuer>>,
    #[cfg(feature = "introspection")]
    opaque: OpaqueIssuers,
    by_identifier: HashMap<Box<str>, SmallVec<[Arc<TrustedIssuer>; 1]>>,
    /// Those of `issuers` that are lists of tenants.
    lists: Vec<Arc<TrustedIssuer>>,
}

impl IssuerRegistry {
    /// `issuers` are in the order of their generations. Two with the same identifier have different user flows.
    pub(crate) fn new(issuers: Vec<Arc<TrustedIssuer>>) -> Self {
        let mut by_identifier: HashMap<Box<str>, SmallVec<_>> = HashMap::new();
        for issuer in &issuers {
            for identifier in issuer.policy.issuer.iter() {
                by_identifier.entry(identifier.into()).or_default().push(Arc::clone(issuer));
            }
        }
        Self {
            #[cfg(feature = "introspection")]
            opaque: OpaqueIssuers::of(&issuers),
            lists: issuers.iter().filter(|issuer| issuer.policy.issuer.are_listed()).cloned().collect(),
            issuers,
            by_identifier,
        }
    }

    /// The issuer of a token, by its `iss` (RFC 8725 §3.8) or the trust domain of its subject. If several have that identifier, its user
    /// flow selects one. A token of another user flow gets one of them, whose rules refuse it.
    pub(crate) fn of_token(&self, token: &UnverifiedToken<'_>) -> Result<&Arc<TrustedIssuer>, TokenError> {
        let named = self.of_claims(token.issuer(), token.trust_domain());
        let Some(first) = named.first() else {
            return Err(match token.issuer().or(token.trust_domain()) {
                Some(identifier) => TokenError::Issuer { found: identifier.into() },
                None => TokenError::Missing { claim: "iss" },
            });
        };
        let by_user_flow = || named.iter().find(|issuer| token.is_of_user_flow(&issuer.policy));
        Ok(if named.len() == 1 { first } else { by_user_flow().unwrap_or(first) })
    }

    /// The issuers of a token with this `iss` and a subject of this SPIFFE trust domain, which counts if there is no `iss`, or none of a
    /// trusted issuer.
    pub(crate) fn of_claims(&self, iss: Option<&str>, trust_domain: Option<&str>) -> &[Arc<TrustedIssuer>] {
        let named = |identifier: Option<&str>| identifier.map(|it| self.named(it)).unwrap_or_default();
        match named(iss) {
            [] => match named(trust_domain) {
                found @ [first, ..] if first.policy.issuer.are_a_trust_domain() => found,
                _ => &[],
            },
            found => found,
        }
    }

    /// The issuers with this identifier: one or, of Azure AD B2C, one for each user flow.
    ///
    /// An identifier that has the form of a list of tenants leads to that list, whether the tenant is listed or not, because the
    /// list is secret until the signature is verified. Identifiers of other issuers take precedence.
    pub(crate) fn named(&self, identifier: &str) -> &[Arc<TrustedIssuer>] {
        // Not a search among all issuers: there may be thousands, and this is also done for the tokens of anybody else.
        let by_template = || self.lists.iter().find(|list| list.policy.issuer.may_contain(identifier));
        match self.by_identifier.get(identifier) {
            Some(found) => found,
            None => by_template().map(std::slice::from_ref).unwrap_or_default(),
        }
    }

    /// The issuer of this generation, if it is still trusted.
    pub(crate) fn get(&self, generation: IssuerGeneration) -> Option<&Arc<TrustedIssuer>> {
        // Unless another server was built at the same time, they are consecutive. In a search among thousands, each step costs an access to
        // memory that is in no cache.
        let at = generation.since(self.issuers.first()?.generation)?;
        let consecutive = self.issuers.get(at).filter(|issuer| issuer.generation == generation);
        consecutive.or_else(|| {
            // Newer ones are tenants.
            self.issuers.last().filter(|last| generation <= last.generation)?;
            let at = self.issuers.binary_search_by_key(&generation, |issuer| issuer.generation).ok()?;
            self.issuers.get(at)
        })
    }

    /// Whether any issuer is asked about its tokens.
    #[cfg(feature = "introspection")]
    pub(crate) fn have_opaque_tokens(&self) -> bool {
        !self.opaque.is_empty()
    }

    /// The issuer that is asked about this token, if there is one. A JWT is of the issuer that it names, and of no other. One of another
    /// kind than an access token is sent to nobody.
    #[cfg(feature = "introspection")]
    pub(crate) fn to_be_asked_about(&self, token: &str) -> Option<(&Arc<TrustedIssuer>, &Arc<Introspector>)> {
        let issuer = match TokenForm::of(token) {
            TokenForm::Opaque => self.opaque.of_token(token),
            TokenForm::Jwt { issuer } => self.named(&issuer?).first(),
        }?;
        issuer.introspector().map(|introspector| (issuer, introspector))
    }

    /// All issuers, in the order in which they were trusted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &TrustedIssuer> {
        self.issuers.iter().map(|issuer| &**issuer)
    }
}
