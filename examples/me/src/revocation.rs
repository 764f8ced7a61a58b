//! Revocation: its flags, and the endpoints that tell the API which tokens have ended.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use tower_bearer::Issuer;
use tower_bearer::feeds::{BackChannelLogout, SharedSignals};
use tower_bearer::revocation::Revocations;

/// Where security events are pushed to.
pub(crate) const EVENTS_PATH: &str = "/ssf/events";
/// Where logout tokens are posted to.
const LOGOUT_PATH: &str = "/backchannel-logout";
/// How long access tokens of the issuer live at most: the API refuses those that live longer.
const MAX_TOKEN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Who may revoke tokens of the issuer.
#[derive(Args)]
pub(crate) struct RevocationSettings {
    /// Refuse the tokens that security events of the issuer (RFC 8417) revoke. The issuer pushes the events, for the audience of the
    /// API, to /ssf/events (RFC 8935)
    #[arg(long, requires = "issuer")]
    revocation: bool,
    /// The token with which the issuer has to authenticate at /ssf/events
    #[arg(long, value_name = "TOKEN", requires = "revocation", value_parser = NonEmptyStringValueParser::new())]
    ssf_token: Option<String>,
    /// Accept logout tokens for this client of the issuer (OpenID Connect Back-Channel Logout), at /backchannel-logout
    #[arg(long, value_name = "CLIENT_ID", requires = "revocation", value_parser = NonEmptyStringValueParser::new())]
    logout_client: Option<String>,
}

/// What is revoked, and the endpoints that fill it.
#[derive(Clone)]
pub(crate) struct Feeds {
    pub(crate) revocations: Revocations,
    /// They are called by the issuer, without a token of a user: they belong outside the protecting layer.
    pub(crate) endpoints: Router,
}

impl RevocationSettings {
    /// What the flags ask for, of the issuer with this URL.
    pub(crate) fn feeds(&self, issuer: &str, audience: &str) -> Result<Option<Feeds>, Box<dyn Error>> {
        if !self.revocation {
            return Ok(None);
        }
        let mut feeds = Feeds::of(Issuer::discover(issuer)?, audience, self.ssf_token.as_deref())?;
        if let Some(client) = &self.logout_client {
            let logout = BackChannelLogout::from_issuer(Issuer::discover(issuer)?, client);
            feeds.endpoints = feeds.endpoints.route_service(LOGOUT_PATH, logout.receiver(&feeds.revocations)?);
        }
        Ok(Some(feeds))
    }
}

impl Feeds {
    /// Security events of this issuer for this audience. With a token, the issuer has to show it.
    pub(crate) fn of(issuer: Issuer, audience: &str, token: Option<&str>) -> Result<Self, Box<dyn Error>> {
        let revocations = Revocations::new(MAX_TOKEN_LIFE);
        let events = SharedSignals::from_issuer(issuer, audience);
        let events = match token {
            Some(token) => events.bearer_token(token),
            None => events,
        };
        let endpoints = Router::new().route_service(EVENTS_PATH, events.receiver(&revocations)?);
        Ok(Self { revocations, endpoints })
    }
}
