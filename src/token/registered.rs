use serde::de::{Error as _, MapAccess};

use super::dialect::ClientClaim;
use super::numeric_date::NumericDate;
use crate::jose::{JsonError, Member, Members, Strings, read_object};

/// The claims that the rules need, as they stand in a payload: typed, and otherwise unjudged.
#[derive(Default)]
pub(crate) struct RegisteredClaims {
    pub(super) iss: Option<Box<str>>,
    pub(super) sub: Option<Box<str>>,
    pub(super) aud: Option<Vec<Box<str>>>,
    pub(super) exp: Option<NumericDate>,
    pub(super) nbf: Option<NumericDate>,
    pub(super) iat: Option<NumericDate>,
    pub(super) jti: Option<Box<str>>,
    pub(super) client_id: Option<Box<str>>,
    pub(super) azp: Option<Box<str>>,
    /// Where some providers name the client. Others use the name for something else, so it may hold anything.
    pub(super) appid: Option<Strings>,
    pub(super) cid: Option<Strings>,
    /// Where Microsoft names the tenant.
    pub(super) tid: Option<Strings>,
    pub(super) scope: Option<Strings>,
    pub(super) scp: Option<Strings>,
    pub(super) scopes: Option<Strings>,
    pub(super) typ: Option<Box<str>>,
    pub(super) token_use: Option<Box<str>>,
    pub(super) acr: Option<Box<str>>,
    pub(super) auth_time: Option<NumericDate>,
    pub(super) has_cnf: bool,
    /// A claim that only tokens of other kinds have.
    pub(super) foreign: Option<&'static str>,
}

impl RegisteredClaims {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, JsonError> {
        let mut claims = Self::default();
        read_object(payload, &mut claims)?;
        Ok(claims)
    }

    /// The client that the token was issued to.
    pub(super) fn client(&self, claim: ClientClaim) -> Option<&str> {
        match claim {
            ClientClaim::Standard => self.client_id.as_deref().or(self.azp.as_deref()),
            ClientClaim::AppId => one(self.appid.as_ref()),
            ClientClaim::Cid => one(self.cid.as_ref()),
        }
    }

    pub(super) fn tenant(&self) -> Option<&str> {
        one(self.tid.as_ref())
    }
}

impl<'de> Members<'de> for RegisteredClaims {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        match name {
            "iss" => self.iss = Some(member.read()?),
            "sub" => self.sub = Some(member.read()?),
            "aud" => self.aud = Some(audience(member)?),
            "exp" => self.exp = Some(member.read()?),
            "nbf" => self.nbf = Some(member.read()?),
            "iat" => self.iat = Some(member.read()?),
            "jti" => self.jti = Some(member.read()?),
            "client_id" => self.client_id = Some(member.read()?),
            "azp" => self.azp = Some(member.read()?),
            "appid" => self.appid = Some(member.strings()?),
            "cid" => self.cid = Some(member.strings()?),
            "tid" => self.tid = Some(member.strings()?),
            "scope" => self.scope = Some(member.strings()?),
            "scp" => self.scp = Some(member.strings()?),
            "scopes" => self.scopes = Some(member.strings()?),
            "typ" => self.typ = Some(member.read()?),
            "token_use" => self.token_use = Some(member.read()?),
            // Nothing needs them but a requirement, which a malformed one does not satisfy (RFC 9470 §6.1); some issuers write
            // a date as text.
            "acr" => self.acr = member.read_leniently()?,
            "auth_time" => self.auth_time = member.read_leniently()?,
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

fn one(strings: Option<&Strings>) -> Option<&str> {
    match strings {
        Some(Strings::One(text)) => Some(text),
        _ => None,
    }
}

/// One string or an array of them (RFC 7519 §4.1.3).
fn audience<'de, A: MapAccess<'de>>(member: Member<'_, 'de, A>) -> Result<Vec<Box<str>>, A::Error> {
    match member.strings()? {
        Strings::One(audience) => Ok(vec![audience]),
        Strings::Many(audiences) => Ok(audiences),
        Strings::Other => Err(A::Error::custom("neither a string nor an array of strings")),
    }
}
