//! The MCP server, protected: what you would copy.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tower_bearer::metadata::Metadata;
use tower_bearer::{Issuer, ResourceServer};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::files::Files;
use crate::operations;

/// `url` is where clients reach the server, and so the audience of its tokens.
pub(crate) fn router(url: &str, issuer: Issuer) -> Result<Router, Box<dyn Error>> {
    let api = ResourceServer::builder(url)
        .trust(issuer)
        // The two servers are on one machine, so they have one clock. Otherwise leave it out.
        .leeway(Duration::ZERO)
        // What a client starts with. Others are named when a tool needs them.
        .metadata(Metadata::new().resource_name("Files").scopes_supported(["files:read"]))
        .build()?;

    // Without sessions: every request brings its token, so there is nothing that could belong to another user.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_allowed_hosts(["127.0.0.1", "localhost"])
        .with_allowed_origins(["http://127.0.0.1:*", "http://localhost:*"]);
    let files = Files::default();
    let mcp = StreamableHttpService::new(move || Ok(files.clone()), Arc::new(NeverSessionManager::default()), config);

    let metadata = api.metadata().ok_or("it has metadata")?;
    Ok(Router::new()
        .route_service("/mcp", mcp)
        .layer(from_fn_with_state(api.clone(), operations::check))
        .layer(api.layer().challenge_scope("files:read".parse()?))
        // Outside the protecting layer: clients read it before they have a token, at the path or at the root.
        .route_service(metadata.path(), metadata.service())
        .route_service("/.well-known/oauth-protected-resource", metadata.service())
        // Outside of everything: preflights bring no token, and pages have to read refusals too.
        .layer(cors()))
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_on_this_machine))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static("mcp-method"),
            HeaderName::from_static("mcp-name"),
            HeaderName::from_static("mcp-protocol-version"),
            HeaderName::from_static("mcp-session-id"),
        ])
        .expose_headers([WWW_AUTHENTICATE, HeaderName::from_static("mcp-session-id")])
}

/// As the origins that the MCP service allows.
fn is_on_this_machine(origin: &HeaderValue, _: &Parts) -> bool {
    let origin = origin.as_bytes();
    origin.starts_with(b"http://127.0.0.1:") || origin.starts_with(b"http://localhost:")
}
