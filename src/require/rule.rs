use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::acr_values::AcrValues;
use super::actors::Actors;
use super::claim::ClaimRule;
use super::names::Names;
use super::role_rule::RoleRule;
use super::shortfall::{Lacks, Needs, Shortfall};
use crate::token::{AuthorizationDetail, RolesClaim};
use crate::{AccessToken, Scope};

/// A rule that the application defines.
pub(super) type Custom = Arc<dyn Fn(&AccessToken, SystemTime) -> Result<(), Shortfall> + Send + Sync>;

/// What the application requires of an authorization detail.
pub(super) type DetailHolds = Arc<dyn Fn(&AuthorizationDetail<'_>) -> bool + Send + Sync>;

pub(super) enum Rule {
    /// The token grants the whole scope.
    Scope(Scope),
    /// `acr` is one of them.
    Acr(AcrValues),
    /// Entra ID's `acrs` contains `id`.
    AuthContext {
        id: Box<str>,
        claim: ClaimRule,
    },
    /// `auth_time` is at most this long ago.
    MaxAge(Duration),
    /// `iat` is at most this long ago.
    MaxTokenAge(Duration),
    /// The condition on the claim holds.
    Claim(ClaimRule),
    /// The token has the role, wherever its issuer writes roles.
    Role(RoleRule),
    /// The token was issued to one of them.
    Clients(Names),
    /// The token was issued by one of them.
    Issuers(Names),
    /// The token is delegated to one of them.
    Actors(Actors),
    /// The token is not delegated.
    NoActor,
    /// At least one authorization detail of this type is for this location and is what the application requires.
    AuthorizationDetail {
        kind: Box<str>,
        location: Box<str>,
        holds: DetailHolds,
    },
    Custom(Custom),
    /// The token satisfies all of them.
    All(Box<[Arc<Rule>]>),
    /// The token satisfies at least one of them.
    Any(Box<[Arc<Rule>]>),
}

/// Whether a claim rule holds for the token that is checked.
pub(super) type ClaimHolds<'a> = dyn Fn(&ClaimRule) -> bool + 'a;

impl Rule {
    /// Whether the token satisfies the rule at the time `now`. Nothing is allocated here, except to read an authorization detail.
    pub(super) fn holds(&self, token: &AccessToken, now: SystemTime, claim_holds: &ClaimHolds) -> bool {
        match self {
            Self::Scope(scope) => token.scope().includes(scope),
            Self::Acr(values) => token.acr().is_some_and(|acr| values.contains(acr)),
            Self::AuthContext { claim, .. } | Self::Claim(claim) => claim_holds(claim),
            Self::Role(role) => role.of(token.roles_claim()).is_some_and(claim_holds),
            Self::MaxAge(age) => token.was_authenticated_within(*age, now),
            Self::MaxTokenAge(age) => token.was_issued_within(*age, now),
            Self::Clients(clients) => token.client_id().is_some_and(|client| clients.contain(client)),
            Self::Issuers(issuers) => issuers.contain(token.issuer()),
            Self::Actors(actors) => actors.include_actor_of(token),
            Self::NoActor => token.actor().is_none(),
            Self::AuthorizationDetail { kind, location, holds } => token
                .authorization_details()
                .any(|detail| detail.kind() == &**kind && detail.is_for(location) && holds(&detail)),
            Self::Custom(custom) => custom(token, now).is_ok(),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(token, now, claim_holds)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(token, now, claim_holds)),
        }
    }

    /// What the token lacks to satisfy the rule, which may be nothing, and what the rule needs.
    pub(super) fn assess(&self, token: &AccessToken, now: SystemTime, claim_holds: &ClaimHolds) -> Shortfall {
        let shortfall = |lacks, needs| Shortfall { lacks, needs, description: None, missing: Vec::new() };
        let missing = |rule: &Self| vec![format!("{rule:?}").into()];
        match self {
            Self::All(rules) => rules
                .iter()
                .map(|rule| rule.assess(token, now, claim_holds))
                .fold(shortfall(Lacks::NOTHING, Needs::default()), Shortfall::and),
            // The alternative that the client can do most about, and the first of several such.
            Self::Any(rules) => rules
                .iter()
                .map(|rule| rule.assess(token, now, claim_holds))
                .min_by_key(|shortfall| shortfall.lacks)
                .unwrap_or(shortfall(Lacks::OTHER, Needs::default())),
            Self::Custom(custom) => match custom(token, now) {
                Ok(()) => shortfall(Lacks::NOTHING, Needs::default()),
                Err(own) if own.missing.is_empty() => Shortfall { missing: missing(self), ..own },
                Err(of_another) => of_another,
            },
            // A challenge names one context. If the token already had it, the client would ask for it again and again.
            Self::AuthContext { claim, .. } if claim_holds(claim) => shortfall(Lacks::NOTHING, Needs::default()),
            leaf if leaf.holds(token, now, claim_holds) => shortfall(Lacks::NOTHING, leaf.needs()),
            leaf => Shortfall { missing: missing(leaf), ..shortfall(leaf.kind(), leaf.needs()) },
        }
    }

    /// Calls `each` with every claim rule in this rule, for a token whose roles are in `in_claim`.
    pub(super) fn for_each_claim<'r>(&'r self, in_claim: RolesClaim, each: &mut impl FnMut(&'r ClaimRule)) {
        match self {
            Self::AuthContext { claim, .. } | Self::Claim(claim) => each(claim),
            Self::Role(role) => role.of(in_claim).into_iter().for_each(each),
            Self::All(rules) | Self::Any(rules) => rules.iter().for_each(|rule| rule.for_each_claim(in_claim, each)),
            _ => {}
        }
    }

    /// What a client without a token has to ask for. Of several alternatives, it is what the first one needs.
    pub(super) fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        match self {
            Self::Scope(scope) => needs.scope = Some(scope.clone()),
            Self::Acr(values) => needs.acr_values = Some(values.clone()),
            Self::AuthContext { id, .. } => needs.auth_context = Some(id.clone()),
            Self::MaxAge(age) => needs.max_age = Some(*age),
            Self::All(rules) => return rules.iter().map(|rule| rule.needs()).fold(needs, Needs::and),
            Self::Any(rules) => return rules.first().map_or(needs, |rule| rule.needs()),
            _ => {}
        }
        needs
    }

    /// What is lacking if this rule, which is no combination of others, does not hold.
    fn kind(&self) -> Lacks {
        match self {
            Self::Scope(_) => Lacks::SCOPE,
            Self::Acr(_) | Self::AuthContext { .. } | Self::MaxAge(_) => Lacks::AUTHENTICATION,
            Self::MaxTokenAge(_) => Lacks::FRESHNESS,
            _ => Lacks::OTHER,
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope(scope) => write!(f, "scope {:?}", scope.as_str()),
            Self::Acr(values) => write!(f, "acr {:?}", values.as_str()),
            Self::AuthContext { id, .. } => write!(f, "acrs {id:?}"),
            Self::MaxAge(age) => write!(f, "max_age {age:?}"),
            Self::MaxTokenAge(age) => write!(f, "max_token_age {age:?}"),
            Self::Claim(claim) => claim.fmt(f),
            Self::Role(role) => role.fmt(f),
            Self::Clients(clients) => write!(f, "clients {clients:?}"),
            Self::Issuers(issuers) => write!(f, "issuers {issuers:?}"),
            Self::Actors(actors) => write!(f, "actors {actors:?}"),
            Self::NoActor => f.write_str("no actor"),
            Self::AuthorizationDetail { kind, location, .. } => {
                write!(f, "authorization detail {kind:?} for {location:?}")
            }
            Self::Custom(_) => f.write_str("custom"),
            Self::All(rules) => write!(f, "all {rules:?}"),
            Self::Any(rules) => write!(f, "any {rules:?}"),
        }
    }
}
