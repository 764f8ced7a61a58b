use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::acr_values::{AcrValues, InvalidAcrValues};
use super::claim::{ClaimRule, ClaimValue, InvalidPointer};
use super::claim_walk::ClaimAnswers;
use super::rule::Rule;
use super::shortfall::{Lacks, Shortfall};
use crate::token::InvalidScope;
use crate::{AccessToken, Scope};

/// What an operation needs beyond a valid token: scopes, an authentication that is strong and recent enough, roles and other
/// claims, and combinations of these.
///
/// It is a value, a [pure check](Self::check), and itself a [`tower_layer::Layer`] for the routes that need it. As a layer
/// it must lie within the [protecting one](crate::ResourceServer::layer), which it asks for the token; without that it
/// answers 500 and says so in the log. Several on the way to a handler add up.
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::Require;
///
/// let read = Require::scope("read:me");
/// let either = Require::any_scope(["admin", "read:me write:me"]);
/// let payment = Require::scope("payments:write").acr("urn:example:mfa").max_age(Duration::from_secs(300));
/// let administration = Require::token().claim_contains("/realm_access/roles", "admin");
/// let report = Require::scope("reports").or(administration);
/// ```
///
/// A method adds a rule to all that stand before it, so `a.or(b).acr("x")` is "a or b, and in any case x".
///
/// # What a client is told
///
/// The refusal states what the operation needs, derived from the requirement, so that one more authorization request with
/// just that will do:
///
/// | the token | the answer |
/// |---|---|
/// | has expired, or is older than [`max_token_age`](Self::max_token_age) | 401 `invalid_token`: a refreshed one will do |
/// | lacks the [`acr`](Self::acr), the [`max_age`](Self::max_age) or the [`auth_context`](Self::auth_context) | 401 `insufficient_user_authentication` with `acr_values`, `max_age` and `scope`, each if the requirement names it (RFC 9470 §3) |
/// | lacks a scope | 403 `insufficient_scope` with the whole `scope` that is needed (RFC 6750 §3.1) |
/// | lacks a role or whatever else | 403 `insufficient_scope` |
///
/// The first row that fits decides. Of [several alternatives](Self::or) the client is told of the one about which it can do
/// most, by the order of the rows, and of the first where that leaves a choice.
#[derive(Clone)]
pub struct Require(Arc<Rule>);

impl Require {
    /// All scope tokens of `scope`, which has one space between two of them (RFC 6749 §3.3).
    ///
    /// # Panics
    ///
    /// If `scope` is none. For a scope that is no literal, parse a [`Scope`] and use `Require::from`.
    #[must_use]
    #[track_caller]
    pub fn scope(scope: &str) -> Self {
        Self::any_scope([scope])
    }

    /// All scope tokens of any one of `scopes`. The refusal asks for the first, so put the one that most clients should ask
    /// for there.
    ///
    /// # Panics
    ///
    /// If there is none, or one is no scope.
    #[must_use]
    #[track_caller]
    pub fn any_scope<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Self {
        let parsed: Result<Vec<Scope>, InvalidScope> = scopes.into_iter().map(str::parse).collect();
        let alternatives = parsed.unwrap_or_else(|invalid| panic!("{invalid}")).into_iter().map(Self::from);
        let any = alternatives.reduce(Self::or);
        any.unwrap_or_else(|| no_choice("scopes"))
    }

    /// A valid token and nothing else: what the other rules are added to where no scope is needed.
    #[must_use]
    pub fn token() -> Self {
        Self(Arc::new(Rule::All([].into())))
    }

    /// The user was authenticated in one of these ways: the token's `acr` is one of `acr_values`, which has one space between
    /// two and the preferred one first (RFC 9470 §3). Values compare whole; an absent or malformed `acr` is none of them.
    ///
    /// For levels that are ordered, see [`Levels`](super::Levels).
    ///
    /// # Panics
    ///
    /// If `acr_values` is no such list. One that is no literal is parsed as [`AcrValues`] and given to
    /// [`acr_values`](Self::acr_values).
    #[must_use]
    #[track_caller]
    pub fn acr(self, acr_values: &str) -> Self {
        match acr_values.parse() {
            Ok(values) => self.acr_values(values),
            Err::<_, InvalidAcrValues>(invalid) => panic!("{invalid}"),
        }
    }

    /// As [`acr`](Self::acr), for values that are no literal.
    #[must_use]
    pub fn acr_values(self, values: AcrValues) -> Self {
        self.with(Rule::Acr(values))
    }

    /// The user was authenticated at most `age` ago, by the token's `auth_time` (RFC 9470 §3), give or take the server's
    /// leeway. An absent or malformed `auth_time`, or one in the future, does not satisfy it.
    ///
    /// The challenge states whole seconds, a fraction left off.
    #[must_use]
    pub fn max_age(self, age: Duration) -> Self {
        self.with(Rule::MaxAge(age))
    }

    /// Microsoft Entra ID's `acrs` has the authentication context `id`, such as `c1`. Entra ID sends no `acr`, and is asked
    /// for a stronger authentication with a `claims` parameter: the refusal is its own 401 `insufficient_claims`, which its
    /// client libraries act on.
    #[must_use]
    pub fn auth_context(self, id: &str) -> Self {
        let claim = ClaimRule::contains("/acrs", id.into());
        let claim = claim.unwrap_or_else(|_| unreachable!("a pointer"));
        self.with(Rule::AuthContext { id: id.into(), claim })
    }

    /// The token was issued at most `age` ago, by its `iat`, give or take the server's leeway. Without an `iat` it was not.
    #[must_use]
    pub fn max_token_age(self, age: Duration) -> Self {
        self.with(Rule::MaxTokenAge(age))
    }

