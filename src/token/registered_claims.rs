use std::borrow::Cow;

use serde::de::{Error as _, MapAccess};

use super::act_claim::ActClaim;
use super::client_claim::ClientClaim;
use super::cnf_claim::CnfClaim;
use super::details_claim::DetailsClaim;
use super::numeric_date::NumericDate;
use super::subject_claim::SubjectClaim;
use crate::jose::{JsonError, Member, Members, Strings, read_object};

/// The claims that the rules need, as a payload states them: typed, and not validated.
#[derive(Default)]
pub(crate) struct RegisteredClaims<'t> {
    pub(crate) iss: Option<Cow<'t, str>>,
    pub(crate) sub: Option<Cow<'t, str>>,
    /// Whether an answer names the user who authorized the token (RFC 7662 §2.2), so that it is no token of a client itself.
    pub(crate) names_user: bool,
    pub(crate) aud: Option<Strings<'t>>,
    pub(crate) exp: Option<NumericDate>,
    pub(crate) nbf: Option<NumericDate>,
    pub(crate) iat: Option<NumericDate>,
    pub(crate) jti: Option<Cow<'t, str>>,
    /// The session (OpenID Connect Front-Channel Logout 1.0 §3). Some issuers use the name for something else, so any value is allowed.
    pub(crate) sid: Option<Strings<'t>>,
    pub(crate) client_id: Option<Cow<'t, str>>,
    pub(crate) azp: Option<Cow<'t, str>>,
    /// Some providers name the client here. Others use the name for something else, so any value is allowed.
    pub(crate) appid: Option<Strings<'t>>,
    pub(crate) cid: Option<Strings<'t>>,
    pub(crate) common_name: Option<Strings<'t>>,
    /// Microsoft names the tenant here.
    pub(crate) tid: Option<Strings<'t>>,
    /// Azure AD B2C names the user flow here.
    pub(crate) tfp: Option<Strings<'t>>,
    pub(crate) scope: Option<Strings<'t>>,
    pub(crate) scp: Option<Strings<'t>>,
    pub(crate) scopes: Option<Strings<'t>>,
    pub(crate) typ: Option<Cow<'t, str>>,
    pub(crate) token_use: Option<Cow<'t, str>>,
    /// How the token is used, in an answer about it (RFC 7662 §2.2). In a JWT it means nothing.
    pub(crate) token_type: Option<Strings<'t>>,
    pub(crate) acr: Option<Strings<'t>>,
    pub(crate) auth_time: Option<NumericDate>,
    pub(crate) act: Option<ActClaim<'t>>,
    pub(crate) authorization_details: Option<DetailsClaim<'t>>,
    pub(crate) has_cnf: bool,
    pub(crate) confirmation: Option<CnfClaim<'t>>,
    /// The hash of an access token, which belongs in an ID token (OpenID Connect Core §3.1.3.6).
    pub(crate) has_at_hash: bool,
    /// A claim that access tokens do not have.
    pub(crate) foreign: Option<&'static str>,
}

impl<'t> RegisteredClaims<'t> {
    pub(crate) fn parse(payload: &'t [u8]) -> Result<Self, JsonError> {
        let mut claims = Self::default();
        read_object(payload, &mut claims)?;
        Ok(claims)
    }

    /// The client that the token was issued to.
    pub(crate) fn client(&self, claim: ClientClaim) -> Option<&str> {
        match claim {
            ClientClaim::Standard => self.client_id.as_deref().or(self.azp.as_deref()),
            ClientClaim::AppId => one(self.appid.as_ref()),
            ClientClaim::Cid => one(self.cid.as_ref()),
            ClientClaim::ClientId => self.client_id.as_deref(),
            ClientClaim::Azp => self.azp.as_deref(),
            ClientClaim::CommonName => one(self.common_name.as_ref()),
        }
    }

