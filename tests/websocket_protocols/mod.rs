//! Tokens among the subprotocols of a WebSocket handshake: one place, one spelling, one token.

mod after;
mod base64url;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, CACHE_CONTROL, HOST, HeaderValue, ORIGIN, SEC_WEBSOCKET_PROTOCOL, UPGRADE, VARY};
use http::{Request, StatusCode, request};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_bearer::AccessToken;
use tower_bearer::credentials::TokenSource;
use tower_bearer::layer::ProtectLayer;
use tower_bearer::testing::TestIssuer;

use crate::harness::{Answer, good, server, small_issuer};

const KUBERNETES: &str = "base64url.bearer.authorization.k8s.io";

struct Fixture {
    issuer: TestIssuer,
    token: String,
    app: Router,
}

impl Fixture {
    fn new(sources: impl IntoIterator<Item = TokenSource>) -> Self {
        let issuer = small_issuer();
        let layer = sources.into_iter().fold(server(&issuer).layer(), ProtectLayer::token_from);
        let app = Router::new().route("/", get(async |_: AccessToken| "live")).layer(layer);
        Self { token: good(&issuer).sign(), issuer, app }
    }

    fn after() -> Self {
        Self::new([TokenSource::websocket_protocol_after("bearer")])
    }

    fn base64url() -> Self {
        Self::new([TokenSource::websocket_protocol_base64url(KUBERNETES)])
    }

    /// The answer to a handshake that offers this, a line each.
    async fn offer(&self, lines: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Answer {
        let response = self.app.clone().oneshot(handshake(lines)).await.unwrap();
        Answer { status: response.status(), headers: response.headers().clone() }
    }
}

fn handshake(lines: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    for line in lines {
        request.headers_mut().append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_bytes(line.as_ref()).unwrap());
    }
    request
}

/// The subprotocol of Kubernetes that holds this.
fn encoded(token: impl AsRef<[u8]>) -> String {
    format!("{KUBERNETES}.{}", URL_SAFE_NO_PAD.encode(token))
}

/// A subprotocol is what the client has written (RFC 6455 §4.1), and not what resembles it.
#[tokio::test]
async fn names_of_subprotocols_compare_exactly() {
    let after = Fixture::after();
    let token = &after.token;
    for name in ["Bearer", "BEARER", "bearerx", "xbearer", "bearer.", "bear", "be arer", "\"bearer\"", "bearer;", "*"] {
        after.offer([format!("{name}, {token}")]).await.assert_bare();
    }
    for line in [token.clone(), format!("bearer.{token}"), format!("chat, {token}"), String::new()] {
        after.offer([line]).await.assert_bare();
    }
    let capital = Fixture::new([TokenSource::websocket_protocol_after("Bearer")]);
    capital.offer([format!("Bearer, {}", capital.token)]).await.assert_ok();
    capital.offer([format!("bearer, {}", capital.token)]).await.assert_bare();

    let kubernetes = Fixture::base64url();
    let offered = encoded(&kubernetes.token);
    for other in [
        offered.to_uppercase(),
        offered.replacen("base64url", "Base64Url", 1),
        offered.replacen("base64url", "xbase64url", 1),
        offered.replacen(".k8s.io.", ".k8s.io", 1),
        offered.replacen(".k8s.io.", ".", 1),
        KUBERNETES.to_owned(),
    ] {
        kubernetes.offer([format!("chat, {other}")]).await.assert_bare();
    }
}

/// Row A10.
#[tokio::test]
async fn tokens_in_two_forms_are_two_credentials() {
    let fixture = Fixture::new([
        TokenSource::websocket_protocol("bearer"),
        TokenSource::websocket_protocol_after("bearer"),
        TokenSource::websocket_protocol_base64url(KUBERNETES),
    ]);
    let token = &fixture.token;
    let forms = [format!("bearer.{token}"), format!("bearer, {token}"), encoded(token)];
    for (at, one) in forms.iter().enumerate() {
        fixture.offer([one]).await.assert_ok();
        for other in &forms[at..] {
            fixture.offer([format!("{one}, {other}")]).await.assert_invalid_request();
            fixture.offer([one, other]).await.assert_invalid_request();
        }
        let mut request = handshake([one]);
        request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        assert_eq!(fixture.app.clone().oneshot(request).await.unwrap().status(), StatusCode::BAD_REQUEST);
    }
    // One subprotocol in two forms at once.
    fixture.offer([format!("bearer, bearer.{token}")]).await.assert_invalid_request();
    fixture.offer([format!("bearer, {}", encoded(token))]).await.assert_invalid_request();
}