    /// The claim at `pointer` (RFC 6901) is an array that has `value`, or is `value` itself: a role, a group, a permission.
    ///
    /// ```
    /// use tower_bearer::Require;
    ///
    /// let keycloak = Require::token().claim_contains("/resource_access/my-api/roles", "admin");
    /// let auth0 = Require::token().claim_contains("/permissions", "read:reports");
    /// let cognito = Require::token().claim_contains("/cognito:groups", "staff");
    /// let namespaced = Require::token().claim_contains("/https:~1~1example.com~1roles", "admin"); // ~1 is a slash
    /// ```
    ///
    /// # Panics
    ///
    /// If `pointer` is no JSON pointer to a claim.
    #[must_use]
    #[track_caller]
    pub fn claim_contains(self, pointer: &str, value: impl Into<ClaimValue>) -> Self {
        self.with_claim(ClaimRule::contains(pointer, value.into()))
    }

    /// The claim at `pointer` (RFC 6901) is `value`, of the same type: `2` is not `"2"`.
    ///
    /// # Panics
    ///
    /// If `pointer` is no JSON pointer to a claim.
    #[must_use]
    #[track_caller]
    pub fn claim_equals(self, pointer: &str, value: impl Into<ClaimValue>) -> Self {
        self.with_claim(ClaimRule::equals(pointer, value.into()))
    }

    /// The claim at `pointer` (RFC 6901) is an object with the member `name`, which is neither `null` nor `false`: Zitadel
    /// writes roles so.
    ///
    /// # Panics
    ///
    /// If `pointer` is no JSON pointer to a claim.
    #[must_use]
    #[track_caller]
    pub fn claim_has_member(self, pointer: &str, name: &str) -> Self {
        self.with_claim(ClaimRule::has_member(pointer, name))
    }

    /// The token was issued to one of these [clients](AccessToken::client_id).
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn clients<'a>(self, clients: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(Rule::Clients(some("clients", clients)))
    }

    /// The token was issued by one of these [issuers](AccessToken::issuer), of those that the server trusts.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn issuers<'a>(self, issuers: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(Rule::Issuers(some("issuers", issuers)))
    }

    /// A rule of the application's own. Its refusal is [one of its own](Shortfall::denied), or what another requirement's
    /// [`check`](Self::check) says. It must be quick and must not block.
    ///
    /// ```
    /// use tower_bearer::Require;
    /// use tower_bearer::require::Shortfall;
    ///
    /// let no_machines = Require::token().custom(|token, _| {
    ///     if token.client_id() == Some(token.subject()) {
    ///         return Err(Shortfall::denied("This operation needs a user"));
    ///     }
    ///     Ok(())
    /// });
    /// ```
    #[must_use]
    pub fn custom(
        self,
        rule: impl Fn(&AccessToken, SystemTime) -> Result<(), Shortfall> + Send + Sync + 'static,
    ) -> Self {
        self.with(Rule::Custom(Arc::new(rule)))
    }

    /// Both this and `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut rules = match &*self.0 {
            Rule::All(rules) => rules.to_vec(),
            _ => vec![self],
        };
        rules.push(other);
        Self(Arc::new(Rule::All(rules.into())))
    }

    /// This, or `other`, or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let mut rules = match &*self.0 {
            Rule::Any(rules) => rules.to_vec(),
            _ => vec![self],
        };
        rules.push(other);
        Self(Arc::new(Rule::Any(rules.into())))
    }

    /// Whether `token` satisfies the requirement at the time `now`. If it does, nothing is allocated for up to 16 rules about
    /// claims, and however many there are, the token's claims are read once. A token that has expired
    /// by then satisfies none: it may have been good when the request came, and the conversation outlived it.
    ///
    /// A handler that decides late uses [`ResourceServer::check`](crate::ResourceServer::check), which knows the time and
    /// makes a response of it.
    ///
    /// # Errors
    ///
    /// What is missing.
    pub fn check(&self, token: &AccessToken, now: SystemTime) -> Result<(), Shortfall> {
        if token.has_expired(now) {
            return Err(Shortfall::EXPIRED);
        }
        let claims = ClaimAnswers::new(&self.0, token.payload());
        if self.0.holds(token, now, &claims) {
            return Ok(());
        }
        let mut shortfall = self.0.assess(token, now, &claims);
        if shortfall.lacks == Lacks::NOTHING {
            // A custom rule changed its mind.
            shortfall.lacks = Lacks::OTHER;
        }
        Err(shortfall)
    }

    /// The scope that a client without any token is told to ask for: of several alternatives that of the first.
    pub(crate) fn scope_to_ask_for(&self) -> Option<Scope> {
        self.0.needs().scope
    }

    pub(super) fn rule(&self) -> &Rule {
        &self.0
    }

    fn with(self, rule: Rule) -> Self {
        self.and(rule.into())
    }

    #[track_caller]
    fn with_claim(self, rule: Result<ClaimRule, InvalidPointer>) -> Self {
        match rule {
            Ok(rule) => self.with(Rule::Claim(rule)),
            Err(invalid) => panic!("{invalid}"),
        }
    }
}

#[track_caller]
fn some<'a>(what: &str, names: impl IntoIterator<Item = &'a str>) -> Box<[Box<str>]> {
    let names: Box<[Box<str>]> = names.into_iter().map(Into::into).collect();
    if names.is_empty() { no_choice(what) } else { names }
}

#[track_caller]
fn no_choice(what: &str) -> ! {
    panic!("a choice between no {what} can never be satisfied")
}

/// All scope tokens of the scope.
impl From<Scope> for Require {
    fn from(scope: Scope) -> Self {
        Rule::Scope(scope).into()
    }
}

impl From<Rule> for Require {
    fn from(rule: Rule) -> Self {
        Self(Arc::new(rule))
    }
}

impl fmt::Debug for Require {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
