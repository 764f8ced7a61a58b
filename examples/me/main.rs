//! A resource server with one protected resource, `GET /api/me`, and one open one, `GET /healthz`.
//!
//! Without flags it brings its own issuer, shows what the API answers to four requests, and serves on. With `--issuer` it
//! protects the API for a real one.

mod api;
mod demonstration;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use tokio::net::TcpListener;
use tower_bearer::testing::TestIssuer;
use tower_bearer::token::Profile;
use tower_bearer::{Issuer, ResourceServer, Scope};

/// A resource server with one protected resource, GET /api/me
#[derive(Parser)]
struct Arguments {
    /// The issuer to trust, by its URL (http for this machine alone); without it, the example brings its own
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The audience that tokens must carry
    #[arg(long, default_value = "https://api.example.test")]
    audience: String,
    /// The scope that /api/me needs
    #[arg(long, default_value = "read:me")]
    scope: Scope,
    /// The address to listen on; port 0 is a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How closely tokens must follow RFC 9068
    #[arg(long, value_enum, default_value = "generic")]
    profile: ProfileName,
    /// End after the demonstration: with 0 if every answer was the expected one
    #[arg(long)]
    once: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ProfileName {
    Generic,
    Rfc9068,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Generic => Self::Generic,
            ProfileName::Rfc9068 => Self::Rfc9068,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).init();
    run(Arguments::parse()).await.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let own_issuer = arguments.issuer.is_none().then(TestIssuer::start);
    let issuer = match (&arguments.issuer, &own_issuer) {
        (Some(url), _) => Issuer::discover(url)?,
        (None, Some(own)) => own.issuer(),
        (None, None) => unreachable!("one of the two is there"),
    };
    let server =
        ResourceServer::builder(&arguments.audience).trust(issuer).profile(arguments.profile.into()).build()?;

    let listener = TcpListener::bind(arguments.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let serving = tokio::spawn(axum::serve(listener, api::router(&server, arguments.scope.clone())).into_future());
    println!("The API is at {url}/api/me\n");

    let as_expected = demonstration::run(&url, own_issuer.as_ref(), &arguments.audience, &arguments.scope).await?;
    if arguments.once {
        return Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    serving.await??;
    Ok(ExitCode::SUCCESS)
}
