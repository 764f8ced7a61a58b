use std::fmt;
use std::time::SystemTime;

use serde_json::Value;

/// The subject of a security event, in a form that tokens cannot be compared with: for
/// [`SharedSignals::resolve_subjects`](super::SharedSignals::resolve_subjects).
///
/// The event is valid, and its signature has been verified. `Debug` does not show the subject, which may be a person's
/// address.
#[derive(Clone)]
pub struct UnmatchedSubject {
    pub(super) issuer: Box<str>,
    pub(super) event_type: Box<str>,
    pub(super) time: SystemTime,
    pub(super) subject: Value,
}

impl UnmatchedSubject {
    /// The transmitter's issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The type of the event, such as `https://schemas.openid.net/secevent/caep/event-type/session-revoked`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// When the event happened, according to the transmitter. A revocation [without a
    /// time](crate::revocation::Revocation::at) gets this one.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.time
    }

    /// The subject as JSON: an object as RFC 9493 describes it, or one that has such objects as members (Shared
    /// Signals Framework 1.0 §3.3).
    #[must_use]
    pub fn json(&self) -> String {
        self.subject.to_string()
    }

    /// The text of a member of the subject itself, or else of its `user`, such as `email` or `phone_number`.
    #[must_use]
    pub fn text(&self, member: &str) -> Option<&str> {
        text(&self.subject, member).or_else(|| text(self.subject.get("user")?, member))
    }
}

fn text<'v>(json: &'v Value, member: &str) -> Option<&'v str> {
    json.get(member)?.as_str()
}

impl fmt::Debug for UnmatchedSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnmatchedSubject")
            .field("issuer", &self.issuer)
            .field("event_type", &self.event_type)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}
