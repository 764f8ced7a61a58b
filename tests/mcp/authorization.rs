//! What the authorization of the Model Context Protocol requires of its server, as a client sees it.

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use tower_bearer::metadata::Metadata;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Require, ResourceServer};

use super::{call, message, operations, post};
use crate::harness::small_issuer;

const URL: &str = "https://mcp.example.com/mcp";

/// A protected server at `/mcp`, and its metadata.
struct Server {
    issuer: TestIssuer,
    app: Router,
}

impl Server {
    fn start() -> Self {
        let issuer = small_issuer();
        let metadata = Metadata::new().scopes_supported(["read"]);
        let api = ResourceServer::builder(URL).trust(issuer.issuer()).metadata(metadata).build().unwrap();
        let mut app = Router::new()
            .route("/mcp", any(async || [("mcp-session-id", "s")]))
            .route_layer(operations())
            .route_layer(api.layer().require(Require::scope("read")));
        let metadata = api.metadata().unwrap();
        for path in metadata.paths() {
            app = app.route_service(path, metadata.service());
        }
        Self { issuer, app }
    }

    async fn get(&self, path: &str) -> Response<Body> {
        self.app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn send(&self, path: &str, token: Option<&str>, request: Request<Body>) -> Response<Body> {
        let mut request = request;
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().extend(token.map(|it| (AUTHORIZATION, format!("Bearer {it}").parse().unwrap())));
        self.app.clone().oneshot(request).await.unwrap()
    }

    fn token(&self, scope: &str) -> String {
        self.issuer.token().audience(URL).scope(scope).sign()
    }
}

fn challenge(response: &Response<Body>) -> &str {
    response.headers()[WWW_AUTHENTICATE].to_str().unwrap()
}

const DOCUMENT: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

/// Rows P1, P2.
#[tokio::test]
async fn a_client_finds_the_authorization_server() {
    let server = Server::start();
    let refusal = server.send("/mcp", None, post(message("initialize"))).await;
    assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
    let named = challenge(&refusal).split("resource_metadata=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(named, DOCUMENT);
    // By the challenge, and without one: at the path of the server, and at the root.
    for path in [named.strip_prefix("https://mcp.example.com").unwrap(), "/.well-known/oauth-protected-resource"] {
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        let document = response.into_body().collect().await.unwrap().to_bytes();
        let document: Value = serde_json::from_slice(&document).unwrap();
        assert_eq!(document["resource"], URL);
        assert_eq!(document["authorization_servers"], serde_json::json!([server.issuer.url()]));
        assert_eq!(document["bearer_methods_supported"], serde_json::json!(["header"]));
    }
    assert_eq!(server.get("/.well-known/oauth-protected-resource/other").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(server.get("/other").await.status(), StatusCode::NOT_FOUND, "only the server is protected");
}

/// Rows P3, P5, P6, P9.
#[tokio::test]
async fn each_refusal_tells_what_to_ask_for() {
    let server = Server::start();
    let expired = server.issuer.token().audience(URL).expired_for(std::time::Duration::from_secs(3600)).sign();
    let start = format!(r#"Bearer realm="{URL}", resource_metadata="{DOCUMENT}""#);
    let insufficient =
        r#", error="insufficient_scope", error_description="The request needs more than the access token grants""#;
    for (token, body, status, rest) in [
        (None, call("list"), 401, r#", scope="read""#.to_owned()),
        (Some("no.token".to_owned()), call("list"), 401, invalid_token()),
        (Some(expired), call("list"), 401, invalid_token()),
        (Some(server.token("other")), call("list"), 403, format!(r#"{insufficient}, scope="read""#)),
        (Some(server.token("read")), call("delete_all"), 403, format!(r#"{insufficient}, scope="read write""#)),
        (Some(server.token("read")), call("delete_draft"), 403, format!(r#"{insufficient}, scope="read drafts""#)),
    ] {
        let refusal = server.send("/mcp", token.as_deref(), post(body)).await;
        assert_eq!((refusal.status().as_u16(), challenge(&refusal)), (status, &*format!("{start}{rest}")));
    }
    let malformed = server.send("/mcp", Some(&server.token("read")), post("no message")).await;
    assert_eq!(malformed.status(), StatusCode::BAD_REQUEST);
}

fn invalid_token() -> String {
    r#", error="invalid_token", error_description="The access token is malformed, expired, or not valid here""#
        .to_owned()
}

/// Row P4.
#[tokio::test]
async fn a_token_is_for_this_server_by_its_url() {
    let server = Server::start();
    for (audience, status) in [
        (URL, StatusCode::OK),
        ("https://mcp.example.com/mcp/", StatusCode::UNAUTHORIZED),
        ("https://mcp.example.com", StatusCode::UNAUTHORIZED),
        ("https://mcp.example.com/other", StatusCode::UNAUTHORIZED),
        ("https://other.example.com/mcp", StatusCode::UNAUTHORIZED),
        ("http://mcp.example.com/mcp", StatusCode::UNAUTHORIZED),
    ] {
        let token = server.issuer.token().audience(audience).scope("read").sign();
        assert_eq!(server.send("/mcp", Some(&token), post(call("list"))).await.status(), status, "{audience}");
    }
}

/// Row P7.
#[tokio::test]
async fn a_token_in_the_url_is_none() {
    let server = Server::start();
    let path = format!("/mcp?access_token={}", server.token("read"));
    let refusal = server.send(&path, None, post(call("list"))).await;
    assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
    assert!(!challenge(&refusal).contains("error="));
}

/// Row P10.
#[tokio::test]
async fn every_request_of_a_session_needs_a_token() {
    let server = Server::start();
    let token = server.token("read");
    let begun = server.send("/mcp", Some(&token), post(message("initialize"))).await;
    let session = begun.headers()["mcp-session-id"].clone();
    let within = || {
        let mut request = post(message("ping"));
        request.headers_mut().insert("mcp-session-id", session.clone());
        request
    };
    assert_eq!(server.send("/mcp", Some(&token), within()).await.status(), StatusCode::OK);
    let without = server.send("/mcp", None, within()).await;
    assert_eq!(without.status(), StatusCode::UNAUTHORIZED);
    assert!(!challenge(&without).contains("error="));
    let other = server.issuer.token().audience(URL).subject("another user").scope("read").sign();
    assert_eq!(server.send("/mcp", Some(&other), within()).await.status(), StatusCode::NOT_FOUND);
}
