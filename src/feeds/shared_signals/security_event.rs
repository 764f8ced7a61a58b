use std::time::SystemTime;

use serde_json::{Map, Value};

use super::event_kind::EventKind;
use super::subject::Subject;
use super::subject_error::SubjectError;
use crate::feeds::event_claims::latest;
use crate::feeds::event_message::EventMessage;
use crate::feeds::message_error::MessageError;
use crate::token::NumericDate;

/// One event of a security event token (RFC 8417, Shared Signals Framework 1.0 §4).
#[derive(Debug)]
pub(super) struct SecurityEvent {
    pub(super) event_type: String,
    pub(super) kind: EventKind,
    /// When it has happened, at the latest.
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
        let subject = subject.map(|json| Subject::parse(&json).map(|subject| (subject, json))).transpose();
        let subject = match kind {
            // Nothing is done with the subject, so the transmitter need not be told that it is malformed.
            EventKind::Other | EventKind::Verification(_) => subject.unwrap_or_default(),
            EventKind::EndsTrust | EventKind::StreamUpdated(_) => subject?,
        };
        if subject.is_none() && kind == EventKind::EndsTrust {
            return Err(SubjectError::Absent.into());
        }
        Ok(Self { event_type, kind, time: latest(happened), subject })
    }
}

/// From this number on, a time is in milliseconds: in seconds it would be the year 5138.
const MILLISECONDS: f64 = 1e11;

/// CAEP 1.0 §2: when the event happened, in seconds. Okta and the examples of drafts have milliseconds.
fn event_timestamp(event: &Map<String, Value>) -> Result<Option<NumericDate>, MessageError> {
    let Some(json) = event.get("event_timestamp").filter(|json| !json.is_null()) else { return Ok(None) };
    let error = |_| MessageError::EventMember { member: "event_timestamp" };
    let written: NumericDate = serde::Deserialize::deserialize(json).map_err(error)?;
    Ok(Some(if written.seconds() < MILLISECONDS { written } else { written.of_milliseconds() }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::feeds::event_message::Expected;
    use crate::jose::{Algorithm, AlgorithmSet, KnownHeaders, Scratch, encode_base64url};

    fn read(event_type: &str, subject: &Value) -> Result<SecurityEvent, MessageError> {
        let claims =
            json!({ "iss": "i", "aud": "a", "iat": 0, "jti": "j", "events": { event_type: {} }, "sub_id": subject });
        let header = encode_base64url(r#"{"alg":"ES256","typ":"secevent+jwt"}"#);
        let text = format!("{header}.{}.AAAA", encode_base64url(claims.to_string()));
        let algorithms = AlgorithmSet::from_iter([Algorithm::ES256]);
        let expected = Expected { typ: "secevent+jwt", is_typ_optional: false, issuer: "i", audience: "a", algorithms };
        let (mut scratch, known) = (Scratch::default(), KnownHeaders::default());
        let message = EventMessage::check(&text, expected, SystemTime::UNIX_EPOCH, &mut scratch, &known)?;
        SecurityEvent::read(&message)
    }

    #[test]
    fn a_malformed_subject_matters_only_if_something_happens_to_it() {
        let caep = "https://schemas.openid.net/secevent/caep/event-type/";
        for subject in [json!({ "format": "iss_sub" }), json!("alice"), Value::Null] {
            let error = read(&format!("{caep}session-revoked"), &subject).expect_err("it cannot be revoked");
            assert!(matches!(error, MessageError::Subject(_)), "{error}");
            assert!(read(&format!("{caep}session-established"), &subject).is_ok());
        }
    }

    #[test]
    fn the_time_of_an_event_is_in_seconds_or_in_milliseconds() {
        let read = |json: Value| {
            let event = Map::from_iter([("event_timestamp".to_owned(), json)]);
            event_timestamp(&event).map(|time| time.map(NumericDate::seconds))
        };
        assert_eq!(read(json!(1_615_304_991)), Ok(Some(1_615_304_991.0)));
        assert_eq!(read(json!(1_615_304_991.5)), Ok(Some(1_615_304_991.5)));
        assert_eq!(read(json!(1_615_304_991_643_u64)), Ok(Some(1_615_304_991.643)));
        assert_eq!(read(Value::Null), Ok(None));
        assert_eq!(read(json!("1615304991")), Err(MessageError::EventMember { member: "event_timestamp" }));
    }
}
