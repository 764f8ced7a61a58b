//! Turns the subject of an event into revocations.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::subject::{Identifier, Subject};
use crate::revocation::Revocation;

/// The session by which Keycloak names all sessions of a user.
const ALL_SESSIONS: &str = "ALL";

/// Whom a feed may speak for, and what it has to understand.
pub(super) struct Matching {
    /// The issuer of subjects that name none.
    pub(super) issuer: Box<str>,
    /// The other issuers whose subjects the transmitter may name.
    pub(super) other_issuers: Vec<Box<str>>,
    /// The members of a complex subject that the transmitter calls critical.
    pub(super) critical: Vec<Box<str>>,
}

/// What an event about a subject revokes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Matched {
    pub(super) revocations: Vec<Revocation>,
    /// Part of it is a principal of an issuer that the feed does not speak for.
    pub(super) is_of_other_issuer: bool,
    /// It does not identify a user, token or session in a form that tokens can be compared with.
    pub(super) is_unmatched: bool,
    /// A critical member of it is not understood (SSF 1.0 §3.6): the event must be discarded.
    pub(super) not_understood: Option<Box<str>>,
}

impl Matching {
    /// `until` is when the event has happened: tokens of a subject that were issued later are good.
    pub(super) fn matched(&self, subject: &Subject, until: SystemTime) -> Matched {
        match subject {
            Subject::Simple(identifiers) => self.alone(identifiers, until),
            Subject::Complex(members) => self.complex(members, until),
        }
    }

    /// CAEP 1.0 §3.1 names a session by an opaque subject alone, and other transmitters a user. The form is the same, so both are meant.
    fn alone(&self, identifiers: &[Identifier], until: SystemTime) -> Matched {
        let mut matched = self.simple(identifiers, until);
        let sessions = identifiers.iter().filter_map(sid).map(|sid| Revocation::session(&self.issuer, sid).at(until));
        matched.revocations.extend(sessions);
        matched
    }

    fn simple(&self, identifiers: &[Identifier], until: SystemTime) -> Matched {
        let mut matched = Matched::default();
        for identifier in identifiers {
            let revocation = match identifier {
                Identifier::Token { issuer, id } => Some((&**issuer, Revocation::token(issuer, id))),
                other => self.user(other).map(|(issuer, sub)| (issuer, Revocation::subject(issuer, sub))),
            };
            match revocation {
                Some((issuer, revocation)) if self.speaks_for(issuer) => matched.revocations.push(revocation.at(until)),
                Some(_) => matched.is_of_other_issuer = true,
                None => {}
            }
        }
        matched.is_unmatched = matched.revocations.is_empty() && !matched.is_of_other_issuer;
        matched
    }

    /// SSF 1.0 §3.3, §8.1.3.1: members narrow the subject down, and what is absent may be anything. So a session is that of the user, and a device or an
    /// application of a user is the user. Without a user and a session nothing is revoked: a tenant or a device names no tokens.
    fn complex(&self, members: &BTreeMap<String, Vec<Identifier>>, until: SystemTime) -> Matched {
        let is_understood = |name: &str| ["user", "session"].contains(&name);
        let session = members.get("session").filter(|session| !is_all(session));
        let sessions = session.map(|session| session.iter().filter_map(sid).collect::<Vec<_>>());
        let is_lost =
            |name: &str| !is_understood(name) || (name == "session" && sessions.as_ref().is_some_and(Vec::is_empty));
        let not_understood = self.critical.iter().find(|name| members.contains_key(&***name) && is_lost(name));
        if let Some(name) = not_understood {
            return Matched { not_understood: Some(name.clone()), ..Matched::default() };
        }
        let sessions = sessions.unwrap_or_default();
        let user = members.get("user").map(|user| self.simple(user, until)).unwrap_or_default();
        if user.is_of_other_issuer && user.revocations.is_empty() {
            // Its session is that of a user for whom the feed does not speak.
            return user;
        }
        let users = members.get("user").into_iter().flatten().filter_map(|user| self.user(user));
        let users: Vec<_> = users.filter(|(issuer, _)| self.speaks_for(issuer)).collect();
        if users.is_empty() || sessions.is_empty() {
            let mut matched = user;
            let sessions = sessions.into_iter().map(|sid| Revocation::session(&self.issuer, sid).at(until));
            matched.revocations.extend(sessions);
            matched.is_unmatched |= matched.revocations.is_empty();
            return matched;
        }
        let of_user = |(issuer, sub): (&str, &str)| {
            sessions.iter().map(|sid| Revocation::session_of(issuer, sid, sub).at(until)).collect::<Vec<_>>()
        };
        Matched { revocations: users.into_iter().flat_map(of_user).collect(), ..user }
    }

    /// The issuer and the `sub`, if the identifier says them.
    fn user<'i>(&'i self, identifier: &'i Identifier) -> Option<(&'i str, &'i str)> {
        match identifier {
            Identifier::Subject { issuer, sub } => Some((issuer, sub)),
            Identifier::Opaque(sub) | Identifier::Url(sub) => Some((&self.issuer, sub)),
            Identifier::Token { .. } | Identifier::Other => None,
        }
    }

    fn speaks_for(&self, issuer: &str) -> bool {
        *self.issuer == *issuer || self.other_issuers.iter().any(|other| **other == *issuer)
    }
}

/// Whether it is as if there were no session.
fn is_all(session: &[Identifier]) -> bool {
    matches!(session, [Identifier::Opaque(id)] if id == ALL_SESSIONS)
}

/// The `sid` of a session.
fn sid(identifier: &Identifier) -> Option<&str> {
    match identifier {
        Identifier::Opaque(sid) => Some(sid),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;

    #[test]
    fn all_sessions_of_a_user_are_the_user() {
        let issuer = "https://login.example.com";
        let matching = Matching { issuer: issuer.into(), other_issuers: Vec::new(), critical: vec!["session".into()] };
        let matched = |json| matching.matched(&Subject::parse(&json).expect("a subject"), UNIX_EPOCH);
        let user = json!({ "format": "iss_sub", "iss": issuer, "sub": "alice" });
        let all = json!({ "format": "opaque", "id": "ALL" });
        let found = matched(json!({ "format": "complex", "user": user, "session": all, "device": null }));
        assert_eq!(found.revocations, [Revocation::subject(issuer, "alice").at(UNIX_EPOCH)]);
        // A session may have any other name.
        let other = json!({ "format": "opaque", "id": "All" });
        let found = matched(json!({ "format": "complex", "user": user, "session": other }));
        assert_eq!(found.revocations, [Revocation::session_of(issuer, "All", "alice").at(UNIX_EPOCH)]);
        // Not those of everybody.
        let found = matched(json!({ "format": "complex", "session": all }));
        assert!(found.revocations.is_empty() && found.is_unmatched);
    }
}
