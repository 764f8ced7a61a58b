//! Attacks on the requirements of operations, with a real MCP server of `rmcp` behind the layer.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod forms;
mod sessions;
mod tools;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tower::ServiceExt;
use tower_bearer::mcp::Operations;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Require, ResourceServer};

use crate::tools::{Calls, Tools};

const AUDIENCE: &str = "https://mcp.example.test/mcp";

/// An MCP server behind the layer, with sessions for clients of older revisions.
struct Server {
    issuer: TestIssuer,
    app: Router,
    calls: Calls,
}

/// Whether the layer trusts the headers that repeat the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trusts {
    Headers,
    TheBodyAlone,
}

/// Whether the MCP server has sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sessions {
    On,
    Off,
}

impl Server {
    fn start(trusts: Trusts, sessions: Sessions) -> Self {
        let issuer = TestIssuer::start();
        let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).build().unwrap();
        let calls = Calls::default();
        let tools = Tools::new(calls.clone());
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(sessions == Sessions::On)
            .with_json_response(true)
            .with_sse_keep_alive(None);
        let manager = Arc::new(LocalSessionManager::default());
        let service = StreamableHttpService::new(move || Ok(tools.clone()), manager, config);
        let operations = Operations::new()
            .tool("delete_*", Require::scope("files:write"))
            .method("resources/*", Require::scope("resources"))
            .otherwise(Require::scope("files:read"));
        let operations = match trusts {
            Trusts::Headers => operations.inner_verifies_headers(),
            Trusts::TheBodyAlone => operations,
        };
        let app = Router::new().route_service("/mcp", service).layer(operations).layer(api.layer());
        Self { issuer, app, calls }
    }

    fn token(&self, subject: &str, scope: &str) -> String {
        self.issuer.token().audience(AUDIENCE).subject(subject).scope(scope).sign()
    }

    async fn send(&self, token: &str, request: Request<Body>) -> Response<Body> {
        let mut request = request;
        request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        self.app.clone().oneshot(request).await.unwrap()
    }
}

/// A request as a client makes it, apart from what an attack changes.
fn request(method: Method, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri("http://localhost/mcp")
        .header("host", "localhost")
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json, text/event-stream")
        .body(body.into())
        .unwrap()
}

/// The whole body, as text.
async fn text(response: Response<Body>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}
