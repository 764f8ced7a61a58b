//! `examples/me --revocation`: an issuer revokes tokens from outside, by security events and by logout tokens.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{Request, StatusCode};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tower_bearer::testing::{TestIssuer, TokenBuilder, logout_request, push_request};

use crate::example_process::{Build, Example, program};
use crate::harness::{AUDIENCE, good, small_issuer};

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const EVENTS: &str = "/ssf/events";
const LOGOUT: &str = "/backchannel-logout";

/// The program, and what is sent to it.
struct Api {
    example: Example,
    http: Client,
}

impl Api {
    fn start(issuer: &TestIssuer, flags: &[&str]) -> Self {
        let given = ["--issuer", issuer.url(), "--audience", AUDIENCE, "--scope", "read:me"];
        let example = Example::start(&[&given, flags].concat());
        Self { example, http: Client::builder().no_proxy().build().unwrap() }
    }

    async fn status(&self, token: &TokenBuilder) -> StatusCode {
        self.http.get(self.example.resource()).bearer_auth(token.sign()).send().await.unwrap().status()
    }

    async fn send(&self, path: &str, mut request: Request<String>, bearer: Option<&str>) -> Response {
        *request.uri_mut() = self.example.resource().replace("/api/me", path).parse().unwrap();
        if let Some(bearer) = bearer {
            request.headers_mut().insert("authorization", format!("Bearer {bearer}").parse().unwrap());
        }
        self.http.execute(request.try_into().unwrap()).await.unwrap()
    }

    /// The status for a security event, and the `err` of a refusal (RFC 8935 §2.3).
    async fn push_as(&self, set: &TokenBuilder, bearer: Option<&str>) -> (StatusCode, Option<String>) {
        let response = self.send(EVENTS, push_request(&set.sign()), bearer).await;
        let status = response.status();
        let body = response.json::<Value>().await.ok();
        (status, body.and_then(|body| body["err"].as_str().map(ToOwned::to_owned)))
    }

    async fn push(&self, set: &TokenBuilder) -> StatusCode {
        self.push_as(set, None).await.0
    }

    async fn log_out(&self, token: &TokenBuilder) -> StatusCode {
        self.send(LOGOUT, logout_request(&token.sign()), None).await.status()
    }
}

/// An event that ends the sessions of a user of this issuer.
fn session_revoked(issuer: &TestIssuer, subject: &str) -> TokenBuilder {
    let set = issuer.security_event(AUDIENCE, SESSION_REVOKED, json!({}));
    set.claim("sub_id", json!({ "format": "iss_sub", "iss": issuer.url(), "sub": subject }))
}

#[tokio::test]
async fn a_security_event_ends_the_tokens_of_its_subject() {
    let issuer = small_issuer();
    let api = Api::start(&issuer, &["--revocation"]);
    let (alice, bob) = (good(&issuer).subject("alice"), good(&issuer).subject("bob"));
    for token in [&alice, &bob] {
        assert_eq!(api.status(token).await, StatusCode::OK);
    }

    let set = session_revoked(&issuer, "alice");
    let other_issuer = small_issuer();
    for (bad, err) in [
        (set.clone().signed_by(&other_issuer), "invalid_key"),
        (set.clone().audience("https://other.example.test"), "invalid_audience"),
        (set.clone().without_claim("events"), "invalid_request"),
        (alice.clone(), "invalid_request"),
    ] {
        assert_eq!(api.push_as(&bad, None).await, (StatusCode::BAD_REQUEST, Some(err.to_owned())), "{bad:?}");
    }
    assert_eq!(api.status(&alice).await, StatusCode::OK);

    assert_eq!(api.push(&set).await, StatusCode::ACCEPTED);
    assert_eq!(api.status(&alice).await, StatusCode::UNAUTHORIZED);
    assert_eq!(api.status(&bob).await, StatusCode::OK);
    // It has signed in again.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(api.status(&good(&issuer).subject("alice").claim("iat", now + 2)).await, StatusCode::OK);
    assert_eq!(api.status(&session_revoked(&issuer, "bob").scope("read:me")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(api.log_out(&issuer.logout_token("web").subject("bob")).await, StatusCode::NOT_FOUND);
    assert_eq!(api.status(&bob).await, StatusCode::OK);
}

#[tokio::test]
async fn the_transmitter_shows_its_token() {
    let issuer = small_issuer();
    let api = Api::start(&issuer, &["--revocation", "--ssf-token", "of-the-transmitter"]);
    let alice = good(&issuer).subject("alice");
    let set = session_revoked(&issuer, "alice");
    for bearer in [None, Some("of-somebody-else")] {
        let refused = (StatusCode::BAD_REQUEST, Some("authentication_failed".to_owned()));
        assert_eq!(api.push_as(&set, bearer).await, refused, "{bearer:?}");
    }
    assert_eq!(api.status(&alice).await, StatusCode::OK);
    assert_eq!(api.push_as(&set, Some("of-the-transmitter")).await, (StatusCode::ACCEPTED, None));
    assert_eq!(api.status(&alice).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_logout_token_ends_a_session_or_a_user() {
    let issuer = small_issuer();
    let api = Api::start(&issuer, &["--revocation", "--logout-client", "web"]);
    let of_session = |sid: &str| good(&issuer).subject("alice").claim("sid", sid);
    let bob = good(&issuer).subject("bob");
    for bad in [
        issuer.logout_token("another-client").claim("sid", "one"),
        issuer.logout_token("web"),
        issuer.logout_token("web").claim("sid", "one").claim("nonce", "n"),
        of_session("one"),
    ] {
        assert_eq!(api.log_out(&bad).await, StatusCode::BAD_REQUEST, "{bad:?}");
    }
    assert_eq!(api.status(&of_session("one")).await, StatusCode::OK);

    assert_eq!(api.log_out(&issuer.logout_token("web").claim("sid", "one")).await, StatusCode::OK);
    assert_eq!(api.status(&of_session("one")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(api.status(&of_session("two")).await, StatusCode::OK);
    assert_eq!(api.log_out(&issuer.logout_token("web").subject("bob")).await, StatusCode::OK);
    assert_eq!(api.status(&bob).await, StatusCode::UNAUTHORIZED);
    assert_eq!(api.status(&of_session("two")).await, StatusCode::OK);
}

#[tokio::test]
async fn without_the_flag_nothing_is_revoked() {
    let issuer = small_issuer();
    let api = Api::start(&issuer, &[]);
    assert_eq!(api.push(&session_revoked(&issuer, "alice")).await, StatusCode::NOT_FOUND);
    assert_eq!(api.log_out(&issuer.logout_token("web").subject("alice")).await, StatusCode::NOT_FOUND);
    // What needs an `iat` with revocation does not need it without.
    assert_eq!(api.status(&good(&issuer).subject("alice").without_claim("iat")).await, StatusCode::OK);
}

#[test]
fn bad_flags_of_revocation_get_one_clear_sentence() {
    let run = |flags: &[&str]| {
        let output = Command::new(program(Build::Usual)).args(flags).arg("--once").output().unwrap();
        assert!(!output.status.success(), "{flags:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run(&["--revocation"]).contains("--issuer"));
    let issuer = ["--issuer", "https://login.example.com"];
    for flag in ["--ssf-token", "--logout-client"] {
        assert!(run(&[&issuer, &[flag, "x"][..]].concat()).contains("--revocation"), "{flag}");
        assert!(run(&[&issuer, &["--revocation", flag, ""][..]].concat()).contains(flag), "{flag}");
    }
}
