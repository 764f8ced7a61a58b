//! Tells the API that a user's tokens have ended: security event tokens (RFC 8417), pushed to it (RFC 8935).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::CONTENT_TYPE;
use reqwest::Client;
use serde_json::json;
use tower_bearer::testing::{TestIssuer, TokenBuilder};

use super::mint::seconds;

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
/// How often an event is sent until it is accepted.
const ATTEMPTS: usize = 3;

/// Sends events to one receiver.
pub(crate) struct Transmitter {
    /// Where the receiver is, and the audience of what it gets.
    url: String,
    audience: String,
    /// The receiver knows the transmitter by it.
    bearer: String,
    http: Client,
    deliveries: Mutex<Vec<Delivery>>,
}

/// An event that was sent, and what became of it.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) url: String,
    pub(crate) set: String,
    pub(crate) status: StatusCode,
}

/// The receiver has not accepted an event.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAccepted {
    #[error("the receiver cannot be reached")]
    Unreachable(#[from] reqwest::Error),
    #[error("the receiver has answered with {0}")]
    Status(StatusCode),
}

impl Transmitter {
    pub(crate) fn new(url: &str, audience: &str, bearer: &str) -> reqwest::Result<Self> {
        Ok(Self {
            url: url.to_owned(),
            audience: audience.to_owned(),
            bearer: bearer.to_owned(),
            http: Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?,
            deliveries: Mutex::default(),
        })
    }

    /// All sessions of a user have ended (CAEP 1.0 §3.1). This returns when the receiver has accepted the event: from then on, the
    /// receiver refuses those tokens of the user that were issued until `at`.
    pub(super) async fn session_revoked(
        &self,
        issuer: &TestIssuer,
        subject: &str,
        at: SystemTime,
    ) -> Result<(), NotAccepted> {
        let event = json!({
            "event_timestamp": seconds(at),
            "initiating_entity": "user",
            "reason_user": { "en": "You have signed out everywhere." },
        });
        let set = issuer
            .security_event(&self.audience, SESSION_REVOKED, event)
            .claim("sub_id", json!({ "format": "iss_sub", "iss": issuer.url(), "sub": subject }));
        self.push(&set).await
    }

    /// Everything that was sent so far.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries_mut().clone()
    }

    /// The same event every time, so that it makes no difference if the receiver has had it before.
    async fn push(&self, set: &TokenBuilder) -> Result<(), NotAccepted> {
        let set = set.sign();
        let mut outcome = self.push_once(&set).await;
        for _ in 1..ATTEMPTS {
            if outcome.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            outcome = self.push_once(&set).await;
        }
        outcome
    }

    async fn push_once(&self, set: &str) -> Result<(), NotAccepted> {
        let request = self.http.post(&self.url).header(CONTENT_TYPE, "application/secevent+jwt");
        let request = request.bearer_auth(&self.bearer).body(set.to_owned());
        let status = request.send().await?.status();
        self.deliveries_mut().push(Delivery { url: self.url.clone(), set: set.to_owned(), status });
        if status == StatusCode::ACCEPTED { Ok(()) } else { Err(NotAccepted::Status(status)) }
    }

    fn deliveries_mut(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
