//! The whole sequence of an authorization code with PKCE, on three origins of this machine: a client app with its backend, an
//! authorization server (for development only), and the resource server that this crate is for.
//!
//! Without flags, it walks through the sequence in the terminal, shows each step, and keeps serving, so that you can open the client app in a
//! browser. With `--issuer` it runs only the API, which trusts that issuer; with `--issuer-pattern`, the API trusts the tenants of a
//! provider.
//!
//! `GET /api/me` needs a scope, `/api/transfer` also needs stronger or more recent authentication, and `GET /healthz` needs nothing. The API
//! serves its metadata (RFC 9728), which every challenge names. Its own issuer, or another with `--revocation`, tells it when a user signs
//! out everywhere: from then on, it refuses the user's earlier tokens.
//!
//! Other packages use the [`authorization_server`].

mod api;
pub mod authorization_server;
mod certificates;
mod client_app;
mod client_key;
mod demonstration;
mod introspection;
mod revocation;
mod tenants;
mod walk;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use clap::{Parser, ValueEnum};
use http::HeaderValue;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_bearer::dpop::{Dpop, ForwardedHeaders, InvalidPublicUrl, Nonces, PublicUrl};
use tower_bearer::introspection::{ClientAuthentication, Introspection, Secret};
use tower_bearer::metadata::Metadata;
use tower_bearer::require::AcrValues;
use tower_bearer::server::ConfigError;
use tower_bearer::validation::Profile;
use tower_bearer::{Issuer, ResourceServer, Scope};

use crate::api::Needs;
use crate::authorization_server::clients::{API, API_SECRET};
use crate::authorization_server::proofs::Proofs;
use crate::authorization_server::transmitter::Transmitter;
use crate::authorization_server::{AuthorizationServer, Settings, secrets};
use crate::certificates::CertificateArguments;
use crate::client_app::ClientApp;
use crate::introspection::IntrospectionSettings;
use crate::revocation::{EVENTS_PATH, Feeds, RevocationSettings};
use crate::tenants::TenantArguments;
use crate::walk::Walk;

/// How long the API believes an answer about an opaque token. The default, a minute, is too long to watch.
pub(crate) const ANSWER_LIFETIME: Duration = Duration::from_secs(2);

/// A resource server: GET /api/me needs a scope, and /api/transfer also needs what --acr and --max-age say
#[derive(Parser)]
struct Arguments {
    /// The issuer to trust, by its URL (http only for this machine); without it, the example starts its own
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The audience that tokens must carry
    #[arg(long, default_value = "https://api.example.test")]
    audience: String,
    /// The scope that /api/me needs
    #[arg(long, default_value = "read:me")]
    scope: Scope,
    /// The acr values of which /api/transfer needs one, separated by spaces, the preferred one first; default without --issuer:
    /// urn:example:mfa
    #[arg(long, value_name = "VALUE")]
    acr: Option<AcrValues>,
    /// The maximum time in seconds since the user was authenticated, for /api/transfer; default without --issuer: 300
    #[arg(long, value_name = "SECONDS")]
    max_age: Option<u64>,
    /// The origin whose pages may call the API, in addition to the example's own client app
    #[arg(long, value_name = "ORIGIN")]
    cors: Option<HeaderValue>,
    /// The address to listen on; port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How closely tokens must follow RFC 9068
    #[arg(long, value_enum, default_value = "generic")]
    profile: ProfileName,
    /// Accept tokens that are bound to a key, with DPoP proofs (RFC 9449), in addition to others or exclusively; without --issuer, the
    /// example's own clients then have keys
    #[arg(long, value_enum, value_name = "MODE", num_args = 0..=1, default_missing_value = "offered")]
    dpop: Option<DpopMode>,
    /// Require a nonce of the server in every proof, whatever the client's clock says
    #[arg(long, requires = "dpop")]
    dpop_nonce: bool,
    /// The URL that clients use for the API and that their proofs name, if it differs from the address to listen on
    #[arg(long, value_name = "URL", requires = "dpop")]
    base_url: Option<String>,
    /// The network of a proxy whose X-Forwarded-Host and X-Forwarded-Proto name the host that clients use for the API
    #[arg(long, value_name = "CIDR", requires = "dpop")]
    trust_proxy: Vec<String>,
    /// Have the example's authorization server issue opaque access tokens, which the API introspects there (RFC 7662)
    #[arg(long, conflicts_with = "issuer")]
    opaque: bool,
    /// Ask the issuer about each token, as this client with this secret (RFC 7662)
    #[arg(long, value_name = "CLIENT_ID:SECRET", requires = "issuer")]
    introspect: Option<String>,
    #[command(flatten)]
    introspection: IntrospectionSettings,
    /// Trust this issuer too, whose tokens are JWTs and are not introspected
    #[arg(long, value_name = "URL", requires = "introspect")]
    jwts_of: Option<String>,
    #[command(flatten)]
    certificates: CertificateArguments,
    #[command(flatten)]
    tenants: TenantArguments,
    #[command(flatten)]
    revocation: RevocationSettings,
    /// Exit after the walk through the sequence, with status 0 if every step went as expected
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

/// Which tokens the API accepts when it accepts proofs.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DpopMode {
    /// Tokens that are bound to a key, and others
    Offered,
    /// Only tokens that are bound to a key
    Required,
}

