use std::time::SystemTime;

use serde_json::{Map, Value};

use super::event_kind::EventKind;
use super::subject::Subject;
use super::subject_error::SubjectError;
use crate::feeds::event_message::EventMessage;
use crate::feeds::message_error::MessageError;
use crate::token::NumericDate;

/// One event of a security event token (RFC 8417, Shared Signals Framework 1.0 §4).
#[derive(Debug)]
pub(super) struct SecurityEvent {
    pub(super) event_type: String,
    pub(super) kind: EventKind,
    /// When it has happened.
    pub(super) time: SystemTime,
    /// The subject, parsed and as it is written.
    pub(super) subject: Option<(Subject, Value)>,
}

impl SecurityEvent {
    /// Reads a message that satisfies the rules of all feeds, and checks those about security events.
    pub(super) fn read(message: &EventMessage<'_>) -> Result<Self, MessageError> {
        let EventMessage { claims, issued_at, .. } = message;
        // SSF 1.0 §4.1: so that no security event passes for an access token or an ID token where nobody looks at `typ`.
        for (claim, is_absent) in [("exp", claims.exp.is_absent()), ("sub", claims.sub.is_absent())] {
            if !is_absent {
                return Err(MessageError::Forbidden { claim });
            }
        }
        // SSF 1.0 §4.2.1: several are one event by several names. Two that differ must not be half carried out, so one is demanded.
        let events = claims.events()?;
        let found = events.len();
        let (Some((event_type, event)), 1) = (events.into_iter().next(), found) else {
            return Err(MessageError::EventCount { found });
        };
        let Value::Object(mut event) = event else {
            return Err(MessageError::EventNotAnObject { event: event_type.into() });
        };
        let happened = event_timestamp(&event)?.or(claims.toe).unwrap_or(*issued_at);
        let kind = EventKind::of(&event_type, &event)?;
        // Drafts have the subject in the event.
        let subject = match claims.sub_id {
            Some(json) => Some(serde_json::from_str(json).map_err(|_| SubjectError::NotAnObject)?),
            None => event.remove("subject"),
        };
        let subject = subject.map(|json| Subject::parse(&json).map(|subject| (subject, json))).transpose()?;
        if subject.is_none() && kind == EventKind::EndsTrust {
            return Err(SubjectError::Absent.into());
        }
        Ok(Self { event_type, kind, time: happened.into(), subject })
    }
}

/// CAEP 1.0 §2: when the event happened.
fn event_timestamp(event: &Map<String, Value>) -> Result<Option<NumericDate>, MessageError> {
    let error = |_| MessageError::EventMember { member: "event_timestamp" };
    event.get("event_timestamp").map(serde::Deserialize::deserialize).transpose().map_err(error)
}
