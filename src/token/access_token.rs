use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::de::DeserializeOwned;

use super::claims::{self, ClaimsError, ParseClaims, ParsedClaims};
use super::dialect::ClientClaim;
use super::error::TokenError;
use super::numeric_date::NumericDate;
use super::registered::RegisteredClaims;
use super::scope::Scope;
use crate::jose::Verified;

/// A validated access token: its existence is the proof.
///
/// Only validation makes one, so a handler that asks for it cannot run without one. It is a request extension and, with
/// the `axum` feature, an extractor. Cloning it is cheap. Its `Debug` form shows neither the token nor the subject.
#[derive(Clone)]
pub struct AccessToken(Arc<Inner>);

struct Inner {
    issuer: Box<str>,
    subject: Box<str>,
    client_id: Option<Box<str>>,
    audience: Vec<Box<str>>,
    scope: Scope,
    id: Option<Box<str>>,
    issued_at: Option<NumericDate>,
    expires_at: NumericDate,
    payload: Vec<u8>,
    parsed_claims: Option<ParsedClaims>,
}

impl AccessToken {
    pub(super) fn new(
        verified: Verified,
        claims: RegisteredClaims,
        scope: Scope,
        client_claim: ClientClaim,
        parse_claims: Option<ParseClaims>,
    ) -> Result<Self, TokenError> {
        let missing = |claim| TokenError::Missing { claim };
        let payload = verified.into_payload();
        let client = claims.client(client_claim).map(Into::into);
        Ok(Self(Arc::new(Inner {
            issuer: claims.iss.ok_or(missing("iss"))?,
            subject: claims.sub.ok_or(missing("sub"))?,
            client_id: client,
            audience: claims.aud.unwrap_or_default(),
            scope,
            id: claims.jti,
            issued_at: claims.iat,
            expires_at: claims.exp.ok_or(missing("exp"))?,
            parsed_claims: parse_claims.map(|parse| parse(&payload)).transpose()?,
            payload,
        })))
    }

    /// Who issued the token (`iss`): one of the issuers that the server trusts.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// On whose behalf the client acts (`sub`), never empty. Unique within the [issuer](Self::issuer) only, and not
    /// necessarily a person: with the client-credentials grant it is the client itself (RFC 9068 §2.2, §6).
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The client that the token was issued to: `client_id` (RFC 9068 §2.2), or `azp`, or what else the issuer's
    /// [preset](crate::Issuer#presets) says that it writes instead.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_deref()
    }

    /// Whom the token is for (`aud`): this server, and possibly others. Nobody at all only if the issuer is one that names
    /// its [clients instead](crate::Issuer::clients_instead_of_audience).
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.0.audience.iter().map(|audience| &**audience)
    }

    /// What the token grants.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// When the token ends (`exp`), the leeway not counted.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.0.expires_at.into()
    }

    /// When the token was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.0.issued_at.map(Into::into)
    }

    /// The token's own identifier (`jti`), unique within the [issuer](Self::issuer).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// All claims as a `T`, parsed at every call. [`Claims`](crate::Claims) is parsed once, and refuses at the edge.
    ///
    /// # Errors
    ///
    /// When the claims are no `T`.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, ClaimsError> {
        claims::read(&self.0.payload)
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