    /// Like [`client`](Self::client), by value.
    pub(crate) fn take_client(&mut self, claim: ClientClaim) -> Option<Cow<'t, str>> {
        match claim {
            ClientClaim::Standard => self.client_id.take().or(self.azp.take()),
            ClientClaim::AppId => self.appid.take().and_then(Strings::into_one),
            ClientClaim::Cid => self.cid.take().and_then(Strings::into_one),
            ClientClaim::ClientId => self.client_id.take(),
            ClientClaim::Azp => self.azp.take(),
            ClientClaim::CommonName => self.common_name.take().and_then(Strings::into_one),
        }
    }

    /// The subject: `sub`, or the client where it may stand in for one that is absent, empty or null, unless there is a user. Never
    /// empty.
    pub(crate) fn subject(&self, subject: SubjectClaim, client: ClientClaim) -> Option<&str> {
        let own = self.sub.as_deref().filter(|sub| !sub.is_empty());
        let instead = || match subject {
            SubjectClaim::Required => None,
            SubjectClaim::ClientInstead if self.names_user => None,
            SubjectClaim::ClientInstead => self.client(client).filter(|client| !client.is_empty()),
        };
        own.or_else(instead)
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        one(self.tid.as_ref())
    }

    /// The user flow of Azure AD B2C: `tfp`, or `acr` in its absence, where the flow is configured that way.
    pub(crate) fn user_flow(&self) -> Option<&str> {
        one(self.tfp.as_ref().or(self.acr.as_ref()))
    }
}

impl<'de> Members<'de> for RegisteredClaims<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        match name {
            "iss" => self.iss = Some(member.text()?),
            // Where the client may stand in for the subject, some issuers write null.
            "sub" => self.sub = member.text_or_null()?,
            "aud" => self.aud = Some(audience(member)?),
            "exp" => self.exp = Some(member.read()?),
            "nbf" => self.nbf = Some(member.read()?),
            "iat" => self.iat = Some(member.read()?),
            "jti" => self.jti = Some(member.text()?),
            "sid" => self.sid = Some(member.strings()?),
            "client_id" => self.client_id = Some(member.text()?),
            "azp" => self.azp = Some(member.text()?),
            "appid" => self.appid = Some(member.strings()?),
            "cid" => self.cid = Some(member.strings()?),
            "common_name" => self.common_name = Some(member.strings()?),
            "tid" => self.tid = Some(member.strings()?),
            "tfp" => self.tfp = Some(member.strings()?),
            "scope" => self.scope = Some(member.strings()?),
            "scp" => self.scp = Some(member.strings()?),
            "scopes" => self.scopes = Some(member.strings()?),
            "typ" => self.typ = Some(member.text()?),
            "token_use" => self.token_use = Some(member.text()?),
            "token_type" => self.token_type = Some(member.strings()?),
            // Only requirements read these two, and a malformed value satisfies none (RFC 9470 §6.1). Some issuers write a date
            // as text.
            "acr" => self.acr = Some(member.strings()?),
            "auth_time" => self.auth_time = member.read_leniently()?,
            "act" => self.act = Some(ActClaim::read(member)?),
            "authorization_details" => self.authorization_details = Some(DetailsClaim::read(member)?),
            "cnf" => {
                self.has_cnf = true;
                self.confirmation = Some(CnfClaim::read(member)?);
            }
            "at_hash" => {
                self.has_at_hash = true;
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

/// Further claims of ID tokens (OpenID Connect Core §3.3.2.11, FAPI), those of security events and logout tokens (RFC 8417 §2.2), and of
/// DPoP proofs (RFC 9449 §4.2).
const FOREIGN: [&str; 5] = ["c_hash", "s_hash", "events", "htm", "htu"];

fn one<'a>(strings: Option<&'a Strings<'_>>) -> Option<&'a str> {
    match strings {
        Some(Strings::One(text)) => Some(text),
        _ => None,
    }
}

/// One string or an array of them (RFC 7519 §4.1.3).
fn audience<'de, A: MapAccess<'de>>(member: Member<'_, 'de, A>) -> Result<Strings<'de>, A::Error> {
    match member.strings()? {
        Strings::Other => Err(A::Error::custom("neither a string nor an array of strings")),
        audience => Ok(audience),
    }
}
