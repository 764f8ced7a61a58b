//! A resource server: `GET /api/me` needs a scope, `/api/transfer` a stronger or more recent authentication too if told so,
//! and `GET /healthz` nothing. It serves its metadata (RFC 9728), which every challenge names.
//!
//! Without flags it brings its own issuer, shows what the API answers, and serves on. With `--issuer` it protects the API for
//! a real one.

mod api;
mod demonstration;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use http::HeaderValue;
use tokio::net::TcpListener;
use tower_bearer::metadata::Metadata;
use tower_bearer::require::AcrValues;
use tower_bearer::server::ConfigError;
use tower_bearer::testing::TestIssuer;
use tower_bearer::token::Profile;
use tower_bearer::{Issuer, ResourceServer, Scope};

/// A resource server: GET /api/me needs a scope, /api/transfer what --acr and --max-age say beside it
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
    /// The acr values, of which /api/transfer needs one, separated by spaces and the preferred one first
    #[arg(long, value_name = "VALUE")]
    acr: Option<AcrValues>,
    /// How long ago the user may have been authenticated at most for /api/transfer
    #[arg(long, value_name = "SECONDS")]
    max_age: Option<u64>,
    /// The origin whose pages may call the API
    #[arg(long, value_name = "ORIGIN")]
    cors: Option<HeaderValue>,
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

    let listener = TcpListener::bind(arguments.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = server(&arguments, &issuer, &url)?;
    let needs = api::Needs {
        scope: arguments.scope.clone(),
        acr: arguments.acr.clone(),
        max_age: arguments.max_age.map(Duration::from_secs),
    };
    let router = api::router(&server, &needs, arguments.cors.clone());
    let serving = tokio::spawn(axum::serve(listener, router).into_future());
    println!("The API is at {url}/api/me\n");

    let as_expected = demonstration::run(&url, own_issuer.as_ref(), &arguments.audience, &needs).await?;
    if arguments.once {
        return Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    serving.await??;
    Ok(ExitCode::SUCCESS)
}

/// The server with its metadata, whose resource is the audience, or the URL that is listened on if the audience is no URL.
/// If that is neither https nor on this machine, the server goes without metadata (RFC 9728 §1.2).
fn server(arguments: &Arguments, issuer: &Issuer, url: &str) -> Result<ResourceServer, ConfigError> {
    let builder = || {
        let builder = ResourceServer::builder(&arguments.audience).trust(issuer.clone());
        builder.profile(arguments.profile.into())
    };
    let metadata = Metadata::new().resource_name("Example API").scopes_supported(arguments.scope.iter());
    for metadata in [metadata.clone(), metadata.resource(url)] {
        match builder().metadata(metadata).build() {
            Err(ConfigError::Resource { .. }) => {}
            done => return done,
        }
    }
    builder().build()
}
