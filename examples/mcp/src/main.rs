//! An MCP server whose tools need different scopes, with the authorization server of the example `me` as its issuer.
//!
//! ```text
//! cargo run -p mcp              # serves both; give a client the URL of the MCP server
//! cargo run -p mcp -- --once    # a client walks through the whole flow, step by step
//! ```
//!
//! A client knows only the URL of the MCP server. The 401 to its first request names the metadata (RFC 9728), which names the
//! authorization server. There the client registers itself (RFC 7591), the user signs in as `alice` with the password `wonderland`,
//! and the client gets an access token for this server (RFC 8707). When a tool needs more, the 403 names the scopes.
//!
//! | tool | needs |
//! |---|---|
//! | `whoami` | any valid token |
//! | `list_files`, `watch_files` and everything else | `files:read` |
//! | `delete_file` | `files:write` |
//!
//! `watch_files` runs until the token expires: the layer then ends the stream, and the client continues with a new token.
//!
//! Copy `server.rs` to start your own; `files.rs` has the tools. The authorization server is only for development.

mod files;
mod server;
mod walk;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use clap::Parser;
use me::authorization_server::{AuthorizationServer, Settings};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::cors::Any;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::walk::Walk;

/// An MCP server that is protected with tower-bearer, and an authorization server for development
#[derive(Parser)]
struct Arguments {
    /// The address that the MCP server listens on; port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How long access tokens are valid
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    token_lifetime: u64,
    /// Walk through the whole sequence as a client, and exit, with status 0 if every step went as expected
    #[arg(long)]
    once: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    // rmcp logs an error when its client is refused, and when nobody waits for the result of a tool any more.
    let targets = ["rmcp::service", "rmcp::transport::worker"].map(|target| (target, LevelFilter::OFF));
    let targets = Targets::new().with_default(Level::WARN).with_targets(targets);
    let log = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(log).with(targets).init();
    run(&Arguments::parse()).await.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

async fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let listener = TcpListener::bind(arguments.listen).await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    let at_authorization_server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let issuer = format!("http://{}", at_authorization_server.local_addr()?);

    let settings = Settings::new(&issuer, &url, &"files:read files:write".parse()?);
    let authorization_server = AuthorizationServer::new(settings);
    authorization_server.set_token_lifetime(Duration::from_secs(arguments.token_lifetime));
    let router = server::router(&url, authorization_server.issuer())?;
    // Any page may be a client.
    serve(at_authorization_server, Arc::clone(&authorization_server).router(Any));
    let serving = serve(listener, router);
    println!("MCP server: {url}");
    println!("authorization server: {issuer}");

    if arguments.once {
        let walk = Walk { url: &url, server: &authorization_server };
        return Ok(if walk.run().await? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    serving.await??;
    Ok(ExitCode::SUCCESS)
}

fn serve(listener: TcpListener, router: Router) -> JoinHandle<io::Result<()>> {
    tokio::spawn(axum::serve(listener, router).into_future())
}
