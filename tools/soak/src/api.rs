//! The API behind the layer, in a process of its own: its memory is nobody else's.

use std::error::Error;
use std::io::{Read, Write};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_bearer::introspection::{ClientAuthentication, Introspection, Secret};
use tower_bearer::rejection::Problem;
use tower_bearer::validation::TokenCache;
use tower_bearer::{AccessToken, Issuer, Require, ResourceServer};

use crate::opaque::{LIFETIME, PREFIX};
use crate::realm::AUDIENCE;

/// How long a slow handler takes.
pub(crate) const SLOW: Duration = Duration::from_millis(20);

/// Serves until its standard input ends, and says on its standard output where.
#[tokio::main]
pub(crate) async fn serve(issuers: &[String], introspected: Option<&str>) -> Result<(), Box<dyn Error>> {
    let [first, rest @ ..] = issuers else { return Err("no issuer".into()) };
    // Full within the first seconds, so that its growth is not mistaken for a leak.
    let cache = TokenCache::default().entries(200).bytes(512 * 1024);
    let mut builder = ResourceServer::builder(AUDIENCE).trust(Issuer::discover(first)?).token_cache(cache);
    for issuer in rest {
        builder = builder.trust(Issuer::discover(issuer)?);
    }
    if let Some(issuer) = introspected {
        let client = ClientAuthentication::client_secret_basic("test-api", Secret::new("test-secret")?)?;
        let introspection = Introspection::discover(issuer, client)?.token_prefix(PREFIX).lifetime(LIFETIME);
        builder = builder.trust(Issuer::discover(issuer)?.introspect(introspection.memory(512 * 1024)));
    }
    let api = builder.build()?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    tokio::select! {
        served = axum::serve(listener, router(&api)).into_future() => served?,
        () = end_of_input() => {}
    }
    Ok(())
}

fn router(api: &ResourceServer) -> Router {
    let me = async |token: AccessToken, Path(number): Path<u64>| format!("{} {number}", token.subject());
    let slow = async |token: AccessToken, Path(number): Path<u64>| {
        tokio::time::sleep(SLOW).await;
        format!("{} {number}", token.subject())
    };
    let open = async |token: Option<AccessToken>, Path(number): Path<u64>| {
        format!("{} {number}", token.as_ref().map_or("nobody", AccessToken::subject))
    };
    let protected = Router::new()
        .route("/me/{number}", get(me).layer(Require::scope("read:me")))
        .route("/admin/{number}", get(me).layer(Require::scope("admin")))
        .route("/pay/{number}", get(me).layer(Require::token().and_acr("urn:example:mfa")))
        .route("/slow/{number}", get(slow))
        .layer(api.layer().respond_with(Problem));
    let optional = Router::new().route("/open/{number}", get(open)).layer(api.layer().optional().respond_with(Problem));
    Router::new().route("/status", get(status)).with_state(api.clone()).merge(protected).merge(optional)
}

async fn status(State(api): State<ResourceServer>) -> Json<Value> {
    let cache = api.token_cache_status();
    let issuers = api.status();
    Json(json!({
        "fetches": issuers.iter().map(|issuer| issuer.fetches).collect::<Vec<_>>(),
        "failures": issuers.iter().map(|issuer| issuer.failures).collect::<Vec<_>>(),
        "cache_hits": cache.map(|cache| cache.hits),
        "cache_misses": cache.map(|cache| cache.misses),
    }))
}

async fn end_of_input() {
    // There is nothing to do about an input that cannot be read but to end too.
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
}
