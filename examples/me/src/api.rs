//! The API, and what protects it.

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use tower_bearer::dpop::{EXPOSED_HEADERS, PeerAddress};
use tower_bearer::require::AcrValues;
use tower_bearer::{AccessToken, Require, ResourceServer, Scope};
use tower_http::cors::CorsLayer;

use crate::revocation::Feeds;

/// What the API needs of a token.
pub(crate) struct Needs {
    /// For everything.
    pub(crate) scope: Scope,
    /// For a transfer, as the next.
    pub(crate) acr: Option<AcrValues>,
    pub(crate) max_age: Option<Duration>,
}

impl Needs {
    fn transfer(&self) -> Require {
        let mut requirement = Require::from(self.scope.clone());
        if let Some(values) = &self.acr {
            requirement = requirement.and_acr_values(values.clone());
        }
        if let Some(age) = self.max_age {
            requirement = requirement.and_max_age(age);
        }
        requirement
    }
}

pub(crate) fn router(
    server: &ResourceServer,
    needs: &Needs,
    feeds: Option<&Feeds>,
    origins: Vec<HeaderValue>,
) -> Router {
    let mut app = Router::new()
        .route("/api/me", get(me).layer(Require::from(needs.scope.clone())))
        .route("/api/transfer", get(transfer).post(transfer).layer(needs.transfer()))
        .route_layer(server.layer().challenge_scope(needs.scope.clone()))
        .route("/healthz", get(async || "ok\n"));
    if let Some(metadata) = server.metadata() {
        app = app.route_service(metadata.path(), metadata.service());
    }
    if !origins.is_empty() {
        // Outside the protecting layer: preflights bring no token, and refusals have to be readable too.
        app = app.layer(
            CorsLayer::new()
                .allow_origin(origins)
                .allow_methods([Method::GET, Method::POST])
                .allow_headers([AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("dpop")])
                .expose_headers(EXPOSED_HEADERS),
        );
    }
    // No page has any business there.
    if let Some(feeds) = feeds {
        app = app.merge(feeds.endpoints.clone());
    }
    app.layer(from_fn(peer_address))
}

/// Tells the protecting layer whether a request comes from a proxy that it trusts.
async fn peer_address(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(PeerAddress(peer.ip()));
    next.run(request).await
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

async fn transfer(token: AccessToken) -> Json<Value> {
    Json(json!({
        "transferred_by": token.subject(),
        "acr": token.acr(),
        "auth_time": token.auth_time().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_secs()),
    }))
}
