use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::de::MapAccess;

use super::signed_answer_error::SignedAnswerError;
use crate::jose::{
    Algorithm, AlgorithmSet, JwkSet, KeyIdentity, KnownHeaders, Member, Members, Scratch, SignatureError, Strings,
    Unverified, read_object,
};
use crate::token::NumericDate;

/// RFC 9701 §5: written without `application/`.
const TYPE: &str = "token-introspection+jwt";
/// How old an answer may be: it is the answer to a request of a moment ago.
const MAX_AGE: Duration = Duration::from_secs(60);

/// What a signed answer has to say.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    /// The names of this server. Its identifier as a client is one of them, and so may be its identifier as a resource (RFC 9701
    /// §5: `aud` identifies the resource server that receives the answer).
    pub(crate) audiences: &'a [&'a str],
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) leeway: Duration,
}

/// A signed answer (RFC 9701 §5) that satisfies all rules, but whose signature is not yet verified.
pub(crate) struct SignedAnswer<'t> {
    jws: Unverified<'t>,
    issued_at: NumericDate,
}

impl<'t> SignedAnswer<'t> {
    /// Parses an answer and checks what costs little. The signature comes [last](Self::verify).
    pub(crate) fn check(
        answer: &'t [u8],
        expected: Expected<'_>,
        now: SystemTime,
        scratch: &'t mut Scratch,
        known: &'t KnownHeaders,
    ) -> Result<Self, SignedAnswerError> {
        // A line break at the end is no part of a JWT, and harmless.
        let text = std::str::from_utf8(answer.trim_ascii()).map_err(|_| SignedAnswerError::NotUtf8)?;
        let jws = Unverified::parse(text, scratch, known).map_err(SignedAnswerError::Jws)?;
        let header = jws.header();
        // An access token or an ID token of the same issuer must not pass for an answer (RFC 8725 §3.11).
        if !header.is_of_type(TYPE) {
            return Err(SignedAnswerError::Type { found: header.typ.as_deref().map(Into::into) });
        }
        if !expected.algorithms.contains(header.algorithm) {
            return Err(SignedAnswerError::Algorithm { found: header.algorithm });
        }
        let claims = AnswerClaims::parse(jws.unverified_payload())?;
        check_issuer(&claims, expected.issuer)?;
        check_audience(&claims, expected.audiences)?;
        let issued_at = check_times(&claims, expected.leeway, now)?;
        claims.answer()?;
        Ok(Self { jws, issued_at })
    }

    /// The `kid` of its key.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.jws.header().kid.as_deref()
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.jws.header().algorithm
    }

    pub(crate) fn issued_at(&self) -> NumericDate {
        self.issued_at
    }

    /// The JSON of its member `token_introspection`, an object, if a key of the set made the signature; and that key.
    ///
    /// Of several keys the one of the identity `first` is tried first, and further ones as long as `try_another` agrees.
    pub(crate) fn verify(
        &self,
        keys: &JwkSet,
        first: impl FnOnce() -> Option<KeyIdentity>,
        try_another: impl Fn() -> bool,
    ) -> Result<(Vec<u8>, KeyIdentity), SignatureError> {
        let (verified, key) = self.jws.verify(keys, |_| true, first, try_another)?;
        // It was parsed before, from the same bytes.
        let claims = AnswerClaims::parse(verified.payload()).map_err(|_| SignatureError::Mismatch)?;
        let answer = claims.answer().map_err(|_| SignatureError::Mismatch)?;
        Ok((answer.as_bytes().to_vec(), key.identity()))
    }
}

fn check_issuer(claims: &AnswerClaims<'_>, expected: &str) -> Result<(), SignedAnswerError> {
    let found = claims.iss.as_deref().ok_or(SignedAnswerError::Missing { claim: "iss" })?;
    let error = || SignedAnswerError::Issuer { expected: expected.into(), found: found.into() };
    if found == expected { Ok(()) } else { Err(error()) }
}

fn check_audience(claims: &AnswerClaims<'_>, expected: &[&str]) -> Result<(), SignedAnswerError> {
    let found = claims.aud.as_ref().ok_or(SignedAnswerError::Missing { claim: "aud" })?;
    let found = found.as_slice().unwrap_or_default();
    let error = || SignedAnswerError::Audience { found: found.iter().map(|audience| &**audience).collect() };
    if found.iter().any(|audience| expected.contains(&&**audience)) { Ok(()) } else { Err(error()) }
}

/// Returns the `iat`.
fn check_times(claims: &AnswerClaims<'_>, leeway: Duration, now: SystemTime) -> Result<NumericDate, SignedAnswerError> {
    let now = NumericDate::from(now);
    let iat = claims.iat.ok_or(SignedAnswerError::Missing { claim: "iat" })?;
    if iat > now.plus(leeway) {
        return Err(SignedAnswerError::Early { iat, now, leeway });
    }
    if now > iat.plus(MAX_AGE).plus(leeway) {
        return Err(SignedAnswerError::Old { iat, now, leeway });
    }
    match claims.exp {
        Some(exp) if now >= exp.plus(leeway) => Err(SignedAnswerError::Expired { exp, now, leeway }),
        _ => Ok(iat),
    }
}

/// The claims of an answer. What it says about the token is not read here.
#[derive(Default)]
struct AnswerClaims<'t> {
    iss: Option<Cow<'t, str>>,
    aud: Option<Strings<'t>>,
    iat: Option<NumericDate>,
    exp: Option<NumericDate>,
    token_introspection: Option<&'t str>,
}

impl<'t> AnswerClaims<'t> {
    fn parse(payload: &'t [u8]) -> Result<Self, SignedAnswerError> {
        let mut claims = Self::default();
        read_object(payload, &mut claims).map_err(SignedAnswerError::Payload)?;
        Ok(claims)
    }

    fn answer(&self) -> Result<&'t str, SignedAnswerError> {
        let json = self.token_introspection.ok_or(SignedAnswerError::Missing { claim: "token_introspection" })?;
        if json.starts_with('{') { Ok(json) } else { Err(SignedAnswerError::NotAnObject) }
    }
}

impl<'de> Members<'de> for AnswerClaims<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        match name {
            "iss" => self.iss = Some(member.text()?),
            "aud" => self.aud = Some(member.strings()?),
            "iat" => self.iat = Some(member.read()?),
            "exp" => self.exp = Some(member.read()?),
            "token_introspection" => self.token_introspection = Some(member.json()?),
            _ => member.skip()?,
        }
        Ok(())
    }
}
