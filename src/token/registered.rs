use std::borrow::Cow;

use serde::de::{Error as _, MapAccess};

use super::numeric_date::NumericDate;
use crate::jose::{JsonError, Member, Members, Strings, read_object};

/// The claims that the rules need, as they stand in a payload: typed, and otherwise unjudged.
#[derive(Default)]
pub(crate) struct RegisteredClaims<'t> {
    pub(super) iss: Option<Cow<'t, str>>,
    pub(super) sub: Option<Cow<'t, str>>,
    pub(super) aud: Option<Strings<'t>>,
    pub(super) exp: Option<NumericDate>,
    pub(super) nbf: Option<NumericDate>,
    pub(super) iat: Option<NumericDate>,
    pub(super) jti: Option<Cow<'t, str>>,
    pub(super) client_id: Option<Cow<'t, str>>,
    pub(super) azp: Option<Cow<'t, str>>,
    pub(super) scope: Option<Strings<'t>>,
    pub(super) scp: Option<Strings<'t>>,
    pub(super) scopes: Option<Strings<'t>>,
    pub(super) typ: Option<Cow<'t, str>>,
    pub(super) token_use: Option<Cow<'t, str>>,
    pub(super) has_cnf: bool,
    /// A claim that only tokens of other kinds have.
    pub(super) foreign: Option<&'static str>,
}

impl<'t> RegisteredClaims<'t> {
    pub(super) fn parse(payload: &'t [u8]) -> Result<Self, JsonError> {
        let mut claims = Self::default();
        read_object(payload, &mut claims)?;
        Ok(claims)
    }
}

impl<'de> Members<'de> for RegisteredClaims<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        match name {
            "iss" => self.iss = Some(member.text()?),
            "sub" => self.sub = Some(member.text()?),
            "aud" => self.aud = Some(audience(member)?),
            "exp" => self.exp = Some(member.read()?),
            "nbf" => self.nbf = Some(member.read()?),
            "iat" => self.iat = Some(member.read()?),
            "jti" => self.jti = Some(member.text()?),
            "client_id" => self.client_id = Some(member.text()?),
            "azp" => self.azp = Some(member.text()?),
            "scope" => self.scope = Some(member.strings()?),
            "scp" => self.scp = Some(member.strings()?),
            "scopes" => self.scopes = Some(member.strings()?),
            "typ" => self.typ = Some(member.text()?),
            "token_use" => self.token_use = Some(member.text()?),
            "cnf" => {
                self.has_cnf = true;
                member.skip()?;
            }
            _ => {
                self.foreign = self.foreign.or(FOREIGN.into_iter().find(|foreign| *foreign == name));
                member.skip()?;
            }
        }
        Ok(())
    }
}

/// ID tokens (OpenID Connect Core §3.3.2.11, FAPI), security events and logout tokens (RFC 8417 §2.2), DPoP proofs
/// (RFC 9449 §4.2).
const FOREIGN: [&str; 6] = ["at_hash", "c_hash", "s_hash", "events", "htm", "htu"];

/// One string or an array of them (RFC 7519 §4.1.3).
fn audience<'de, A: MapAccess<'de>>(member: Member<'_, 'de, A>) -> Result<Strings<'de>, A::Error> {
    match member.strings()? {
        Strings::Other => Err(A::Error::custom("neither a string nor an array of strings")),
        audience => Ok(audience),
    }
}
