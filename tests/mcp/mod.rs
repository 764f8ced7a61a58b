//! Requirements for each operation of an MCP server.

mod authorization;
mod bodies;
mod differences;
mod mirrored_headers;
mod operations;
mod sessions;
mod stacks;
mod wire;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use tower::ServiceExt;
use tower_bearer::Require;
use tower_bearer::mcp::Operations;
use tower_bearer::testing::TestIssuer;

use crate::harness::{AUDIENCE, Answer, server, small_issuer};

/// A server behind the layer, and what has reached it.
struct Rig {
    issuer: TestIssuer,
    app: Router,
    reached: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl Rig {
    fn new(operations: Operations) -> Self {
        Self::with_answer(operations, &[])
    }

    /// The inner service answers with these headers.
    fn with_answer(operations: Operations, answer: &'static [(&'static str, &'static str)]) -> Self {
        let issuer = small_issuer();
        let reached = Arc::default();
        let handler = async move |State(reached): State<Arc<Mutex<Vec<_>>>>, headers: HeaderMap, body: Bytes| {
            reached.lock().unwrap().push((headers, body));
            let mut response = Response::new(Body::empty());
            for (name, value) in answer {
                response.headers_mut().append(*name, value.parse().unwrap());
            }
            response
        };
        let app = Router::new()
            .route("/", any(handler))
            .layer(operations)
            .layer(server(&issuer).layer())
            .with_state(Arc::clone(&reached));
        Self { issuer, app, reached }
    }

    fn token(&self, scope: &str) -> String {
        self.token_of("alice", scope)
    }

    fn token_of(&self, subject: &str, scope: &str) -> String {
        let token = self.issuer.token().audience(AUDIENCE).subject(subject);
        if scope.is_empty() { token.sign() } else { token.scope(scope).sign() }
    }

    async fn send(&self, token: &str, mut request: Request<Body>) -> Answer {
        request.headers_mut().append(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        let response = self.app.clone().oneshot(request).await.unwrap();
        Answer { status: response.status(), headers: response.headers().clone() }
    }

    async fn post(&self, token: &str, body: impl Into<Body>) -> Answer {
        self.send(token, post(body)).await
    }

    /// How many requests have reached the server.
    fn reached(&self) -> usize {
        self.reached.lock().unwrap().len()
    }
}

fn post(body: impl Into<Body>) -> Request<Body> {
    Request::post("/").header("content-type", "application/json").body(body.into()).unwrap()
}

/// Two tools that need more than others, and a method.
fn operations() -> Operations {
    Operations::new()
        .tool("delete_*", Require::scope("read write"))
        .tool("delete_draft", Require::scope("read drafts"))
        .method("resources/*", Require::scope("read resources"))
        .otherwise(Require::scope("read"))
}

fn call(tool: &str) -> String {
    serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}})
        .to_string()
}

fn message(method: &str) -> String {
    serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string()
}
