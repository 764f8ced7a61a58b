use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::Extensions;

use super::claim_answers::ClaimAnswers;
use super::extension_rule::ExtensionRule;
use super::rule::Rule;
use super::shortfall::{Lacks, Shortfall};
use crate::{AccessToken, Scope};

/// What an operation needs beyond a valid token: scopes, strong and recent authentication, roles and other claims, an actor, and
/// combinations of these.
///
/// It is a value, a [pure check](Self::check), and a [`tower_layer::Layer`] for the routes that need it. As a layer, it must be inside
/// the [protecting layer](crate::ResourceServer::layer), which provides the token; without that layer, it answers 500 and logs what is
/// missing. If a request passes several of these layers, its token must satisfy all of them.
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::Require;
///
/// let read = Require::scope("read:me");
/// let either = Require::any_scope(["admin", "read:me write:me"]);
/// let payment = Require::scope("payments:write").and_acr("urn:example:mfa").and_max_age(Duration::from_secs(300));
/// let administration = Require::role("admin");
/// let billing = Require::token().and_claim_contains("/resource_access/my-api/roles", "billing");
/// let report = Require::scope("reports").or(administration);
/// ```
///
/// A method whose name starts with `and` adds a rule to everything before it, so `a.or(b).and_acr("x")` is "(a or b) and x". Several
/// rules of the same kind must all hold; none replaces another.
///
/// # Values known at run time
///
/// The methods that take text panic if it is invalid, because it is usually a literal. For text from a configuration or a database, use
/// the constructor that starts with `try_` instead of the method that starts with `and_`, and combine it with [`and`](Self::and):
///
/// ```
/// use tower_bearer::Require;
/// # use tower_bearer::require::InvalidRequirement;
/// # let (scope, pointer, role) = ("reports", "/realm_access/roles", "auditor");
///
/// let audit = Require::try_scope(scope)?.and(Require::try_claim_contains(pointer, role)?);
/// # Ok::<(), InvalidRequirement>(())
/// ```
///
/// # What a client is told
///
/// The refusal states what the operation needs, so that one more authorization request for exactly that is enough:
///
/// | the token | the answer |
/// |---|---|
/// | has expired, or is older than [`and_max_token_age`](Self::and_max_token_age) allows | 401 `invalid_token`: a refreshed token is enough |
/// | lacks the [`acr`](Self::and_acr), the [`max_age`](Self::and_max_age) or the [authentication context](Self::and_auth_context) | 401 `insufficient_user_authentication` with `acr_values`, `max_age` and `scope`, each if the requirement names it (RFC 9470 §3) |
/// | lacks a scope | 403 `insufficient_scope` with the whole `scope` that is needed (RFC 6750 §3.1) |
/// | lacks a role or anything else | 403 `insufficient_scope` |
///
/// The answer of an inner layer names its own requirement and that of the [protecting layer](crate::layer::ProtectLayer::require).
/// Requirements of intermediate layers are not included. If a client requests exactly that scope and so loses one that an intermediate
/// layer requires, the next refusal names that one. So put what many routes need into the protecting layer.
///
/// The `scope` omits any scope that another scope in it [implies](crate::token::ScopeHierarchy). It also omits `offline_access`, which
/// concerns the authorization server and not this server. If nothing is left, there is no `scope`.
///
/// A credential that is not a token, because the layer [ignores](crate::layer::ProtectLayer::ignore_tokens) it, gets 401 `invalid_token`
/// unless an [extension](Self::or_extension) satisfies the requirement.
///
/// The first row that applies decides. Of [several alternatives](Self::or), the client is told about the one whose row comes first in
/// this table, and about the first alternative if several are equal.
#[derive(Clone)]
pub struct Require {
    rule: Arc<Rule>,
    /// What satisfies the requirement where the credential is not a token; `None` if nothing does.
    extension: Option<Arc<ExtensionRule>>,
}

impl Require {
    /// Requires a valid token and nothing else. Start with this to add other rules where no scope is needed.
    #[must_use]
    pub fn token() -> Self {
        Rule::All([].into()).into()
    }

