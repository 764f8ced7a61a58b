use std::fmt;
use std::time::Duration;

use super::acr_values::AcrValues;
use crate::Scope;

/// What a token lacks for an operation, and what the operation needs: the error of [`Require::check`](crate::Require::check).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    pub(super) lacks: Lacks,
    pub(super) needs: Needs,
    pub(super) description: Option<&'static str>,
    pub(super) missing: Vec<Box<str>>,
}

/// The most important kind of thing that a token lacks. The first variant that applies decides what the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lack {
    /// The token has expired or is too old for the operation. A refreshed token is enough.
    Freshness,
    /// The user was not authenticated in the way that the operation needs, so the client must ask them to authenticate again (RFC
    /// 9470).
    Authentication,
    /// The token does not grant enough.
    Privileges,
}

impl Shortfall {
    /// The token has expired. What else it lacks is not stated, because a new token may have it.
    pub(super) const EXPIRED: Self =
        Self { lacks: Lacks::FRESHNESS, needs: Needs::NOTHING, description: None, missing: Vec::new() };

    /// The refusal of a [custom](crate::Require::and_custom) rule: 403 with `description`. Another token would not help.
    ///
    /// The developer of the client sees `description`, so it must not be secret. Characters that a header cannot contain are
    /// replaced.
    #[must_use]
    pub fn denied(description: &'static str) -> Self {
        Self { lacks: Lacks::OTHER, needs: Needs::default(), description: Some(description), missing: Vec::new() }
    }

    /// The most important kind of thing that the token lacks.
    #[must_use]
    pub fn lack(&self) -> Lack {
        if self.lacks.any_of(Lacks::FRESHNESS) {
            Lack::Freshness
        } else if self.lacks.any_of(Lacks::AUTHENTICATION) {
            Lack::Authentication
        } else {
            Lack::Privileges
        }
    }

    /// The whole scope that the operation needs, including what the token already grants, because a client requests exactly this
    /// scope (RFC 6750 §3.1). In a [rejection](crate::Rejection::shortfall), it is the scope of the challenge: without scopes
    /// that another scope in it [implies](crate::token::ScopeHierarchy), and without `offline_access`.
    ///
    /// `None` unless the token lacks scope or authentication. If it lacks authentication, the scope is stated because the new
    /// token needs it too.
    #[must_use]
    pub fn scope(&self) -> Option<&Scope> {
        let matters = match self.lack() {
            Lack::Freshness => false,
            Lack::Authentication => true,
            Lack::Privileges => self.lacks.any_of(Lacks::SCOPE),
        };
        self.needs.scope.as_ref().filter(|_| matters)
    }

    /// The authentication context classes that the operation accepts, if the token lacks authentication (RFC 9470 §3).
    #[must_use]
    pub fn acr_values(&self) -> Option<&AcrValues> {
        self.needs.acr_values.as_ref().filter(|_| self.lack() == Lack::Authentication)
    }

    /// The maximum time since the user was authenticated, if the token lacks authentication (RFC 9470 §3).
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.needs.max_age.filter(|_| self.lack() == Lack::Authentication)
    }

    /// The authentication context to ask Microsoft Entra ID for, if the token lacks authentication.
    #[must_use]
    pub fn auth_context(&self) -> Option<&str> {
        self.needs.auth_context.as_deref().filter(|_| self.lack() == Lack::Authentication)
    }

    /// The description for the developer of the client, if a custom rule set one.
    #[must_use]
    pub fn description(&self) -> Option<&'static str> {
        self.description.filter(|_| self.lack() == Lack::Privileges)
    }

    /// The rules that the token does not satisfy, for logs and tests: `role "clerk"`, `scope "orders:write"`,
    /// `claim "/resource_access/orders-api/roles" contains "admin"`. If the requirement has [alternatives](crate::Require::or), only the
    /// rules of the alternative that the client is told about. Empty for an expired token.
    ///
    /// They are the application's constants, and contain no part of the token. The client is not told about roles and claims. The wording may change
    /// in any version.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.missing.iter().map(|rule| &**rule)
    }

    /// The same, where the client is told something else of the scope that is needed.
    pub(crate) fn with_scope(mut self, told: impl FnOnce(Scope) -> Option<Scope>) -> Self {
        self.needs.scope = self.needs.scope.and_then(told);
        self
    }

    /// What is lacking and needed for two rules that both have to hold.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            lacks: Lacks(self.lacks.0 | other.lacks.0),
            needs: self.needs.and(other.needs),
            description: self.description.or(other.description),
            missing: self.missing.into_iter().chain(other.missing).collect(),
        }
    }
}

/// Formats what the operation needs and what is missing, for logs.
impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.lack() {
            Lack::Freshness => "the operation needs a newer token",
            Lack::Authentication => "the operation needs stronger or more recent authentication",
            Lack::Privileges => "the operation needs more than the token grants",
        })?;
        if let Some(values) = self.acr_values() {
            write!(f, ", acr {:?}", values.as_str())?;
        }
        if let Some(context) = self.auth_context() {
            write!(f, ", acrs {context:?}")?;
        }
        if let Some(age) = self.max_age() {
            write!(f, ", at most {age:?} ago")?;
        }
        if let Some(scope) = self.scope() {
            write!(f, ", scope {:?}", scope.as_str())?;
        }
        if let Some(description) = self.description() {
            write!(f, ": {description}")?;
        }
        for (n, rule) in self.missing().enumerate() {
            write!(f, "{}{rule}", if n == 0 { "; missing: " } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Shortfall {}

/// A set of kinds of things that a token lacks. The smaller the number, the more a client can do about it: it can refresh a token
/// itself, it can ask the user to authenticate again, a scope may not be granted, and a role cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lacks(u8);

impl Lacks {
    pub(super) const NOTHING: Self = Self(0);
    pub(super) const FRESHNESS: Self = Self(1);
    pub(super) const AUTHENTICATION: Self = Self(2);
    pub(super) const SCOPE: Self = Self(4);
    pub(super) const OTHER: Self = Self(8);

    fn any_of(self, kinds: Self) -> bool {
        self.0 & kinds.0 != 0
    }
}

/// The part of a requirement that a client can ask an authorization server for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) scope: Option<Scope>,
    pub(super) acr_values: Option<AcrValues>,
    pub(super) max_age: Option<Duration>,
    pub(super) auth_context: Option<Box<str>>,
}

impl Needs {
    const NOTHING: Self = Self { scope: None, acr_values: None, max_age: None, auth_context: None };

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            scope: both(self.scope, other.scope, |a, b| a.and(&b)),
            acr_values: both(self.acr_values, other.acr_values, |a, b| a.in_common_with(&b)),
            max_age: both(self.max_age, other.max_age, Duration::min),
            // Entra ID is asked for one context at a time, the first that is lacking.
            auth_context: self.auth_context.or(other.auth_context),
        }
    }
}

fn both<T>(a: Option<T>, b: Option<T>, merge: impl FnOnce(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(merge(a, b)),
        (a, b) => a.or(b),
    }
}
