use serde_json::Value;

use crate::feeds::event_claims::{Claim, EventClaims, latest};
use crate::feeds::event_message::{EventMessage, LEEWAY};
use crate::feeds::message_error::MessageError;
use crate::revocation::Revocation;
use crate::token::NumericDate;

/// The event that makes a JWT a logout token (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What a logout token ends (OpenID Connect Back-Channel Logout 1.0 §2.4).
#[derive(Debug)]
pub(super) struct Logout {
    ends: Ends,
    at: NumericDate,
}

#[derive(Debug)]
enum Ends {
    SessionOf { sid: String, sub: String },
    Session { sid: String },
    Subject { sub: String },
}

impl Logout {
    /// Reads a message that satisfies the rules of all feeds, and checks those about logout tokens (§2.6).
    pub(super) fn read(message: &EventMessage<'_>, requires_exp: bool, now: NumericDate) -> Result<Self, MessageError> {
        let EventMessage { claims, issued_at, .. } = message;
        match claims.exp {
            Claim::Present(exp) if now >= exp.plus(LEEWAY) => return Err(MessageError::Expired { exp, now }),
            Claim::Present(_) => {}
            Claim::Absent if !requires_exp => {}
            _ => return Err(MessageError::Missing { claim: "exp" }),
        }
        check_event(claims)?;
        // So that no logout token passes for an ID token.
        if claims.has_nonce {
            return Err(MessageError::Forbidden { claim: "nonce" });
        }
        let ends = match (text(&claims.sid, "sid")?, text(&claims.sub, "sub")?) {
            (Some(sid), Some(sub)) => Ends::SessionOf { sid, sub },
            (Some(sid), None) => Ends::Session { sid },
            (None, Some(sub)) => Ends::Subject { sub },
            (None, None) => return Err(MessageError::NoSubject),
        };
        Ok(Self { ends, at: *issued_at })
    }

    pub(super) fn revocation(&self, issuer: &str) -> Revocation {
        let revocation = match &self.ends {
            Ends::SessionOf { sid, sub } => Revocation::session_of(issuer, sid, sub),
            Ends::Session { sid } => Revocation::session(issuer, sid),
            Ends::Subject { sub } => Revocation::subject(issuer, sub),
        };
        revocation.at(latest(self.at))
    }
}

fn check_event(claims: &EventClaims<'_>) -> Result<(), MessageError> {
    match claims.events()?.get(EVENT) {
        Some(Value::Object(_)) => Ok(()),
        _ => Err(MessageError::EventNotAnObject { event: EVENT.into() }),
    }
}

fn text(claim: &Claim<String>, name: &'static str) -> Result<Option<String>, MessageError> {
    match claim {
        Claim::Absent => Ok(None),
        Claim::Present(text) if !text.is_empty() => Ok(Some(text.clone())),
        Claim::Present(_) | Claim::Other => Err(MessageError::Missing { claim: name }),
    }
}
