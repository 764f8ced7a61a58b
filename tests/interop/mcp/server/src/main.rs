//! An MCP server for the conformance suite of the MCP project: the same service without protection, and behind three layers.
//!
//! Its one argument is the URL of the issuer to trust. It prints a line for each location, and serves until it is killed:
//! `open` needs no token, `protected` a token, `dpop` a token that is bound to a key, and `nonces` a nonce in its proof too. The
//! audience of each is its own URL.

#![expect(deprecated, reason = "revisions of the protocol before 2026-07-28 have logging and sampling")]

mod fixtures;
mod input;
mod tools;

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tower_bearer::dpop::{Dpop, Nonces};
use tower_bearer::metadata::Metadata;
use tower_bearer::{Issuer, ResourceServer};

use crate::fixtures::Fixtures;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = std::env::args().nth(1).ok_or("the first argument is the URL of the issuer")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let required = Dpop::at(&origin)?.required();
    let with_nonces = required.clone().nonces(Nonces::random());
    let router = Router::new()
        .nest_service("/open", service())
        .merge(protected(&issuer, &format!("{origin}/protected"), None)?)
        .merge(protected(&issuer, &format!("{origin}/dpop"), Some(required))?)
        .merge(protected(&issuer, &format!("{origin}/nonces"), Some(with_nonces))?);
    for name in ["open", "protected", "dpop", "nonces"] {
        println!("{name}: {origin}/{name}");
    }
    axum::serve(listener, router).await?;
    Ok(())
}

/// The service at this URL, with its metadata.
fn protected(issuer: &str, url: &str, dpop: Option<Dpop>) -> Result<Router, Box<dyn Error>> {
    let mut builder = ResourceServer::builder(url).trust(Issuer::discover(issuer)?).metadata(Metadata::new());
    if let Some(dpop) = dpop {
        builder = builder.dpop(dpop);
    }
    let server = builder.build()?;
    let path = format!("/{}", url.rsplit('/').next().unwrap_or_default());
    let router = Router::new().nest_service(&path, service()).layer(server.layer());
    let metadata = server.metadata().ok_or("the server has metadata")?;
    Ok(router.route_service(metadata.path(), metadata.service()))
}

/// Its sessions are its own, as they are where each of these is a server.
fn service() -> StreamableHttpService<Fixtures, LocalSessionManager> {
    let sessions = Arc::new(LocalSessionManager::default());
    StreamableHttpService::new(|| Ok(Fixtures), sessions, StreamableHttpServerConfig::default())
}
