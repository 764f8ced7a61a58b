//! The API: what it serves, and what protects it.

use std::time::UNIX_EPOCH;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_bearer::{AccessToken, Require, ResourceServer, Scope};

pub(crate) fn router(server: &ResourceServer, scope: Scope) -> Router {
    let protected = Router::new().route("/api/me", get(me).layer(Require::from(scope))).route_layer(server.layer());
    Router::new().route("/healthz", get(async || "ok\n")).merge(protected)
}

async fn me(token: AccessToken) -> Json<Value> {
    Json(json!({
        "subject": token.subject(),
        "client": token.client_id(),
        "scopes": token.scope().iter().collect::<Vec<_>>(),
        "issuer": token.issuer(),
        // Seconds since 1970, like `exp`.
        "expires_at": token.expires_at().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
    }))
}