/// The program `me`.
pub async fn main() -> ExitCode {
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(io::stderr);
    log.with_ansi(io::stderr().is_terminal()).init();
    run(Arguments::parse()).await.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let listener = TcpListener::bind(arguments.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    if arguments.issuer.is_some() || arguments.tenants.issuer_pattern.is_some() {
        return api_alone(&arguments, listener, &url).await;
    }
    whole_sequence(&arguments, listener, &url).await
}

/// The API alone.
async fn api_alone(arguments: &Arguments, listener: TcpListener, url: &str) -> Result<ExitCode, Box<dyn Error>> {
    let (mut issuer, mut feeds) = (None, None);
    if let Some(identifier) = &arguments.issuer {
        issuer = Some(arguments.trusted(identifier)?);
        feeds = arguments.revocation.feeds(identifier, &arguments.audience)?;
    }
    let server = server(arguments, issuer.as_ref(), feeds.as_ref(), url)?;
    let origins = arguments.cors.iter().cloned().collect();
    let serving = serve(listener, api::router(&server, &arguments.needs(), feeds.as_ref(), origins));
    println!("The API is at {url}/api/me\n");
    let as_expected = demonstration::run(url).await?;
    finish(arguments, as_expected, serving).await
}

/// The API with an authorization server and a client app, each an origin of its own.
async fn whole_sequence(arguments: &Arguments, listener: TcpListener, url: &str) -> Result<ExitCode, Box<dyn Error>> {
    let (at_authorization_server, authorization_server_url) = free_origin().await?;
    let (at_app, app_url) = free_origin().await?;
    let app_origin = HeaderValue::try_from(&app_url)?;
    let mut needs = arguments.needs();
    let strong = needs.acr.get_or_insert("urn:example:mfa".parse()?).clone();
    needs.max_age.get_or_insert(Duration::from_secs(300));

    let audience = &arguments.audience;
    let redirect_uri = format!("{app_url}/");
    let proofs = arguments.proofs(&authorization_server_url)?;
    let events_token = secrets::random();
    let transmitter = Transmitter::new(&format!("{url}{EVENTS_PATH}"), audience, &events_token)?;
    let settings = Settings::new(&authorization_server_url, audience, &needs.scope)
        .transmitter(transmitter)
        .strong(&strong)
        .app_redirect_uri(&redirect_uri)
        .proofs(proofs);
    let authorization_server = AuthorizationServer::new(if arguments.opaque { settings.opaque() } else { settings });
    let with_proofs = arguments.dpop.is_some();
    let known_as = arguments.base_url.as_deref().unwrap_or(url).trim_end_matches('/');
    let app = ClientApp { redirect_uri: &redirect_uri, api: known_as, audience, with_proofs };
    let app = app.router(&authorization_server)?;
    let feeds = Feeds::of(authorization_server.issuer(), audience, Some(&events_token))?;
    let server = server(arguments, Some(&arguments.trusted_example(&authorization_server)?), Some(&feeds), url)?;
    let origins = arguments.cors.iter().cloned().chain([app_origin.clone()]).collect();

    serve(at_authorization_server, Arc::clone(&authorization_server).router(app_origin));
    serve(at_app, app);
    let serving = serve(listener, api::router(&server, &needs, Some(&feeds), origins));
    println!("The authorization server, for development only, is at {authorization_server_url}");
    println!("The client app is at {app_url}/");
    println!("The API is at {url}/api/me\n");

    let walk = Walk {
        server: &authorization_server,
        redirect_uri: &redirect_uri,
        api: url,
        api_known_as: known_as,
        audience,
        needs: &needs,
        dpop: arguments.dpop,
    };
    let as_expected = walk.run().await?;
    if !arguments.once {
        println!("\nOpen {app_url}/ in a browser to go through the same sequence step by step.");
    }
    finish(arguments, as_expected, serving).await
}

async fn free_origin() -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    Ok((listener, origin))
}

