//! The client app: a page without a build step, and the origin it comes from.

use axum::Router;
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use serde_json::json;
use tower::ServiceBuilder;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::authorization_server::{AuthorizationServer, clients};

/// Where the page is, and what it needs to know.
pub(crate) struct ClientApp<'a> {
    pub(crate) redirect_uri: &'a str,
    pub(crate) api: &'a str,
    pub(crate) audience: &'a str,
}

impl ClientApp<'_> {
    pub(crate) fn router(&self, server: &AuthorizationServer) -> Router {
        let metadata = server.issuer.metadata();
        let issuer = server.issuer.url();
        let config = json!({
            "issuer": issuer,
            "authorization_endpoint": metadata["authorization_endpoint"],
            "token_endpoint": metadata["token_endpoint"],
            "revocation_endpoint": metadata["revocation_endpoint"],
            "client_id": clients::APP,
            "redirect_uri": self.redirect_uri,
            "scope": server.scopes.as_str(),
            "api": self.api,
            "audience": self.audience,
        });
        // No script but its own file, and nobody to talk to but the two servers.
        let policy = format!(
            "default-src 'self'; connect-src 'self' {issuer} {}; img-src 'self' data:; frame-ancestors 'none'; \
             base-uri 'none'; form-action 'none'; object-src 'none'",
            self.api
        );
        let policy = HeaderValue::try_from(policy).expect("origins are printable");
        let fixed = |name, value| SetResponseHeaderLayer::overriding(name, value);
        Router::new()
            .route("/", get(async || file("text/html; charset=utf-8", include_str!("../app/index.html"))))
            .route("/app.js", get(async || file("text/javascript; charset=utf-8", include_str!("../app/app.js"))))
            .route("/icon.svg", get(icon))
            .route("/style.css", get(style))
            .route("/config.json", get(async move || Json(config)))
            .layer(
                ServiceBuilder::new()
                    .layer(fixed(CONTENT_SECURITY_POLICY, policy))
                    .layer(fixed(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
                    .layer(fixed(REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
                    .layer(fixed(CACHE_CONTROL, HeaderValue::from_static("no-store"))),
            )
    }
}

/// The authorization server's pages share this and the next.
pub(crate) async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("../app/style.css"))
}

pub(crate) async fn icon() -> impl IntoResponse {
    file("image/svg+xml", include_str!("../app/icon.svg"))
}

fn file(content_type: &'static str, content: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, content_type)], content)
}
