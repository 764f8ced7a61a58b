//! An MCP server for the conformance suite of the MCP project: the same service without protection, and behind layers.
//!
//! The first argument is the URL of the issuer to trust, the second one the address to listen on, if it matters. It prints a line for
//! each location, and serves until it is killed. The audience of each is its own URL.
//!
//! | location | needs |
//! |---|---|
//! | `open` | nothing |
//! | `protected` | a token, and its scope `tools` for the tools |
//! | `headers` | the same, read from the headers where that is possible, since the service compares them with the body |
//! | `dpop` | a token that is bound to a key |
//! | `nonces` | one with a nonce in its proof, too |

#![expect(deprecated, reason = "revisions of the protocol before 2026-07-28 have logging and sampling")]

mod fixtures;
mod input;
mod tools;

use std::env;
use std::error::Error;
use std::sync::Arc;

use axum::Router;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tower_bearer::dpop::{Dpop, Nonces};
use tower_bearer::mcp::Operations;
use tower_bearer::metadata::Metadata;
use tower_bearer::{Issuer, Require, ResourceServer};

use crate::fixtures::Fixtures;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = Issuer::discover(&env::args().nth(1).ok_or("the first argument is the URL of the issuer")?)?;
    let listener = TcpListener::bind(env::args().nth(2).as_deref().unwrap_or("127.0.0.1:0")).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let metadata = || Metadata::new().scopes_supported(["tools"]);
    let server =
        |name: &str| ResourceServer::builder(format!("{origin}/{name}")).trust(issuer.clone()).metadata(metadata());
    let operations = || Operations::new().tool("*", Require::scope("tools")).otherwise(Require::token());
    let with_proofs = Dpop::at(&origin)?.required();
    let with_nonces = with_proofs.clone().nonces(Nonces::random());

    let router = Router::new()
        .nest_service("/open", service())
        .merge(at("protected", &server("protected").build()?, operations())?)
        .merge(at("headers", &server("headers").build()?, operations().inner_verifies_headers())?)
        .merge(at("dpop", &server("dpop").dpop(with_proofs).build()?, operations())?)
        .merge(at("nonces", &server("nonces").dpop(with_nonces).build()?, operations())?);
    for name in ["open", "protected", "headers", "dpop", "nonces"] {
        println!("{name}: {origin}/{name}");
    }
    axum::serve(listener, router).await?;
    Ok(())
}

/// The service behind the layers, and the metadata.
fn at(name: &str, server: &ResourceServer, operations: Operations) -> Result<Router, Box<dyn Error>> {
    let metadata = server.metadata().ok_or("the server has metadata")?;
    let router = Router::new().nest_service(&format!("/{name}"), service());
    let router = router.layer(operations).layer(server.layer());
    Ok(router.route_service(metadata.path(), metadata.service()))
}

/// Its sessions are its own, as they are where each of these is a server.
fn service() -> StreamableHttpService<Fixtures, LocalSessionManager> {
    let sessions = Arc::new(LocalSessionManager::default());
    StreamableHttpService::new(|| Ok(Fixtures), sessions, StreamableHttpServerConfig::default())
}
