use std::borrow::Cow;

use serde::de::MapAccess;
use serde_json::{Map, Value};

use super::message_error::MessageError;
use crate::jose::{Member, Members, Strings, read_object};
use crate::token::NumericDate;

/// The claims of a JWT about an event (RFC 8417 §2.2, OpenID Connect Back-Channel Logout §2.4), as they are written. Which of them there
/// have to be, and which there must not be, is up to the feed.
#[derive(Default)]
pub(super) struct EventClaims<'t> {
    pub(super) iss: Option<Cow<'t, str>>,
    pub(super) aud: Option<Strings<'t>>,
    pub(super) iat: Option<NumericDate>,
    pub(super) exp: Claim<NumericDate>,
    pub(super) jti: Option<Cow<'t, str>>,
    /// The time of the event.
    pub(super) toe: Option<NumericDate>,
    pub(super) sub: Claim<String>,
    pub(super) sid: Claim<String>,
    pub(super) has_nonce: bool,
    pub(super) sub_id: Option<&'t str>,
    events: Option<&'t str>,
}

/// A claim whose presence counts, whatever its type.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Claim<T> {
    #[default]
    Absent,
    Present(T),
    /// Its value has another type.
    Other,
}

impl<'t> EventClaims<'t> {
    pub(super) fn parse(payload: &'t [u8]) -> Result<Self, MessageError> {
        let mut claims = Self::default();
        read_object(payload, &mut claims).map_err(MessageError::Payload)?;
        Ok(claims)
    }

    /// The events by their type. It was checked with the payload that no name is twice, so nothing is lost.
    pub(super) fn events(&self) -> Result<Map<String, Value>, MessageError> {
        let json = self.events.ok_or(MessageError::Missing { claim: "events" })?;
        match serde_json::from_str(json) {
            Ok(Value::Object(events)) => Ok(events),
            _ => Err(MessageError::EventsNotAnObject),
        }
    }
}

impl<T> Claim<T> {
    fn of(read: Option<T>) -> Self {
        read.map_or(Self::Other, Self::Present)
    }

    #[cfg(feature = "shared-signals")]
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<'de> Members<'de> for EventClaims<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        match name {
            "iss" => self.iss = Some(member.text()?),
            "aud" => self.aud = Some(member.strings()?),
            "iat" => self.iat = Some(member.read()?),
            "exp" => self.exp = Claim::of(member.read_leniently()?),
            "jti" => self.jti = Some(member.text()?),
            "toe" => self.toe = Some(member.read()?),
            "sub" => self.sub = Claim::of(member.read_leniently()?),
            "sid" => self.sid = Claim::of(member.read_leniently()?),
            "sub_id" => self.sub_id = Some(member.json()?),
            "events" => self.events = Some(member.json()?),
            "nonce" => {
                self.has_nonce = true;
                member.skip()?;
            }
            _ => member.skip()?,
        }
        Ok(())
    }
}