    /// Requires both this and `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let rules = match &*self.rule {
            Rule::All(rules) => rules.to_vec(),
            _ => vec![self.rule],
        };
        let rule = Rule::All(followed_by(rules, other.rule));
        // Without a token, what one of them demands of a token is not satisfied.
        let extension = self.extension.zip(other.extension).map(|(one, other)| ExtensionRule::All([one, other]));
        Self { rule: Arc::new(rule), extension: extension.map(Arc::new) }
    }

    /// Requires this, or `other`, or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let rules = match &*self.rule {
            Rule::Any(rules) => rules.to_vec(),
            _ => vec![self.rule],
        };
        let rule = Rule::Any(followed_by(rules, other.rule));
        Self { rule: Arc::new(rule), extension: either(self.extension, other.extension) }
    }

    /// Requires this or, if the credential is not a token, a request extension of type `T`, which proves that a layer of the application
    /// has checked the credential, such as an API key.
    ///
    /// The alternative applies only to a request whose credential the protecting layer
    /// [ignores](crate::layer::ProtectLayer::ignore_tokens). A token is checked as if the alternative did not exist, whatever extensions
    /// the request has. Otherwise, a client with its own API key could use another's token for more than the token grants. A request
    /// without credentials is still refused.
    ///
    /// A layer outside the protecting layer must insert the `T` into the request, and only after it has checked the credential. A type
    /// that every request has, such as a request ID, or an `Option` that may be `None`, would let every ignored credential pass.
    ///
    /// Call this last. A later rule about the token, such as [`and_acr`](Self::and_acr), applies to both alternatives, and no extension
    /// satisfies it. If two requirements are joined with [`and`](Self::and), both need an extension that satisfies them.
    ///
    /// ```
    /// use tower_bearer::Require;
    ///
    /// /// The customer whose API key it is.
    /// #[derive(Clone)]
    /// struct ApiKey { customer: u64 }
    ///
    /// let report = Require::scope("reports:read").or_extension::<ApiKey>();
    /// ```
    ///
    /// Default: a requirement needs a token.
    #[must_use]
    pub fn or_extension<T: Send + Sync + 'static>(self) -> Self {
        let extension = Some(Arc::new(ExtensionRule::has::<T>()));
        Self { extension: either(self.extension, extension), ..self }
    }

    /// Checks that `token` satisfies the requirement at the time `now`.
    ///
    /// [Extensions](Self::or_extension) are not considered. A token that has expired or been [revoked](crate::revocation) satisfies no
    /// requirement. This is checked here because either may happen after the request has arrived, for example on a long connection. The
    /// token's claims are read once for all rules about claims. If the token satisfies the requirement, up to 16 such rules need no
    /// allocation, unless a rule is about [authorization details](Self::and_authorization_detail).
    ///
    /// In a handler, use [`ResourceServer::check`](crate::ResourceServer::check), which takes the time from the server's clock and turns
    /// the error into a response.
    ///
    /// # Errors
    ///
    /// What the token lacks.
    pub fn check(&self, token: &AccessToken, now: SystemTime) -> Result<(), Shortfall> {
        if token.has_expired(now) || token.is_revoked() {
            return Err(Shortfall::EXPIRED);
        }
        let claims = ClaimAnswers::new(&self.rule, token.payload(), token.roles_claim());
        if self.rule.holds(token, now, &|rule| claims.hold(rule)) {
            return Ok(());
        }
        let mut shortfall = self.rule.assess(token, now, &|rule| claims.hold(rule));
        if shortfall.lacks == Lacks::NOTHING {
            // A custom rule returned something else the second time.
            shortfall.lacks = Lacks::OTHER;
        }
        Err(shortfall)
    }

    /// The scope that a client without a token is told to ask for. Of several alternatives, it is that of the first one.
    pub(crate) fn scope_to_ask_for(&self) -> Option<Scope> {
        self.rule.needs().scope
    }

    /// Whether an [extension](Self::or_extension) satisfies the requirement, for a request whose credential is not a token.
    pub(crate) fn is_satisfied_without_token(&self, extensions: &Extensions) -> bool {
        self.extension.as_ref().is_some_and(|rule| rule.holds(extensions))
    }

    /// Adds a single rule.
    pub(super) fn and_rule(self, rule: Rule) -> Self {
        self.and(rule.into())
    }
}

