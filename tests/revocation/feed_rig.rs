//! A server whose revocations come from its issuer.

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer::Issuer;
use tower_bearer::feeds::{BackChannelLogout, SharedSignals};
use tower_bearer::jose::JwkSet;
use tower_bearer::revocation::{EventOutcome, FeedKind, FeedStatus};
use tower_bearer::testing::{TestIssuer, TokenBuilder, logout_request, push_request};

use super::Rig;
use crate::harness::present;

/// The `aud` of security events.
pub(super) const SSF: &str = "https://api.example.test/ssf";
/// The `aud` of logout tokens.
pub(super) const CLIENT: &str = "shop-client";
pub(super) const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
pub(super) const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
pub(super) const STREAM: &str = "https://schemas.openid.net/secevent/ssf/event-type/";

/// A server and both feeds of its issuer, with keys that nobody fetches.
pub(super) struct FeedRig {
    pub(super) rig: Rig,
    pub(super) app: Router,
}

/// What the sender of a message got.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// How many events were revoked, had no effect, were unmatched, were another issuer's, and were refused.
pub(super) type Counts = [u64; 5];

impl FeedRig {
    pub(super) fn new() -> Self {
        Self::with(|signals| signals)
    }

    pub(super) fn with(change: impl FnOnce(SharedSignals) -> SharedSignals) -> Self {
        Self::of(Rig::new(), change)
    }

    pub(super) fn of(rig: Rig, change: impl FnOnce(SharedSignals) -> SharedSignals) -> Self {
        let signals = change(SharedSignals::from_issuer(issuer_of(&rig.issuer), SSF));
        let signals = signals.receiver(&rig.revocations).unwrap();
        let logout = BackChannelLogout::from_issuer(issuer_of(&rig.issuer), CLIENT).receiver(&rig.revocations).unwrap();
        let app = Router::new().route_service("/ssf", signals).route_service("/logout", logout);
        Self { rig, app }
    }

    /// A security event of this moment, without a subject.
    pub(super) fn event(&self, event_type: &str, event: Value) -> TokenBuilder {
        self.rig.issuer.security_event(SSF, event_type, event).claim("iat", self.rig.now())
    }

    /// The end of all sessions of a subject.
    pub(super) fn set(&self, sub: &str) -> TokenBuilder {
        let subject = iss_sub(&self.rig.issuer, sub);
        self.event(&format!("{CAEP}session-revoked"), json!({})).claim("sub_id", subject)
    }

    /// The same with any subject.
    pub(super) fn set_about(&self, subject: &Value) -> TokenBuilder {
        self.set("nobody").claim("sub_id", subject)
    }

    pub(super) fn logout_token(&self) -> TokenBuilder {
        let now = self.rig.now();
        self.rig.issuer.logout_token(CLIENT).claim("iat", now).claim("exp", now + 120.0)
    }

    pub(super) async fn push(&self, set: &TokenBuilder) -> Reply {
        self.send("/ssf", push_request(&set.sign())).await
    }

    pub(super) async fn log_out(&self, token: &TokenBuilder) -> Reply {
        self.send("/logout", logout_request(&token.sign())).await
    }

    pub(super) async fn send(&self, path: &str, request: Request<String>) -> Reply {
        send(&self.app, path, request.map(Body::from)).await
    }

    pub(super) fn status(&self, kind: FeedKind) -> FeedStatus {
        self.rig.revocations.status().into_iter().find(|feed| feed.kind() == kind).unwrap()
    }

    pub(super) fn counts(&self) -> Counts {
        counts(&self.status(FeedKind::SharedSignals))
    }

    pub(super) fn logout_counts(&self) -> Counts {
        counts(&self.status(FeedKind::BackChannelLogout))
    }

    /// Whether the server accepts the token.
    pub(super) async fn accepts(&self, token: &TokenBuilder) -> bool {
        let answer = present(&self.rig.app, &token.sign()).await;
        if answer.status != StatusCode::OK {
            answer.assert_invalid_token();
        }
        answer.status == StatusCode::OK
    }
}

impl Reply {
    /// A bad security event (RFC 8935 §2.3).
    #[track_caller]
    pub(super) fn assert_bad_set(&self, what: &str, err: &str) {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{what}: {self:?}"));
        assert_eq!((self.status, &body["err"]), (StatusCode::BAD_REQUEST, &json!(err)), "{what}: {self:?}");
        assert!(body["description"].as_str().is_some_and(|it| !it.is_empty()), "{what}");
        assert_eq!(body.as_object().unwrap().len(), 2, "{what}");
        assert_eq!(self.headers["content-type"], "application/json", "{what}");
        assert_eq!(self.headers["content-language"], "en", "{what}");
    }

    /// A bad logout token (OpenID Connect Back-Channel Logout 1.0 §2.8).
    #[track_caller]
    pub(super) fn assert_bad_logout(&self, what: &str) {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{what}: {self:?}"));
        assert_eq!((self.status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")), "{what}");
        assert!(body["error_description"].as_str().is_some_and(|it| !it.is_empty()), "{what}");
        assert_eq!(body.as_object().unwrap().len(), 2, "{what}");
        assert_eq!(self.headers["content-type"], "application/json", "{what}");
        assert_eq!(self.headers["cache-control"], "no-store", "{what}");
    }

    /// No body; and when to try again, if it says so.
    #[track_caller]
    pub(super) fn assert_empty(&self, status: u16, retry_after: Option<&str>) {
        assert_eq!((self.status.as_u16(), &*self.body), (status, ""), "{self:?}");
        assert_eq!(self.headers.get("retry-after").map(|it| it.to_str().unwrap()), retry_after, "{self:?}");
        assert_eq!(self.headers["cache-control"], "no-store");
    }
}

pub(super) async fn send(app: &Router, path: &str, mut request: Request<Body>) -> Reply {
    *request.uri_mut() = path.parse().unwrap();
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

pub(super) fn counts(status: &FeedStatus) -> Counts {
    use EventOutcome::{NoEffect, OtherIssuer, Refused, Revoked, Unmatched};
    [Revoked, NoEffect, Unmatched, OtherIssuer, Refused].map(|outcome| status.events(outcome))
}

/// An issuer whose keys never change.
pub(super) fn issuer_of(issuer: &TestIssuer) -> Issuer {
    let keys = JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
    Issuer::keys(issuer.url(), keys).unwrap()
}

pub(super) fn iss_sub(issuer: &TestIssuer, sub: &str) -> Value {
    json!({ "format": "iss_sub", "iss": issuer.url(), "sub": sub })
}
