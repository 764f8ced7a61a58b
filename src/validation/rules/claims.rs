//! The rules about the claims of an access token.

use super::super::policy::Bindings;
use super::super::profile::Profile;
use super::super::recipient::Recipient;
use super::super::token_error::TokenError;
use super::rule::{Applies, Facts, Rule, require_claim};
use super::text::{list, presence, strings};
use crate::jose::{JsonError, Strings};
use crate::redact::quoted;
use crate::token::{ActClaim, CnfClaim, DetailsClaim, SubjectClaim};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "scope",
        source: "RFC 9068 §2.2.3",
        applies: Applies::Always,
        // An absent scope grants nothing. A malformed one makes a bad token, not a token without scopes.
        check: |facts| match (facts.scope_claim(), facts.policy.profile) {
            ((name, Some(Strings::Other)), _) | ((name, Some(Strings::Many(_))), Profile::Rfc9068) => {
                Err(TokenError::Payload(JsonError::WrongType { name: name.into() }))
            }
            _ => Ok(()),
        },
        expected: |facts| match facts.policy.profile {
            Profile::Rfc9068 => "none, or a string in scope".to_owned(),
            Profile::Generic => {
                "none, or a string or an array of strings, in the first of scope, scp and scopes".to_owned()
            }
        },
        found: |facts| match facts.scope_claim() {
            (_, None) => "none".to_owned(),
            (name, value) => format!("{} in {name}", strings(value)),
        },
    },
    Rule {
        name: "act",
        source: "RFC 8693 §4.1",
        applies: Applies::Always,
        check: |facts| well_formed("act", ActClaim::EXPECTED, facts.claims.act.as_ref().and_then(ActClaim::fault)),
        expected: |_| format!("none, or {}", ActClaim::EXPECTED),
        found: |facts| match facts.claims.act.as_ref() {
            None => "none".to_owned(),
            // Not who they are: the actor may be a person.
            Some(act) => act.fault().map_or_else(|| format!("{} of them", act.count()), str::to_owned),
        },
    },
    Rule {
        name: "authorization_details",
        source: "RFC 9396 §2",
        applies: Applies::Always,
        check: |facts| {
            let fault = facts.claims.authorization_details.as_ref().and_then(DetailsClaim::fault);
            well_formed("authorization_details", DetailsClaim::EXPECTED, fault)
        },
        expected: |_| format!("none, or {}", DetailsClaim::EXPECTED),
        found: |facts| match facts.claims.authorization_details.as_ref() {
            None => "none".to_owned(),
            Some(details) => details.fault().map_or_else(|| list(details.kinds()), str::to_owned),
        },
    },
    Rule {
        name: "cnf",
        source: "RFC 7800 §3.1",
        applies: Applies::Always,
        // RFC 9449 §7.2, RFC 8705 §3: a confirmation that cannot be checked is not ignored.
        check: |facts| if is_checkable(facts) { Ok(()) } else { Err(TokenError::Bound) },
        expected: |facts| {
            match facts.policy.bindings {
            Bindings { dpop: false, certificate: false } => "none".to_owned(),
            Bindings { dpop: true, certificate: false } => {
                "none, or an object with a jkt, the base64url form of 32 bytes, and nothing else".to_owned()
            }
            Bindings { dpop: false, certificate: true } => {
                "none, or an object with an x5t#S256, the base64url form of 32 bytes, and nothing else".to_owned()
            }
            Bindings { dpop: true, certificate: true } => {
                "none, or an object with a jkt, an x5t#S256 or both, each the base64url form of 32 bytes, and nothing else"
                    .to_owned()
            }
        }
        },
        found: |facts| match facts.claims.confirmation.as_ref().and_then(CnfClaim::fault) {
            Some(fault) => fault.to_owned(),
            None => presence(facts.claims.has_cnf),
        },
    },
    Rule {
        name: "sub",
        source: "RFC 9068 §2.2",
        // In every profile, because handlers key their data by it.
        applies: Applies::Always,
        check: |facts| require_claim("sub", facts.subject()),
        expected: |facts| match facts.policy.subject {
            SubjectClaim::Required => "any".to_owned(),
            SubjectClaim::ClientInstead => "any, or a client instead".to_owned(),
        },
        found: |facts| {
            let sub = match facts.claims.sub.as_deref() {
                None => "none",
                Some("") => "an empty one",
                Some(_) => return "one".to_owned(),
            };
            match facts.policy.subject {
                SubjectClaim::Required => sub.to_owned(),
                SubjectClaim::ClientInstead if facts.claims.names_user => format!("{sub}, and a user by username"),
                SubjectClaim::ClientInstead => match facts.client() {
                    None | Some("") => format!("{sub}, and no client"),
                    client => format!("{sub}, and the client {}", quoted(client)),
                },
            }
        },
    },
    Rule {
        name: "aud",
        source: "RFC 9068 §4",
        applies: Applies::Always,
        check: |facts| facts.policy.recipient.check_audience(facts.claims, facts.client(), facts.policy.profile),
        expected: |facts| match &facts.policy.recipient {
            Recipient::Audience(audiences) => list(audiences.iter().map(|it| &**it)),
            Recipient::CheckedByIssuer(audiences) => format!("none, or {}", list(audiences.iter().map(|it| &**it))),
            Recipient::Client { audiences, .. } => format!(
                "a client, and {} {}",
                if facts.policy.profile == Profile::Generic { "if there is an aud," } else { "in aud" },
                list(audiences.iter().map(|it| &**it))
            ),
        },
        found: |facts| {
            let aud = strings(facts.claims.aud.as_ref());
            match &facts.policy.recipient {
                Recipient::Audience(_) | Recipient::CheckedByIssuer(_) => aud,
                Recipient::Client { .. } => format!("the client {}, aud {aud}", quoted(facts.client())),
            }
        },
    },
];

/// Whether every confirmation in the token is one that is checked at each request.
fn is_checkable(facts: &Facts<'_>) -> bool {
    let Bindings { dpop, certificate } = facts.policy.bindings;
    match &facts.claims.confirmation {
        None => !facts.claims.has_cnf,
        Some(cnf) => {
            let is_checked = (dpop || cnf.jkt().is_none()) && (certificate || cnf.x5t_s256().is_none());
            cnf.fault().is_none() && is_checked
        }
    }
}

/// A malformed claim makes a bad token. It is not taken for a claim that is absent.
fn well_formed(claim: &'static str, expected: &'static str, fault: Option<&'static str>) -> Result<(), TokenError> {
    fault.map_or(Ok(()), |found| Err(TokenError::MalformedClaim { claim, expected, found }))
}
