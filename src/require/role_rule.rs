use std::fmt;

use super::claim::{ClaimRule, Condition, Value};
use super::claim_walk::evaluate;
use crate::AccessToken;
use crate::token::{RolesClaim, RolesForm};

impl AccessToken {
    /// Whether the token has this [role](Self::roles), by the rules of
    /// [`Require::role`](crate::Require::role).
    ///
    /// Use it to decide what a handler shows. To refuse a request, use
    /// [`ResourceServer::check`](crate::ResourceServer::check), whose error is the right response.
    ///
    /// ```
    /// # fn of(token: &tower_bearer::AccessToken) {
    /// let limit = if token.has_role("buyer") { 10_000 } else { 100 };
    /// # }
    /// ```
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        RoleRule::new(role).of(self.roles_claim()).is_some_and(|rule| evaluate(self.payload(), &[rule])[0])
    }
}

/// A role, and how it is found in each of the claims that roles may be in.
pub(super) struct RoleRule {
    role: Box<str>,
    /// In the order of [`RolesClaim::ALL`].
    claims: [ClaimRule; RolesClaim::ALL.len()],
}

impl RoleRule {
    pub(super) fn new(role: &str) -> Self {
        let claims = RolesClaim::ALL.map(|claim| ClaimRule {
            path: claim.path().iter().map(|name| (*name).into()).collect(),
            condition: match claim.form() {
                RolesForm::List => Condition::Lists(Value::Text(role.into())),
                RolesForm::Members => Condition::HasMember(role.into()),
            },
        });
        Self { role: role.into(), claims }
    }

    /// The rule for a token whose roles are in this claim; `None` if no token has the role.
    pub(super) fn of(&self, claim: RolesClaim) -> Option<&ClaimRule> {
        let at = RolesClaim::ALL.iter().position(|own| *own == claim)?;
        Some(&self.claims[at]).filter(|_| !self.role.is_empty())
    }
}

impl fmt::Debug for RoleRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "role {:?}", self.role)
    }
}
