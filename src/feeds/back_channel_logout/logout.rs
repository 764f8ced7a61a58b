use serde_json::Value;

use crate::feeds::event_claims::{Claim, EventClaims};
use crate::feeds::event_message::{EventMessage, LEEWAY};
use crate::feeds::message_error::MessageError;
use crate::revocation::Revocation;
use crate::token::NumericDate;

/// The event that makes a JWT a logout token (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What a logout token ends (OpenID Connect Back-Channel Logout 1.0 §2.4).
#[derive(Debug)]
pub(super) struct Logout {
    sub: Option<String>,
    sid: Option<String>,
    at: NumericDate,
}

impl Logout {
    /// Reads a message that satisfies the rules of all feeds, and checks those about logout tokens (§2.6).
    pub(super) fn read(message: EventMessage<'_>, now: NumericDate) -> Result<(Self, EventMessage<'_>), MessageError> {
        let EventMessage { jws, mut claims, issued_at } = message;
        let Claim::Present(exp) = claims.exp else { return Err(MessageError::Missing { claim: "exp" }) };
        if now >= exp.plus(LEEWAY) {
            return Err(MessageError::Expired { exp, now });
        }
        check_event(&claims)?;
        // So that no logout token passes for an ID token.
        if claims.has_nonce {
            return Err(MessageError::Forbidden { claim: "nonce" });
        }
        let sub = text(std::mem::take(&mut claims.sub), "sub")?;
        let sid = text(std::mem::take(&mut claims.sid), "sid")?;
        if sub.is_none() && sid.is_none() {
            return Err(MessageError::NoSubject);
        }
        Ok((Self { sub, sid, at: issued_at }, EventMessage { jws, claims, issued_at }))
    }

    pub(super) fn revocation(&self, issuer: &str) -> Revocation {
        let revocation = match (&self.sub, &self.sid) {
            (Some(sub), Some(sid)) => Revocation::session_of(issuer, sid, sub),
            (None, Some(sid)) => Revocation::session(issuer, sid),
            (Some(sub), None) => Revocation::subject(issuer, sub),
            (None, None) => unreachable!("it was checked"),
        };
        revocation.at(self.at.into())
    }
}

fn check_event(claims: &EventClaims<'_>) -> Result<(), MessageError> {
    match claims.events()?.get(EVENT) {
        Some(Value::Object(_)) => Ok(()),
        _ => Err(MessageError::EventNotAnObject { event: EVENT.into() }),
    }
}

fn text(claim: Claim<String>, name: &'static str) -> Result<Option<String>, MessageError> {
    match claim {
        Claim::Absent => Ok(None),
        Claim::Present(text) if !text.is_empty() => Ok(Some(text)),
        Claim::Present(_) | Claim::Other => Err(MessageError::Missing { claim: name }),
    }
}
