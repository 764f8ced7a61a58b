use serde_json::{Map, Value};

use crate::feeds::message_error::MessageError;
use crate::revocation::StreamState;

const PREFIX: &str = "https://schemas.openid.net/secevent/";
/// The longest `state` of a verification event, in bytes.
const MAX_STATE: usize = 1024;

/// What an event means here.
#[derive(Debug, PartialEq)]
pub(super) enum EventKind {
    /// Older tokens of its subject are no longer good.
    EndsTrust,
    /// The answer to the receiver's request, identified by its `state`, or a sign of life (SSF 1.0 §8.1.4).
    Verification(Option<String>),
    /// The transmitter has changed the state of the stream (SSF 1.0 §8.1.5).
    StreamUpdated(StreamState),
    /// Anything else.
    Other,
}

impl EventKind {
    pub(super) fn of(event_type: &str, event: &Map<String, Value>) -> Result<Self, MessageError> {
        let Some((family, name)) = event_type.strip_prefix(PREFIX).and_then(|rest| rest.split_once("/event-type/"))
        else {
            return Ok(Self::Other);
        };
        match (family, name) {
            // A new credential is no reason to distrust what the others have proved.
            ("caep", "credential-change") if text(event, "change_type")? == Some("create") => Ok(Self::Other),
            // CAEP 1.0 §3, RISC 1.0 §2. `sessions-revoked` is deprecated, and Google sends it.
            ("caep", "session-revoked" | "token-claims-change" | "credential-change" | "assurance-level-change")
            | ("risc", "account-disabled" | "account-purged" | "sessions-revoked") => Ok(Self::EndsTrust),
            // Earlier drafts had the prefixes of SSE and RISC.
            ("ssf" | "sse" | "risc", "verification") => {
                let state = text(event, "state")?.map(ToOwned::to_owned);
                if state.as_ref().is_some_and(|state| state.len() > MAX_STATE) {
                    return Err(MessageError::EventMember { member: "state" });
                }
                Ok(Self::Verification(state))
            }
            ("ssf" | "sse" | "risc", "stream-updated") => match status(event)? {
                Some("enabled") => Ok(Self::StreamUpdated(StreamState::Enabled)),
                Some("paused") => Ok(Self::StreamUpdated(StreamState::Paused)),
                Some("disabled") => Ok(Self::StreamUpdated(StreamState::Disabled)),
                _ => Err(MessageError::EventMember { member: "status" }),
            },
            _ => Ok(Self::Other),
        }
    }
}

/// Keycloak has an object here, with the status and the reason for it.
fn status(event: &Map<String, Value>) -> Result<Option<&str>, MessageError> {
    match event.get("status") {
        Some(Value::Object(status)) => text(status, "status"),
        _ => text(event, "status"),
    }
}

/// A member that may be absent, or `null`.
fn text<'e>(event: &'e Map<String, Value>, member: &'static str) -> Result<Option<&'e str>, MessageError> {
    match event.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(MessageError::EventMember { member }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(name: &str, event: &Value) -> Result<EventKind, MessageError> {
        EventKind::of(&format!("{PREFIX}{name}"), event.as_object().expect("an object"))
    }

    #[test]
    fn the_status_of_a_stream_is_a_text_or_an_object_with_it() {
        let name = "ssf/event-type/stream-updated";
        for status in [json!("paused"), json!({ "status": "paused", "reason": "maintenance" })] {
            assert_eq!(kind(name, &json!({ "status": status })), Ok(EventKind::StreamUpdated(StreamState::Paused)));
        }
        let error = Err(MessageError::EventMember { member: "status" });
        for event in [json!({}), json!({ "status": null }), json!({ "status": {} }), json!({ "status": "asleep" })] {
            assert_eq!(kind(name, &event), error);
        }
    }

    #[test]
    fn a_state_may_be_null() {
        let name = "ssf/event-type/verification";
        for event in [json!({}), json!({ "state": null })] {
            assert_eq!(kind(name, &event), Ok(EventKind::Verification(None)));
        }
    }
}