fn followed_by(mut rules: Vec<Arc<Rule>>, other: Arc<Rule>) -> Box<[Arc<Rule>]> {
    rules.push(other);
    rules.into()
}

fn either(one: Option<Arc<ExtensionRule>>, other: Option<Arc<ExtensionRule>>) -> Option<Arc<ExtensionRule>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(Arc::new(ExtensionRule::Any([one, other]))),
        (one, other) => one.or(other),
    }
}

/// The whole scope: every one of its scope tokens.
impl From<Scope> for Require {
    fn from(scope: Scope) -> Self {
        Rule::Scope(scope).into()
    }
}

impl From<Rule> for Require {
    fn from(rule: Rule) -> Self {
        Self { rule: Arc::new(rule), extension: None }
    }
}

impl fmt::Debug for Require {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.extension {
            Some(extension) => write!(f, "any [{:?}, {extension:?}]", self.rule),
            None => self.rule.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::claim_answers::WALKS;
    use super::super::claim_walk::evaluate;
    use super::*;
    use crate::token::RolesClaim;

    #[test]
    fn many_claim_rules_are_answered_in_one_walk() {
        let requirement = (0..50).map(|role| {
            Require::token()
                .and_claim_contains("/roles", format!("role-{role}"))
                .and_claim_equals("/tier", role)
                .and_claim_has_member("/groups", if role % 2 == 0 { "even" } else { "odd" })
                .or(Require::role(&format!("role-{role}")))
        });
        let requirement = requirement.reduce(Require::or).unwrap();
        let payload = br#"{"roles":["role-3","role-7","role-49"],"tier":7,"groups":{"odd":true}}"#;
        WALKS.set(0);
        let claims = ClaimAnswers::new(&requirement.rule, payload, RolesClaim::default());
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        requirement.rule.for_each_claim(RolesClaim::default(), &mut |rule| together.push(claims.hold(rule)));
        assert_eq!(WALKS.get(), 1);
        requirement.rule.for_each_claim(RolesClaim::default(), &mut |rule| alone.push(evaluate(payload, &[rule])[0]));
        assert_eq!(together, alone);
        assert_eq!((together.len(), together.iter().filter(|holds| **holds).count()), (200, 3 + 1 + 25 + 3));
    }

    /// The answers are needed to decide, and again to say what is lacking.
    #[test]
    fn a_check_walks_the_payload_once() {
        let now = SystemTime::UNIX_EPOCH;
        let of = |roles: u32| {
            let rules = (0..roles).map(|role| Require::token().and_claim_contains("/roles", format!("role-{role}")));
            rules.reduce(Require::or).unwrap().and_auth_context("c1")
        };
        let with = |payload: &str| AccessToken::of_payload(payload, now + Duration::from_secs(60));
        let good = with(r#"{"roles":["role-49"],"acrs":["c1"]}"#);
        for (requirement, token, holds) in [
            (of(50), &good, true),
            (of(49), &good, false),
            (of(50), &with(r#"{"roles":["role-49"],"acrs":[]}"#), false),
            (of(50), &with("{}"), false),
        ] {
            WALKS.set(0);
            assert_eq!(requirement.check(token, now).is_ok(), holds);
            assert_eq!(WALKS.get(), 1);
        }
        // A decision that needs no claim walks nothing.
        let requirement = Require::scope("absent").and(of(50));
        WALKS.set(0);
        let claims = ClaimAnswers::new(&requirement.rule, b"{}", RolesClaim::default());
        assert!(!requirement.rule.holds(&good, now, &|rule| claims.hold(rule)));
        assert_eq!(WALKS.get(), 0);
    }
}
