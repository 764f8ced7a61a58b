use std::time::{Duration, SystemTime};

use super::event_claims::EventClaims;
use super::message_error::MessageError;
use crate::jose::{AlgorithmSet, KnownHeaders, Scratch, Unverified};
use crate::token::NumericDate;

/// By how much the clock of the sender may be ahead. It is more than that of servers: a message that is refused may never come again.
pub(super) const LEEWAY: Duration = Duration::from_secs(60);

/// What a message has to say.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    /// The `typ`, written without `application/`.
    pub(super) typ: &'static str,
    /// Whether it may have no `typ`, or only that of any JWT.
    pub(super) is_typ_optional: bool,
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) algorithms: AlgorithmSet,
}

/// A JWT about an event that satisfies the rules which all feeds have in common. Its signature is not yet verified.
pub(super) struct EventMessage<'t> {
    pub(super) jws: Unverified<'t>,
    pub(super) claims: EventClaims<'t>,
    pub(super) issued_at: NumericDate,
}

impl<'t> EventMessage<'t> {
    pub(super) fn check(
        text: &'t str,
        expected: Expected<'_>,
        now: SystemTime,
        scratch: &'t mut Scratch,
        known: &'t KnownHeaders,
    ) -> Result<Self, MessageError> {
        let jws = Unverified::parse(text, scratch, known).map_err(MessageError::Jws)?;
        let header = jws.header();
        // The same keys sign access tokens and ID tokens (RFC 8725 §3.11).
        let is_of_any_type = expected.is_typ_optional && (header.typ.is_none() || header.is_of_type("JWT"));
        if !is_of_any_type && !header.is_of_type(expected.typ) {
            let found = header.typ.as_deref().map(Into::into);
            return Err(MessageError::Type { expected: expected.typ, found });
        }
        if !expected.algorithms.contains(header.algorithm) {
            return Err(MessageError::Algorithm { found: header.algorithm });
        }
        let claims = EventClaims::parse(jws.unverified_payload())?;
        check_issuer(&claims, expected.issuer)?;
        check_audience(&claims, expected.audience)?;
        let issued_at = check_iat(&claims, now.into())?;
        if claims.jti.as_deref().is_none_or(str::is_empty) {
            return Err(MessageError::Missing { claim: "jti" });
        }
        Ok(Self { jws, claims, issued_at })
    }
}

fn check_issuer(claims: &EventClaims<'_>, expected: &str) -> Result<(), MessageError> {
    let found = claims.iss.as_deref().ok_or(MessageError::Missing { claim: "iss" })?;
    let error = || MessageError::Issuer { expected: expected.into(), found: found.into() };
    if found == expected { Ok(()) } else { Err(error()) }
}

fn check_audience(claims: &EventClaims<'_>, expected: &str) -> Result<(), MessageError> {
    let found = claims.aud.as_ref().ok_or(MessageError::Missing { claim: "aud" })?;
    let found = found.as_slice().unwrap_or_default();
    let error = || MessageError::Audience {
        expected: expected.into(),
        found: found.iter().map(|audience| &**audience).collect(),
    };
    if found.iter().any(|audience| audience == expected) { Ok(()) } else { Err(error()) }
}

/// It may be of any age: a transmitter keeps events while its receiver is down.
fn check_iat(claims: &EventClaims<'_>, now: NumericDate) -> Result<NumericDate, MessageError> {
    let iat = claims.iat.ok_or(MessageError::Missing { claim: "iat" })?;
    if iat > now.plus(LEEWAY) { Err(MessageError::Early { iat, now }) } else { Ok(iat) }
}
