use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use tower::ServiceExt;
use tower_bearer::feeds::{SharedSignals, SharedSignalsReceiver};
use tower_bearer::testing::{TestIssuer, push_request};

use super::{Fleet, Node};

/// The `aud` of security events.
const SSF: &str = "https://api.example.test/ssf";
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// Where the issuer pushes security events to one node.
#[derive(Clone)]
pub(crate) struct Receiver {
    issuer: Arc<TestIssuer>,
    service: SharedSignalsReceiver,
}

impl Receiver {
    pub(crate) fn of(node: &Node, fleet: &Fleet) -> Self {
        let signals = SharedSignals::from_issuer(fleet.issuer.issuer(), SSF);
        Self { issuer: Arc::clone(&fleet.issuer), service: signals.receiver(&node.revocations).unwrap() }
    }

    /// A security event of this moment, which ends all sessions of a subject.
    pub(crate) fn event(&self, sub: &str) -> String {
        let subject = BTreeMap::from([("format", "iss_sub"), ("iss", self.issuer.url()), ("sub", sub)]);
        let event = self.issuer.security_event(SSF, SESSION_REVOKED, BTreeMap::<&str, &str>::new());
        event.claim("sub_id", subject).sign()
    }

    pub(crate) async fn push(&self, set: &str) -> StatusCode {
        self.service.clone().oneshot(push_request(set)).await.unwrap().status()
    }

    /// Whether the node has the event, or else asks for it again.
    pub(crate) async fn acknowledges(&self, set: &str) -> bool {
        let status = self.push(set).await;
        assert!([StatusCode::ACCEPTED, StatusCode::SERVICE_UNAVAILABLE].contains(&status), "{status}");
        status == StatusCode::ACCEPTED
    }
}