fn serve(listener: TcpListener, router: Router) -> JoinHandle<io::Result<()>> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, service).into_future())
}

async fn finish(
    arguments: &Arguments,
    as_expected: bool,
    serving: JoinHandle<io::Result<()>>,
) -> Result<ExitCode, Box<dyn Error>> {
    if arguments.once {
        return Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    serving.await??;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn needs(&self) -> Needs {
        let (scope, acr) = (self.scope.clone(), self.acr.clone());
        Needs { scope, acr, max_age: self.max_age.map(Duration::from_secs) }
    }

    /// How the authorization server at this origin accepts proofs: as the API does, and with nonces of its own.
    fn proofs(&self, origin: &str) -> Result<Option<Proofs>, url::ParseError> {
        let Some(mode) = self.dpop else { return Ok(None) };
        let mut proofs = Proofs::at(origin)?;
        if self.dpop_nonce {
            proofs = proofs.with_nonces();
        }
        if mode == DpopMode::Required {
            proofs = proofs.required();
        }
        Ok(Some(proofs))
    }

    /// The example's own issuer, as the API trusts it.
    fn trusted_example(&self, server: &AuthorizationServer) -> Result<Issuer, Box<dyn Error>> {
        let issuer = server.issuer.issuer();
        if !self.opaque {
            return Ok(issuer);
        }
        let client = ClientAuthentication::client_secret_basic(API, Secret::new(API_SECRET)?)?;
        let introspection = Introspection::discover(server.issuer.url(), client)?.lifetime(ANSWER_LIFETIME);
        Ok(issuer.introspect(introspection))
    }

    /// The issuer with this URL, as the API trusts it.
    fn trusted(&self, issuer: &str) -> Result<Issuer, Box<dyn Error>> {
        match &self.introspect {
            Some(client) => self.introspection.trusted(issuer, client),
            None => Ok(Issuer::discover(issuer)?),
        }
    }

    /// How the API at this URL accepts proofs.
    fn dpop(&self, url: &str) -> Result<Option<Dpop>, InvalidPublicUrl> {
        let Some(mode) = self.dpop else { return Ok(None) };
        let mut public_url = PublicUrl::new(self.base_url.as_deref().unwrap_or(url))?;
        if !self.trust_proxy.is_empty() {
            public_url = public_url.trust_proxies(&self.trust_proxy, ForwardedHeaders::XForwarded)?;
        }
        let mut dpop = Dpop::at_url(public_url);
        if self.dpop_nonce {
            dpop = dpop.nonces(Nonces::random());
        }
        if mode == DpopMode::Required {
            dpop = dpop.required();
        }
        Ok(Some(dpop))
    }
}

/// The server with its metadata, whose resource is the audience, or the URL that is listened on if the audience is no URL.
/// If that is neither https nor on this machine, the server goes without metadata (RFC 9728 §1.2).
fn server(
    arguments: &Arguments,
    issuer: Option<&Issuer>,
    feeds: Option<&Feeds>,
    url: &str,
) -> Result<ResourceServer, Box<dyn Error>> {
    let dpop = arguments.dpop(url)?;
    let beside = arguments.jwts_of.as_deref().map(Issuer::discover).transpose()?;
    let (certificates, tenants) = (arguments.certificates.settings()?, arguments.tenants.settings()?);
    let builder = || {
        let builder = ResourceServer::builder(&arguments.audience).trust_all(issuer.cloned()).trust_all(beside.clone());
        let mut builder = builder.profile(arguments.profile.into());
        if let Some(tenants) = &tenants {
            builder = builder.trust_resolved(tenants.clone());
        }
        if let Some(certificates) = &certificates {
            builder = builder.client_certificates(certificates.clone());
        }
        if let Some(feeds) = feeds {
            builder = builder.revocations(feeds.revocations.clone());
        }
        match &dpop {
            Some(dpop) => builder.dpop(dpop.clone()),
            None => builder,
        }
    };
    let metadata = Metadata::new().resource_name("Example API").scopes_supported(arguments.scope.iter());
    for metadata in [metadata.clone(), metadata.resource(url)] {
        match builder().metadata(metadata).build() {
            Err(ConfigError::Resource { .. }) => {}
            done => return Ok(done?),
        }
    }
    Ok(builder().build()?)
}
