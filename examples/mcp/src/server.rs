//! The protected MCP server: copy this to start your own.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::request::Parts;
use http::{HeaderValue, Method};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tower_bearer::mcp::{Operations, REQUEST_HEADERS, RESPONSE_HEADERS};
use tower_bearer::metadata::Metadata;
use tower_bearer::{Issuer, Require, ResourceServer};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::files::Files;

/// `url` is where clients reach the server, and so the audience of its tokens.
pub(crate) fn router(url: &str, issuer: Issuer) -> Result<Router, Box<dyn Error>> {
    let api = ResourceServer::builder(url)
        .trust(issuer)
        // The two servers are on one machine, so they have one clock. Otherwise leave it out.
        .leeway(Duration::ZERO)
        // What a client starts with. Others are named when a tool needs them.
        .metadata(Metadata::new().resource_name("Files").scopes_supported(["files:read"]))
        .build()?;
    let operations = Operations::new()
        .tool("list_files", Require::scope("files:read"))
        .tool("watch_files", Require::scope("files:read"))
        .tool("delete_*", Require::scope("files:write"))
        .tool("whoami", Require::token())
        // For a tool that nobody has listed here: everything.
        .method("tools/call", Require::scope("files:read files:write"))
        .otherwise(Require::scope("files:read"));
    // The scope is for a client without a token: what a token needs is said by `operations`.
    let protect = api.layer().challenge_scope("files:read".parse()?).end_with_token();

    // `layer` would have every other path answer 401, in place of 404.
    let router = Router::new().route_service("/mcp", files()).route_layer(operations).route_layer(protect);
    // Outside the protecting layer: preflights bring no token, and pages have to read refusals too.
    let mut router = router.layer(cors());
    // Outside both: clients read it before they have a token, and it allows all origins by itself.
    let metadata = api.metadata().ok_or("the server has no metadata")?;
    for path in metadata.paths() {
        router = router.route_service(path, metadata.service());
    }
    Ok(router)
}

/// Without sessions: every request brings its token, so there is nothing that could belong to another user.
fn files() -> StreamableHttpService<Files, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_allowed_hosts(["127.0.0.1", "localhost"])
        .with_allowed_origins(["http://127.0.0.1:*", "http://localhost:*"]);
    let files = Files::default();
    StreamableHttpService::new(move || Ok(files.clone()), Arc::default(), config)
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_on_this_machine))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(REQUEST_HEADERS)
        .expose_headers(RESPONSE_HEADERS)
}

/// As the origins that the MCP service allows.
fn is_on_this_machine(origin: &HeaderValue, _: &Parts) -> bool {
    let origin = origin.as_bytes();
    origin.starts_with(b"http://127.0.0.1:") || origin.starts_with(b"http://localhost:")
}
