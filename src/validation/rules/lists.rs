//! The rules about the issuer's lists of tenants, subjects and clients.

use super::super::policy::{Callers, Subjects};
use super::super::recipient::Recipient;
use super::super::token_error::TokenError;
use super::rule::{Applies, Facts, Rule};
use super::text::list;
use crate::redact::quoted;
use crate::token::ClaimJson;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "tenants",
        source: "RFC 9068 §4",
        applies: Applies::If(|policy| policy.issuer.are_listed()),
        check: |facts| {
            let issuer = facts.issuer()?;
            let is_listed = facts.policy.issuer.contain(issuer);
            if is_listed { Ok(()) } else { Err(TokenError::Issuer { found: issuer.into() }) }
        },
        expected: |facts| list(facts.policy.issuer.iter()),
        found: |facts| quoted(facts.claims.iss.as_deref()),
    },
    Rule {
        name: "subjects",
        source: "RFC 8725 §3.8",
        applies: Applies::If(|policy| matches!(policy.subjects, Subjects::Listed(_))),
        check: check_subject,
        expected: |facts| match &facts.policy.subjects {
            Subjects::Any => "any".to_owned(),
            Subjects::Listed(listed) => format!("one of {}", listed.len()),
        },
        found: |facts| if check_subject(facts).is_ok() { "one of them" } else { "another" }.to_owned(),
    },
    Rule {
        name: "callers",
        source: "RFC 8725 §3.8",
        applies: Applies::If(|policy| policy.callers.is_some()),
        check: check_caller,
        expected: |facts| facts.policy.callers.as_ref().map_or("any".to_owned(), |callers| format!("{callers:?}")),
        found: |facts| {
            let claim = facts.policy.callers.as_ref().and_then(|callers| ClaimJson::find(facts.payload, callers.claim));
            quoted(claim.and_then(ClaimJson::text).as_deref())
        },
    },
    Rule {
        name: "clients",
        source: "RFC 8725 §3.9",
        applies: Applies::If(|policy| matches!(policy.recipient, Recipient::Client { .. })),
        check: |facts| facts.policy.recipient.check_client(facts.client()),
        expected: |facts| match &facts.policy.recipient {
            Recipient::Audience(_) | Recipient::CheckedByIssuer(_) => "any".to_owned(),
            Recipient::Client { clients, .. } => format!("one of {}", list(clients.iter().map(|it| &**it))),
        },
        found: |facts| quoted(facts.client()),
    },
];

fn check_caller(facts: &Facts<'_>) -> Result<(), TokenError> {
    let Some(Callers { claim, listed }) = &facts.policy.callers else { return Ok(()) };
    let found = ClaimJson::find(facts.payload, claim).ok_or(TokenError::Missing { claim })?;
    match found.text() {
        Some(found) if listed.iter().any(|known| **known == *found) => Ok(()),
        other => Err(TokenError::Caller { claim, found: other.unwrap_or_default().as_ref().into() }),
    }
}

fn check_subject(facts: &Facts<'_>) -> Result<(), TokenError> {
    match (&facts.policy.subjects, facts.subject()) {
        (Subjects::Any, _) => Ok(()),
        (Subjects::Listed(listed), Some(subject)) if listed.iter().any(|known| **known == *subject) => Ok(()),
        (Subjects::Listed(_), _) => Err(TokenError::Subject),
    }
}
