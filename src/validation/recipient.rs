use std::borrow::Cow;
use std::fmt;

use super::profile::Profile;
use super::token_error::TokenError;
use crate::jose::Strings;
use crate::token::RegisteredClaims;

/// How a token states that it is meant for this server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Recipient {
    /// `aud` names one of these, and possibly others.
    Audience(Vec<Box<str>>),
    /// The issuer answers only for tokens of this server, so it may omit `aud`. If `aud` is present, it names one of these.
    #[cfg_attr(not(feature = "introspection"), expect(dead_code, reason = "only introspection makes it"))]
    CheckedByIssuer(Vec<Box<str>>),
    /// The token was issued to one of these clients. The issuer may omit `aud`. If `aud` is present, it must still name one of the
    /// audiences, because an ID token also names its client.
    Client { clients: Vec<Box<str>>, audiences: Vec<Box<str>> },
}

impl Recipient {
    /// RFC 9068 §4, RFC 7519 §4.1.3: the token is for this resource server. Where tokens are identified by client, the token names
    /// a client; whether the client is listed is [checked](Self::check_client) after the signature.
    pub(super) fn check_audience(
        &self,
        claims: &RegisteredClaims<'_>,
        client: Option<&str>,
        profile: Profile,
    ) -> Result<(), TokenError> {
        let aud = claims.aud.as_ref().and_then(Strings::as_slice);
        match self {
            Self::Audience(expected) => names(aud.ok_or(TokenError::Missing { claim: "aud" })?, expected),
            Self::CheckedByIssuer(expected) => match &claims.aud {
                None => Ok(()),
                Some(_) => names(aud.unwrap_or_default(), expected),
            },
            Self::Client { audiences, .. } => {
                client.ok_or(TokenError::Missing { claim: "client_id" })?;
                match aud {
                    None | Some([]) if profile == Profile::Generic => Ok(()),
                    aud => names(aud.ok_or(TokenError::Missing { claim: "aud" })?, audiences),
                }
            }
        }
    }

    /// The token was issued to one of the clients, where tokens are identified by client.
    pub(super) fn check_client(&self, client: Option<&str>) -> Result<(), TokenError> {
        let Self::Client { clients, .. } = self else { return Ok(()) };
        match client.ok_or(TokenError::Missing { claim: "client_id" })? {
            found if clients.iter().any(|client| &**client == found) => Ok(()),
            other => {
                Err(TokenError::Client { found: other.into(), expected: clients.iter().map(|it| &**it).collect() })
            }
        }
    }
}

/// Without the clients of a list.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audience(audiences) => write!(f, "audience {audiences:?}"),
            Self::CheckedByIssuer(audiences) => write!(f, "no audience, or {audiences:?}"),
            Self::Client { clients, audiences } => {
                write!(f, "one of {} clients, audience {audiences:?}", clients.len())
            }
        }
    }
}

fn names(found: &[Cow<'_, str>], expected: &[Box<str>]) -> Result<(), TokenError> {
    if found.iter().any(|audience| expected.iter().any(|expected| **expected == **audience)) {
        return Ok(());
    }
    let found = found.iter().map(|audience| &**audience).collect();
    Err(TokenError::Audience { found, expected: expected.iter().map(|it| &**it).collect() })
}
