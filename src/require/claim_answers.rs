use std::cell::OnceCell;

use smallvec::SmallVec;

use super::claim::ClaimRule;
use super::claim_walk::{FEW, evaluate};
use super::rule::Rule;
use crate::token::RolesClaim;

/// Which of the claim rules of one requirement hold for one payload.
///
/// All of them are evaluated together, when the first answer is needed.
pub(super) struct ClaimAnswers<'r> {
    requirement: &'r Rule,
    payload: &'r [u8],
    /// The claim that roles are in.
    roles: RolesClaim,
    answers: OnceCell<Answers<'r>>,
}

struct Answers<'r> {
    /// Sorted by their addresses, which identify them.
    rules: SmallVec<[&'r ClaimRule; FEW]>,
    /// In the order of `rules`.
    holds: SmallVec<[bool; FEW]>,
}

impl<'r> ClaimAnswers<'r> {
    pub(super) fn new(requirement: &'r Rule, payload: &'r [u8], roles: RolesClaim) -> Self {
        Self { requirement, payload, roles, answers: OnceCell::new() }
    }

    /// Whether `rule`, which is one of the requirement, holds for the payload.
    pub(super) fn hold(&self, rule: &ClaimRule) -> bool {
        let Answers { rules, holds } = self.answers.get_or_init(|| self.evaluate());
        let found = rules.binary_search_by_key(&address(rule), |rule| address(rule));
        found.is_ok_and(|at| holds[at])
    }

    fn evaluate(&self) -> Answers<'r> {
        #[cfg(test)]
        WALKS.set(WALKS.get() + 1);
        let mut rules: SmallVec<[&ClaimRule; FEW]> = SmallVec::new();
        self.requirement.for_each_claim(self.roles, &mut |rule| rules.push(rule));
        rules.sort_unstable_by_key(|rule| address(rule));
        let holds = evaluate(self.payload, &rules);
        Answers { rules, holds }
    }
}

fn address(rule: &ClaimRule) -> usize {
    std::ptr::from_ref(rule).addr()
}

#[cfg(test)]
thread_local! {
    /// How often a payload was walked.
    pub(super) static WALKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
