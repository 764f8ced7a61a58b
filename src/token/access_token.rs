use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::de::DeserializeOwned;

use super::claims::{self, ClaimsError, ParseClaims, ParsedClaims};
use super::error::TokenError;
use super::registered::RegisteredClaims;
use super::scope::Scope;
use super::text::Text;
use super::validity::Validity;
use crate::jose::{Strings, Verified};

/// A validated access token: its existence is the proof.
///
/// Only validation makes one, so a handler that asks for it cannot run without one. It is a request extension and, with
/// the `axum` feature, an extractor. Cloning it is cheap. Its `Debug` form shows neither the token nor the subject.
#[derive(Clone)]
pub struct AccessToken(Arc<Inner>);

struct Inner {
    issuer: Text,
    subject: Text,
    client_id: Option<Text>,
    audience: Box<[Text]>,
    scope: Scope,
    id: Option<Text>,
    validity: Validity,
    payload: Box<[u8]>,
    parsed_claims: Option<ParsedClaims>,
}

impl AccessToken {
    pub(super) fn new(
        verified: &Verified<'_>,
        claims: RegisteredClaims<'_>,
        scope: Scope,
        validity: Validity,
        parse_claims: Option<ParseClaims>,
    ) -> Result<Self, TokenError> {
        let missing = |claim| TokenError::Missing { claim };
        let payload = verified.payload();
        let kept = |text| Text::new(text, payload);
        let audience = claims.aud.as_ref().and_then(Strings::as_slice).ok_or(missing("aud"))?;
        Ok(Self(Arc::new(Inner {
            issuer: claims.iss.map(kept).ok_or(missing("iss"))?,
            subject: claims.sub.map(kept).ok_or(missing("sub"))?,
            client_id: claims.client_id.or(claims.azp).map(kept),
            audience: audience.iter().cloned().map(kept).collect(),
            scope,
            id: claims.jti.map(kept),
            validity,
            parsed_claims: parse_claims.map(|parse| parse(payload)).transpose()?,
            payload: payload.into(),
        })))
    }

    /// Who issued the token (`iss`): one of the issuers that the server trusts.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.text(&self.0.issuer)
    }

    /// On whose behalf the client acts (`sub`), never empty. Unique within the [issuer](Self::issuer) only, and not
    /// necessarily a person: with the client-credentials grant it is the client itself (RFC 9068 §2.2, §6).
    #[must_use]
    pub fn subject(&self) -> &str {
        self.text(&self.0.subject)
    }

    /// The client that the token was issued to: `client_id` (RFC 9068 §2.2), or `azp` where an issuer writes that instead.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_ref().map(|client_id| self.text(client_id))
    }

    /// Whom the token is for (`aud`): this server, and possibly others.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.0.audience.iter().map(|audience| self.text(audience))
    }

    /// What the token grants.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// When the token ends (`exp`), the leeway not counted.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.0.validity.exp.into()
    }

    /// When the token was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.0.validity.iat.map(Into::into)
    }

    /// The token's own identifier (`jti`), unique within the [issuer](Self::issuer).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_ref().map(|id| self.text(id))
    }

    /// All claims as a `T`, parsed at every call. [`Claims`](crate::Claims) is parsed once, and refuses at the edge.
    ///
    /// # Errors
    ///
    /// When the claims are no `T`.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, ClaimsError> {
        claims::read(&self.0.payload)
    }

    /// What of the token depends on the time.
    pub(crate) fn validity(&self) -> Validity {
        self.0.validity
    }

    /// About how many bytes of memory the token and its clones take together. What the application's own claims hold on to is
    /// taken to be as much as they were parsed from.
    pub(crate) fn footprint(&self) -> usize {
        let Inner { issuer, subject, client_id, audience, scope, id, payload, parsed_claims, validity: _ } = &*self.0;
        let texts =
            [Some(issuer), Some(subject), client_id.as_ref(), id.as_ref()].into_iter().flatten().chain(audience);
        let texts: usize = texts.map(Text::apart).sum();
        let parsed = parsed_claims.as_ref().map_or(0, |parsed| size_of_val(&**parsed) + payload.len());
        size_of::<Inner>() + size_of_val(&**audience) + texts + scope.as_str().len() + payload.len() + parsed
    }

    fn text<'a>(&'a self, text: &'a Text) -> &'a str {
        text.get(&self.0.payload)
    }

    pub(crate) fn parsed_claims(&self) -> Option<&ParsedClaims> {
        self.0.parsed_claims.as_ref()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("issuer", &self.issuer())
            .field("client_id", &self.client_id())
            .field("scope", &self.scope().as_str())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
