use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::acr_values::AcrValues;
use super::claim::ClaimRule;
use super::claim_walk::ClaimAnswers;
use super::requirement::Require;
use super::shortfall::{Lacks, Needs, Shortfall};
use crate::{AccessToken, Scope};

/// An application's own rule.
pub(super) type Custom = Arc<dyn Fn(&AccessToken, SystemTime) -> Result<(), Shortfall> + Send + Sync>;

pub(super) enum Rule {
    /// The token grants all of it.
    Scope(Scope),
    /// `acr` is one of them.
    Acr(AcrValues),
    /// Entra ID's `acrs` has this one.
    AuthContext {
        id: Box<str>,
        claim: ClaimRule,
    },
    /// `auth_time` is at most so long ago.
    MaxAge(Duration),
    /// `iat` is at most so long ago.
    MaxTokenAge(Duration),
    /// The claim is as it must be.
    Claim(ClaimRule),
    /// The token was issued to one of them.
    Clients(Box<[Box<str>]>),
    /// The token was issued by one of them.
    Issuers(Box<[Box<str>]>),
    Custom(Custom),
    All(Box<[Require]>),
    Any(Box<[Require]>),
}

impl Rule {
    /// Whether the token satisfies the rule, which is one of those that the `claims` were asked for. Nothing is allocated here.
    pub(super) fn holds(&self, token: &AccessToken, now: SystemTime, claims: &ClaimAnswers<'_>) -> bool {
        let is_one_of = |names: &[Box<str>], name: &str| names.iter().any(|own| &**own == name);
        match self {
            Self::Scope(scope) => token.scope().includes(scope),
            Self::Acr(values) => token.acr().is_some_and(|acr| values.contains(acr)),
            Self::AuthContext { claim, .. } | Self::Claim(claim) => claims.hold(claim),
            Self::MaxAge(age) => token.was_authenticated_within(*age, now),
            Self::MaxTokenAge(age) => token.was_issued_within(*age, now),
            Self::Clients(clients) => token.client_id().is_some_and(|client| is_one_of(clients, client)),
            Self::Issuers(issuers) => is_one_of(issuers, token.issuer()),
            Self::Custom(custom) => custom(token, now).is_ok(),
            Self::All(rules) => rules.iter().all(|rule| rule.rule().holds(token, now, claims)),
            Self::Any(rules) => rules.iter().any(|rule| rule.rule().holds(token, now, claims)),
        }
    }

    /// What the token lacks for the rule, which may be nothing, and what the rule needs.
    pub(super) fn assess(&self, token: &AccessToken, now: SystemTime, claims: &ClaimAnswers<'_>) -> Shortfall {
        let shortfall = |lacks, needs| Shortfall { lacks, needs, description: None };
        match self {
            Self::All(rules) => rules
                .iter()
                .map(|rule| rule.rule().assess(token, now, claims))
                .fold(shortfall(Lacks::NOTHING, Needs::default()), Shortfall::and),
            // The first of those about which a client can do most.
            Self::Any(rules) => rules
                .iter()
                .map(|rule| rule.rule().assess(token, now, claims))
                .min_by_key(|shortfall| shortfall.lacks)
                .unwrap_or(shortfall(Lacks::OTHER, Needs::default())),
            Self::Custom(custom) => custom(token, now).err().unwrap_or(shortfall(Lacks::NOTHING, Needs::default())),
            // Entra ID is asked for one context at a time. If it were one that is there, the client would come back for ever.
            Self::AuthContext { claim, .. } if claims.hold(claim) => shortfall(Lacks::NOTHING, Needs::default()),
            leaf if leaf.holds(token, now, claims) => shortfall(Lacks::NOTHING, leaf.needs()),
            leaf => shortfall(leaf.kind(), leaf.needs()),
        }
    }

    /// Every rule about a claim, in itself and below.
    pub(super) fn for_each_claim<'r>(&'r self, each: &mut impl FnMut(&'r ClaimRule)) {
        match self {
            Self::AuthContext { claim, .. } | Self::Claim(claim) => each(claim),
            Self::All(rules) | Self::Any(rules) => rules.iter().for_each(|rule| rule.rule().for_each_claim(each)),
            _ => {}
        }
    }

    /// What a client has to ask for, whatever token it has: for any of several rules, for the first.
    pub(super) fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        match self {
            Self::Scope(scope) => needs.scope = Some(scope.clone()),
            Self::Acr(values) => needs.acr_values = Some(values.clone()),
            Self::AuthContext { id, .. } => needs.auth_context = Some(id.clone()),
            Self::MaxAge(age) => needs.max_age = Some(*age),
            Self::All(rules) => return rules.iter().map(|rule| rule.rule().needs()).fold(needs, Needs::and),
            Self::Any(rules) => return rules.first().map_or(needs, |rule| rule.rule().needs()),
            _ => {}
        }
        needs
    }

    /// What is lacking where a single rule does not hold.
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
            Self::Clients(clients) => write!(f, "clients {clients:?}"),
            Self::Issuers(issuers) => write!(f, "issuers {issuers:?}"),
            Self::Custom(_) => f.write_str("custom"),
            Self::All(rules) => write!(f, "all {rules:?}"),
            Self::Any(rules) => write!(f, "any {rules:?}"),
        }
    }
}
