use crate::jose::{Algorithm, JsonError, JwsError, SignatureError};
use crate::redact::{Excerpt, Excerpts};
use crate::token::NumericDate;

/// Why a message of a feed is not accepted, for the log. Its sender gets a constant text instead.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum MessageError {
    #[cfg(feature = "shared-signals")]
    #[error("expected the bearer token of the transmitter, and found another one or none")]
    BearerToken,
    #[error("expected the content type {expected}, and found another one or none")]
    ContentType { expected: &'static str },
    #[cfg(feature = "shared-signals")]
    #[error("the body is not UTF-8")]
    NotUtf8,
    #[cfg(feature = "back-channel-logout")]
    #[error("expected one logout_token in the form, and found {found}")]
    LogoutTokens { found: usize },
    #[error("{0}")]
    Jws(JwsError),
    #[error("expected the typ {expected}, and found {}", shown(.found.as_ref()))]
    Type { expected: &'static str, found: Option<Excerpt> },
    #[error("expected an algorithm that the issuer may use, and found {found}")]
    Algorithm { found: Algorithm },
    #[error("the payload is malformed: {0}")]
    Payload(JsonError),
    #[error("the claim {claim} is missing or empty, or has another type")]
    Missing { claim: &'static str },
    #[error("expected no claim {claim}, and found one")]
    Forbidden { claim: &'static str },
    #[error("expected the iss {expected:?}, and found {found:?}")]
    Issuer { expected: Excerpt, found: Excerpt },
    #[error("expected the aud {expected:?}, and found {found:?}")]
    Audience { expected: Excerpt, found: Excerpts },
    #[error("expected an iat in the past, and found {iat} at {now}, with a leeway of 60 s")]
    Early { iat: NumericDate, now: NumericDate },
    #[cfg(feature = "back-channel-logout")]
    #[error("expected an exp in the future, and found {exp} at {now}, with a leeway of 60 s")]
    Expired { exp: NumericDate, now: NumericDate },
    #[error("expected an object in the claim events, and found another value")]
    EventsNotAnObject,
    #[cfg(feature = "shared-signals")]
    #[error("expected one event, and found {found}")]
    EventCount { found: usize },
    #[error("expected an object as the event {event:?}, and found another value or none")]
    EventNotAnObject { event: Excerpt },
    #[cfg(feature = "shared-signals")]
    #[error("the member {member} of the event is missing or has another type or value")]
    EventMember { member: &'static str },
    #[cfg(feature = "shared-signals")]
    #[error("{0}")]
    Subject(#[from] super::shared_signals::SubjectError),
    #[cfg(feature = "back-channel-logout")]
    #[error("expected a sub or a sid, and found neither")]
    NoSubject,
    #[error("expected the kid of a key of the issuer, and found {}", shown(.kid.as_ref()))]
    UnknownKey { kid: Option<Excerpt> },
    #[error("expected a signature by a key of the issuer, and found another one")]
    Signature,
}

impl MessageError {
    /// The error for a signature that no key has verified.
    pub(super) fn of_signature(error: SignatureError, kid: Option<&str>) -> Self {
        match error {
            SignatureError::NoKey | SignatureError::NoKid { fitting: 0, .. } => {
                Self::UnknownKey { kid: kid.map(Into::into) }
            }
            _ => Self::Signature,
        }
    }

    /// What the sender is told (RFC 8935 §2.4).
    #[cfg(feature = "shared-signals")]
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::BearerToken => "authentication_failed",
            Self::Issuer { .. } => "invalid_issuer",
            Self::Audience { .. } => "invalid_audience",
            Self::UnknownKey { .. } | Self::Signature => "invalid_key",
            _ => "invalid_request",
        }
    }

    /// The same in a sentence. It is constant: nothing that the sender has written comes back.
    pub(super) fn description(&self) -> &'static str {
        match self {
            #[cfg(feature = "shared-signals")]
            Self::BearerToken => "the bearer token is missing or wrong",
            Self::ContentType { .. } => "the content type is missing or wrong",
            #[cfg(feature = "shared-signals")]
            Self::NotUtf8 => "the body is not UTF-8",
            #[cfg(feature = "back-channel-logout")]
            Self::LogoutTokens { .. } => "expected one logout_token",
            Self::Jws(_) => "expected a signed JWT in compact form",
            Self::Type { .. } => "the typ is missing or wrong",
            Self::Algorithm { .. } => "the algorithm is not accepted",
            Self::Payload(_) => "the payload is malformed",
            Self::Missing { .. } => "a claim is missing or malformed",
            Self::Forbidden { .. } => "there is a claim that must not be there",
            Self::Issuer { .. } => "the iss is another issuer",
            Self::Audience { .. } => "the aud names another receiver",
            Self::Early { .. } => "the iat is in the future",
            #[cfg(feature = "back-channel-logout")]
            Self::Expired { .. } => "the logout token has expired",
            Self::EventsNotAnObject | Self::EventNotAnObject { .. } => "the events are malformed",
            #[cfg(feature = "shared-signals")]
            Self::EventCount { .. } => "expected one event",
            #[cfg(feature = "shared-signals")]
            Self::EventMember { .. } => "the event is malformed",
            #[cfg(feature = "shared-signals")]
            Self::Subject(_) => "the subject is missing or malformed",
            #[cfg(feature = "back-channel-logout")]
            Self::NoSubject => "expected a sub or a sid",
            Self::UnknownKey { .. } => "the key is unknown",
            Self::Signature => "the signature is wrong",
        }
    }
}

fn shown(found: Option<&Excerpt>) -> String {
    found.map_or("none".to_owned(), |found| format!("{found:?}"))
}
