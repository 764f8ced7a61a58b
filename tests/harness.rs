//! An API behind the layer, and what it answers.

use std::fmt::Display;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt;
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::server::{Builder, Trusting};
use tower_bearer::testing::{Endpoint, TestClock, TestIssuer, TokenBuilder};
use tower_bearer::token::Profile;
use tower_bearer::{AccessToken, Issuer, Require, ResourceServer};

pub(crate) const AUDIENCE: &str = "https://api.example.test";

const INVALID_TOKEN: &str = r#"Bearer realm="https://api.example.test", error="invalid_token", error_description="The access token is malformed, expired, or not valid here""#;

/// An issuer with keys of every kind, shared by the tests that do not disturb it.
pub(crate) static ISSUER: LazyLock<TestIssuer> = LazyLock::new(TestIssuer::start);

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

/// A server in the making whose keys are at hand, so that not one is fetched and paused time goes well with it.
pub(crate) fn builder_with_keys(issuer: &str, jwks: &Value) -> Builder<Trusting> {
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

/// RSA signatures that no library makes: wrong padding, wrong salts, values beyond the modulus. They were computed with
/// plain modular exponentiation; the private keys are gone, so the tokens stay as they are and the clock is set to their
/// time.
pub(crate) struct RsaVectors {
    pub(crate) app: Router,
    pub(crate) jwks: Value,
    tokens: Vec<RsaVector>,
}

#[derive(Deserialize)]
struct RsaVector {
    what: String,
    accepted: bool,
    token: String,
}

impl RsaVectors {
    pub(crate) fn load() -> Self {
        #[derive(Deserialize)]
        struct File {
            now: u64,
            jwks: Value,
            tokens: Vec<RsaVector>,
        }
        let File { now, jwks, tokens } = serde_json::from_str(include_str!("vectors/rsa.json")).unwrap();
        let clock = TestClock::new();
        clock.set(UNIX_EPOCH + Duration::from_secs(now));
        let server = builder_with_keys("https://issuer.example.test", &jwks).clock(clock).build().unwrap();
        Self { app: app(&server), jwks, tokens }
    }

    /// The tokens that may pass, or those that may not, each after what it is.
    pub(crate) fn tokens(&self, accepted: bool) -> impl Iterator<Item = (&str, String)> {
        let tokens = self.tokens.iter().filter(move |vector| vector.accepted == accepted);
        tokens.map(|vector| (&*vector.what, vector.token.clone()))
    }
}

/// What a request got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

impl Answer {
    pub(crate) fn challenge(&self) -> Option<&str> {
        self.headers.get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap())
    }

    /// The resource, and no challenge.
    #[track_caller]
    pub(crate) fn assert_ok(&self) {
        assert_eq!((self.status, self.challenge()), (StatusCode::OK, None));
    }

    /// `401 bare`.
    #[track_caller]
    pub(crate) fn assert_bare(&self) {
        self.assert_refused(StatusCode::UNAUTHORIZED, r#"Bearer realm="https://api.example.test""#);
    }

    /// `401 bare` that tells the scope to ask for.
    #[track_caller]
    pub(crate) fn assert_bare_with_scope(&self, scope: &str) {
        let challenge = format!(r#"Bearer realm="https://api.example.test", scope="{scope}""#);
        self.assert_refused(StatusCode::UNAUTHORIZED, &challenge);
    }

    /// `400 IR`.
    #[track_caller]
    pub(crate) fn assert_invalid_request(&self) {
        self.assert_refused(
            StatusCode::BAD_REQUEST,
            r#"Bearer realm="https://api.example.test", error="invalid_request", error_description="The credentials of the request are malformed, or there is more than one""#,
        );
    }

    /// `401 IT`.
    #[track_caller]
    pub(crate) fn assert_invalid_token(&self) {
        self.assert_refused(StatusCode::UNAUTHORIZED, INVALID_TOKEN);
    }

    /// `403 IS`.
    #[track_caller]
    pub(crate) fn assert_insufficient_scope(&self, scope: &str) {
        self.assert_refused(
            StatusCode::FORBIDDEN,
            &format!(
                r#"Bearer realm="https://api.example.test", error="insufficient_scope", error_description="The request needs more than the access token grants", scope="{scope}""#
            ),
        );
    }

    /// 503, and nothing that makes a client throw its token away.
    #[track_caller]
    pub(crate) fn assert_keys_unavailable(&self) {
        assert_eq!((self.status, self.challenge()), (StatusCode::SERVICE_UNAVAILABLE, None));
        let seconds: u64 = self.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }

    #[track_caller]
    fn assert_refused(&self, status: StatusCode, challenge: &str) {
        assert_eq!((self.status, self.challenge()), (status, Some(challenge)));
        assert_eq!(self.headers.get_all(WWW_AUTHENTICATE).iter().count(), 1);
        assert_eq!(self.headers["cache-control"], "no-store");
    }
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

/// Sends `GET /me` with this token.
pub(crate) async fn present(app: &Router, token: &str) -> Answer {
    send(app, "/me", [format!("Bearer {token}").as_bytes()]).await
}

/// Each of these tokens gets the resource; what it is stands before it.
pub(crate) async fn assert_accepted<W: Display>(app: &Router, tokens: impl IntoIterator<Item = (W, String)>) {
    for (what, token) in tokens {
        let answer = present(app, &token).await;
        assert_eq!((answer.status, answer.challenge()), (StatusCode::OK, None), "{what}");
    }
}

/// Each of these tokens gets `401 IT`; what it is stands before it.
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
