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
    /// The answer to a request of the receiver, by its `state`, or a sign of life (SSF 1.0 §8.1.4).
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
            ("ssf" | "sse" | "risc", "stream-updated") => match text(event, "status")? {
                Some("enabled") => Ok(Self::StreamUpdated(StreamState::Enabled)),
                Some("paused") => Ok(Self::StreamUpdated(StreamState::Paused)),
                Some("disabled") => Ok(Self::StreamUpdated(StreamState::Disabled)),
                _ => Err(MessageError::EventMember { member: "status" }),
            },
            _ => Ok(Self::Other),
        }
    }
}

fn text<'e>(event: &'e Map<String, Value>, member: &'static str) -> Result<Option<&'e str>, MessageError> {
    match event.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(MessageError::EventMember { member }),
    }
}
