//! What the suites share: an API behind the layer, its answers, and tokens and signatures of every kind.

mod answer;
pub(crate) mod challenge;
pub(crate) mod hmac;
pub(crate) mod log;
pub(crate) mod memory_source;
pub(crate) mod nginx;
mod rsa_vectors;
pub(crate) mod scrape;
pub(crate) mod serve;
pub(crate) mod sets;
pub(crate) mod signatures;
mod slow_store;

use std::fmt::Display;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use serde_json::Value;
use tokio::runtime::{self, Runtime};
use tower::ServiceExt;
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::server::Builder;
use tower_bearer::testing::{Endpoint, TestClock, TestIssuer, TokenBuilder};
use tower_bearer::validation::Profile;
use tower_bearer::{AccessToken, Issuer, Require, ResourceServer};

pub(crate) use self::answer::Answer;
use self::answer::INVALID_TOKEN;
pub(crate) use self::rsa_vectors::RsaVectors;
pub(crate) use self::slow_store::SlowStore;

pub(crate) const AUDIENCE: &str = "https://api.example.test";

/// An issuer with a key for every algorithm, shared by the tests that do not change it.
pub(crate) static ISSUER: LazyLock<TestIssuer> = LazyLock::new(TestIssuer::start);

/// A clock that stands at this time, in seconds since 1970.
pub(crate) fn clock_at(seconds: u64) -> TestClock {
    let clock = TestClock::new();
    clock.set(UNIX_EPOCH + Duration::from_secs(seconds));
    clock
}

/// A runtime of one thread.
pub(crate) fn current_thread_runtime() -> Runtime {
    runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A runtime of one thread whose time passes only while every task waits.
pub(crate) fn paused_runtime() -> Runtime {
    runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// `GET /` with this token, if there is one.
pub(crate) fn request(token: Option<&str>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    if let Some(token) = token {
        request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").try_into().unwrap());
    }
    request
}

/// An issuer with one key, which is quick to make.
pub(crate) fn small_issuer() -> TestIssuer {
    TestIssuer::builder().algorithms([Algorithm::ES256]).start()
}

/// A server with the defaults.
pub(crate) fn server(issuer: &TestIssuer) -> ResourceServer {
    ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).build().unwrap()
}

/// A server that follows RFC 9068 to the letter.
pub(crate) fn strict_server(issuer: &TestIssuer) -> ResourceServer {
    ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).profile(Profile::Rfc9068).build().unwrap()
}

/// A builder whose keys are static, so that nothing is fetched and paused time can be used.
pub(crate) fn builder_with_keys(issuer: &str, jwks: &Value) -> Builder {
    let keys = JwkSet::from_json(jwks.to_string().as_bytes()).unwrap();
    ResourceServer::builder(AUDIENCE).trust(Issuer::keys(issuer, keys).unwrap())
}

/// `/me` needs the scope `read:me`, `/any` a good token.
pub(crate) fn app(api: &ResourceServer) -> Router {
    let subject = |token: AccessToken| async move { token.subject().to_owned() };
    Router::new()
        .route("/me", get(subject).layer(Require::scope("read:me")))
        .route("/any", get(subject))
        .layer(api.layer())
}

/// A token that `/me` accepts.
pub(crate) fn good(issuer: &TestIssuer) -> TokenBuilder {
    issuer.token().audience(AUDIENCE).scope("read:me")
}

/// The header and the payload of a token, as they stand in it.
pub(crate) fn decoded(token: &TokenBuilder) -> [String; 2] {
    let input = token.signing_input();
    let (header, payload) = input.split_once('.').unwrap();
    [header, payload].map(|part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
}

/// The token with one more member at the front of its payload, whether there is one of that name or not.
pub(crate) fn with_raw_member(token: &TokenBuilder, member: &str) -> TokenBuilder {
    let [_, payload] = decoded(token);
    token.clone().raw_payload(format!("{{{member},{}", &payload[1..]))
}

/// Sends `GET path` through the layer with these `Authorization` lines.
pub(crate) async fn send<'a>(app: &Router, path: &str, authorization: impl IntoIterator<Item = &'a [u8]>) -> Answer {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    for line in authorization {
        request.headers_mut().append(AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
    }
    let response = app.clone().oneshot(request).await.unwrap();
    Answer { status: response.status(), headers: response.headers().clone() }
}

/// Sends `GET uri` through the layer with these headers.
pub(crate) async fn send_with(app: &Router, uri: &str, headers: &[(&str, String)]) -> Answer {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    Answer { status: response.status(), headers: response.headers().clone() }
}

/// Sends `GET /me` with this token.
pub(crate) async fn present(app: &Router, token: &str) -> Answer {
    send(app, "/me", [format!("Bearer {token}").as_bytes()]).await
}

/// Asserts that each of these tokens, each after a description, gets the resource.
pub(crate) async fn assert_accepted<W: Display>(app: &Router, tokens: impl IntoIterator<Item = (W, String)>) {
    for (what, token) in tokens {
        let answer = present(app, &token).await;
        assert_eq!((answer.status, answer.challenge()), (StatusCode::OK, None), "{what}");
    }
}

/// Asserts that each of these tokens, each after a description, gets `401 IT`.
pub(crate) async fn assert_refused<W: Display>(app: &Router, tokens: impl IntoIterator<Item = (W, String)>) {
    for (what, token) in tokens {
        let answer = present(app, &token).await;
        assert_eq!((answer.status, answer.challenge()), (StatusCode::UNAUTHORIZED, Some(INVALID_TOKEN)), "{what}");
    }
}

/// How often an issuer was asked for metadata, and for keys.
pub(crate) fn fetches(issuer: &TestIssuer) -> (usize, usize) {
    let metadata = issuer.requests(Endpoint::OAuthMetadata) + issuer.requests(Endpoint::OpenIdMetadata);
    (metadata, issuer.requests(Endpoint::Jwks))
}