#[tokio::test]
async fn a_token_over_16_kib_is_refused_in_each_form() {
    let after = Fixture::after();
    let kubernetes = Fixture::base64url();
    for length in [16 * 1024, 16 * 1024 + 1, 1 << 20] {
        let long = "x".repeat(length);
        after.offer([format!("bearer, {long}")]).await.assert_invalid_token();
        kubernetes.offer([encoded(&long)]).await.assert_invalid_token();
    }
    // The bound concerns the token, and not the header around it, nor the token's encoded form.
    let others: Vec<_> = (0..2000).map(|number| format!("chat{number}")).collect();
    let others = others.join(", ");
    after.offer([format!("{others}, bearer, {}, {others}", after.token)]).await.assert_ok();
    kubernetes.offer([format!("{others}, {}, {others}", encoded(&kubernetes.token))]).await.assert_ok();
    let large = good(&kubernetes.issuer).claim("x", "x".repeat(11_000)).sign();
    assert!(large.len() < 16 * 1024 && encoded(&large).len() > 16 * 1024);
    kubernetes.offer([encoded(&large)]).await.assert_ok();
}

/// Rows A11, A20, B6.
#[tokio::test]
async fn answers_are_private_and_inner_layers_do_not_print_the_token() {
    let issuer = small_issuer();
    let shown = async |parts: request::Parts| format!("{:?}", parts.headers);
    let layer = server(&issuer)
        .layer()
        .token_from(TokenSource::websocket_protocol_after("bearer"))
        .token_from(TokenSource::websocket_protocol_base64url(KUBERNETES));
    let app = Router::new().route("/", get(shown)).layer(layer);
    let token = good(&issuer).sign();
    for lines in [vec![format!("bearer, {token}")], vec!["bearer".into(), token.clone()], vec![encoded(&token)]] {
        let response = app.clone().oneshot(handshake(&lines)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CACHE_CONTROL], "private");
        assert_eq!(response.headers()[VARY], "sec-websocket-protocol");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body);
        assert_eq!(body.matches("Sensitive").count(), lines.len(), "{body}");
        assert!(!body.contains("eyJ") && !body.contains(KUBERNETES), "{body}");
    }
}

/// A page of another site has no token to offer, so the check is off by default.
#[tokio::test]
async fn handshakes_from_other_sites_pass_unless_refused() {
    let issuer = small_issuer();
    let token = good(&issuer).sign();
    let from_elsewhere = async |source: TokenSource, offered: &str| {
        let app = Router::new().route("/", any(async || ())).layer(server(&issuer).layer().token_from(source));
        let request = Request::get("/").header(HOST, "api.example.com").header(UPGRADE, "websocket");
        let request = request.header(ORIGIN, "https://other.example.test").header(SEC_WEBSOCKET_PROTOCOL, offered);
        app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    };
    for (source, offered) in [
        (TokenSource::websocket_protocol("bearer"), format!("bearer.{token}")),
        (TokenSource::websocket_protocol_after("bearer"), format!("bearer, {token}")),
        (TokenSource::websocket_protocol_base64url(KUBERNETES), encoded(&token)),
    ] {
        assert_eq!(from_elsewhere(source.clone(), &offered).await, StatusCode::OK);
        assert_eq!(from_elsewhere(source.refuse_cross_site(), &offered).await, StatusCode::FORBIDDEN);
    }
}

#[test]
fn a_source_must_be_able_to_match_a_subprotocol() {
    for bad in ["", "a b", "a,b", "a;b", "bearer\u{e9}", "\"bearer\"", "a/b", "a\n"] {
        let error = TokenSource::try_websocket_protocol_after(bad).unwrap_err();
        assert_eq!(error.to_string(), format!("expected the name of a WebSocket subprotocol, found {bad:?}"));
    }
    for bad in ["", "a b", "a,b", "bearer.", "."] {
        let expected =
            format!("expected the start of a WebSocket subprotocol, without the dot before the token, found {bad:?}");
        assert_eq!(TokenSource::try_websocket_protocol(bad).unwrap_err().to_string(), expected);
        assert_eq!(TokenSource::try_websocket_protocol_base64url(bad).unwrap_err().to_string(), expected);
    }
    // A name may end with a dot.
    assert!(TokenSource::try_websocket_protocol_after("bearer.").is_ok());
}

#[test]
#[should_panic(expected = "expected the start of a WebSocket subprotocol")]
fn a_prefix_of_two_words_panics() {
    let _ = TokenSource::websocket_protocol("a b");
}

/// As a copy of the constant in the sources of Kubernetes does.
#[test]
#[should_panic(expected = "without the dot before the token")]
fn a_base64url_prefix_that_ends_with_a_dot_panics() {
    let _ = TokenSource::websocket_protocol_base64url("base64url.bearer.authorization.k8s.io.");
}

#[test]
#[should_panic(expected = "expected the name of a WebSocket subprotocol")]
fn a_name_of_two_words_panics() {
    let _ = TokenSource::websocket_protocol_after("a b");
}
