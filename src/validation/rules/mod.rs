//! The rules for a token apart from its form and its signature, one table row each.
//!
//! Validation checks the rows in order and stops at the first that fails. `explain` reads the same rows and shows all of them.
//! To add a rule, add a row to the table of its topic, and an error to [`TokenError`].

mod claims;
mod kind;
mod lists;
mod rule;
mod text;
mod times;

use super::token_error::TokenError;
use crate::token::TrustedPayload;

pub(crate) use rule::{Facts, Rule};
pub(crate) use times::check_times_again;
pub(super) use times::check_validity;

/// When rules are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the signature is verified. What these rules require is public: strangers can find it out.
    BeforeSignature,
    /// After the signature is verified. These rules compare with secret lists. An earlier check would reveal them: a token of an
    /// unlisted subject would be refused at once, while a token of a listed one would wait for keys.
    AfterSignature,
}

impl Stage {
    const fn tables(self) -> &'static [&'static [Rule]] {
        match self {
            Self::BeforeSignature => &[kind::RULES, claims::RULES, times::RULES],
            Self::AfterSignature => &[lists::RULES],
        }
    }

    /// The rules of the stage that `facts`' issuer applies, in the order in which they are checked.
    pub(crate) fn rules(self, facts: &Facts<'_>) -> impl Iterator<Item = &'static Rule> {
        self.tables().iter().flat_map(|table| table.iter()).filter(|rule| rule.applies.to(facts.policy))
    }
}

/// The rule about the issuer, which is also explained where no issuer matches.
pub(crate) const ISSUER_RULE: &Rule = &kind::RULES[0];

/// Checks the rules of [`Stage::BeforeSignature`], up to the first that fails.
pub(super) fn check_before_signature(facts: &Facts<'_>) -> Result<(), TokenError> {
    Stage::BeforeSignature.rules(facts).try_for_each(|rule| (rule.check)(facts))
}

/// Checks the rules of [`Stage::AfterSignature`], up to the first that fails. The issuer has stated the claims.
pub(super) fn check_after_signature(facts: &Facts<'_>, _: TrustedPayload<'_>) -> Result<(), TokenError> {
    Stage::AfterSignature.rules(facts).try_for_each(|rule| (rule.check)(facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_the_first_is_about_the_issuer() {
        let tables = [Stage::BeforeSignature, Stage::AfterSignature].into_iter().flat_map(Stage::tables);
        let mut names: Vec<_> = tables.flat_map(|table| table.iter()).map(|rule| rule.name).collect();
        assert!(ISSUER_RULE.name == "iss" && names.len() >= 16);
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
