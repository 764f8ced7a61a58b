//! Which scope an operation needs.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::Value;
use tower_bearer::{AccessToken, Require, ResourceServer};

const MAX_BODY: usize = 1024 * 1024;

/// Every operation needs `files:read`, but for `whoami`; what deletes needs `files:write`.
pub(crate) async fn check(
    State(api): State<ResourceServer>,
    token: AccessToken,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let requirement = match message["params"]["name"].as_str() {
        Some("whoami") if message["method"] == "tools/call" => None,
        Some(name) if name.starts_with("delete_") => Some(Require::scope("files:write")),
        _ => Some(Require::scope("files:read")),
    };
    if let Some(Err(rejection)) = requirement.map(|requirement| api.check(&token, &requirement)) {
        return rejection.into_response();
    }
    next.run(Request::from_parts(head, Body::from(body))).await
}
