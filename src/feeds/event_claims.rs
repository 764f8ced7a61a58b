use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::de::MapAccess;
use serde_json::{Map, Value};

use super::message_error::MessageError;
use crate::jose::{Member, Members, Strings, read_object};
use crate::token::NumericDate;

/// The claims of a JWT about an event (RFC 8417 §2.2, OpenID Connect Back-Channel Logout §2.4), as they are written. Which of them must
/// be present, and which must be absent, is up to the feed.
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

    /// The events by their type. When the payload was checked, it was also checked that no name occurs twice, so nothing is lost.
    pub(super) fn events(&self) -> Result<Map<String, Value>, MessageError> {
        let json = self.events.ok_or(MessageError::Missing { claim: "events" })?;
        match serde_json::from_str(json) {
            Ok(Value::Object(events)) => Ok(events),
            _ => Err(MessageError::EventsNotAnObject),
        }
    }
}

/// The latest time at which an event of this date may have happened. Senders round down to whole seconds, so it may have been at the end of the
/// second: what an issuer has said about an opaque token in that second may be older than the event.
///
/// Not the last nanosecond, which a number of seconds that is a float would round up.
pub(super) fn latest(date: NumericDate) -> SystemTime {
    let time = SystemTime::from(date);
    if date.seconds().fract() == 0.0 { time.checked_add(Duration::from_millis(999)).unwrap_or(time) } else { time }
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

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn an_event_may_have_happened_until_the_end_of_its_second() {
        let at = |milliseconds| UNIX_EPOCH + Duration::from_millis(milliseconds);
        for (date, until) in [(1_796_049_166_000, 1_796_049_166_999), (1_796_049_166_250, 1_796_049_166_250)] {
            let latest = latest(NumericDate::from(at(date)));
            assert_eq!(NumericDate::from(latest), NumericDate::from(at(until)));
            // As tokens are compared: in whole seconds.
            assert_eq!(NumericDate::from(latest).to_string().split('.').next(), Some("1796049166"));
        }
    }
}
