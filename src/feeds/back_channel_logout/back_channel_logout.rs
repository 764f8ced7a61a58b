use super::receiver::LogoutReceiver;
use crate::Issuer;
use crate::feeds::feed_issuer::FeedIssuer;
use crate::feeds::invalid_feed::InvalidFeed;
use crate::issuer::ConfigError;
use crate::revocation::{FeedKind, FeedSettings, Revocations};

/// Receives the logout tokens of an OpenID provider, and revokes tokens accordingly (OpenID Connect Back-Channel Logout 1.0).
///
/// A provider sends a logout token to the `backchannel_logout_uri` of each client that a user has signed in to. So register this server's route
/// for the client whose users have tokens for this server.
///
/// | logout token | what is revoked |
/// |---|---|
/// | with `sid` and `sub` | the [session of that user](crate::revocation::Revocation::session_of), up to `iat` |
/// | with `sid` | the [session](crate::revocation::Revocation::session) |
/// | with `sub` | all tokens of the [subject](crate::revocation::Revocation::subject) that were issued up to `iat` |
///
/// # Answers
///
/// 200 once the revocation is made and stored; 400 with JSON and the error `invalid_request` for a bad logout token (§2.8); 405, 408, 413, 429 and
/// 503 as for security events. Providers are not required to retry, so monitor [`FeedStatus`](crate::revocation::FeedStatus). Each answer has
/// `Cache-Control: no-store`.
#[derive(Clone, Debug)]
#[must_use = "`receiver` makes the service"]
pub struct BackChannelLogout {
    issuer: Issuer,
    client_id: String,
    requires_exp: bool,
}

impl BackChannelLogout {
    /// Accepts logout tokens from this issuer for the client with this identifier, which is their `aud`. The issuer's rules for access tokens do
    /// not apply.
    pub fn from_issuer(issuer: Issuer, client_id: impl Into<String>) -> Self {
        Self { issuer, client_id: client_id.into(), requires_exp: true }
    }

    /// Accepts logout tokens without `exp`: for Ory Hydra, glewlwyd, Keycloak before 2024, and authentik before 2025.
    ///
    /// A captured logout token can then be sent again at any time. That changes nothing: it ends the same session, or the tokens that were issued
    /// up to its `iat`.
    ///
    /// Default: `exp` is required (§2.4) and must not have passed.
    pub fn accept_without_expiry(self) -> Self {
        Self { requires_exp: false, ..self }
    }

    /// Returns the service to mount at a route, for example with `Router::route_service`. It needs no layer, and its route must not be behind one
    /// that requires an access token. It needs a tokio runtime. Nothing is fetched before the first logout token arrives.
    /// If you call this again for the same issuer and client, the feed has one status for all receivers.
    ///
    /// # Errors
    ///
    /// If a setting is not acceptable: see [`InvalidFeed`].
    pub fn receiver(self, revocations: &Revocations) -> Result<LogoutReceiver, InvalidFeed> {
        let issuer = FeedIssuer::new(&self.issuer, revocations.shared_clock())?;
        ConfigError::check_text("client", &self.client_id)?;
        let settings = FeedSettings {
            kind: FeedKind::BackChannelLogout,
            issuer: Some(issuer.name.clone()),
            audience: Some(self.client_id.clone().into()),
            silent_after: None,
            refuse_when_stale: None,
        };
        let feed = revocations.add_feed(settings);
        Ok(LogoutReceiver::new(issuer, self.client_id.into(), self.requires_exp, revocations.clone(), feed))
    }
}
