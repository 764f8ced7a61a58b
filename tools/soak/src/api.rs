//! The API behind the layer, in a process of its own: its memory is nobody else's.
//!
//! It has two servers. One shares used proofs and revocations in Redis and has few places for tenants; the other keeps everything in
//! memory, as far as a reload is concerned. Both follow files.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_bearer::config::{self, Watch, Watched};
use tower_bearer::dpop::Dpop;
use tower_bearer::rejection::Problem;
use tower_bearer::revocation::Revocations;
use tower_bearer::tenants::{ResolveError, ResolvedTenant, Tenant, TenantSettings, from_fn};
use tower_bearer::{AccessToken, Issuer, Require};
use tower_bearer_redis::{RedisReplayStore, RedisRevocations};

use crate::realm::AUDIENCE;
use crate::redis::NAMESPACE;
use crate::sessions::TOKEN_LIFE;
use crate::settings::READ_EVERY;
use crate::tenants::{PATTERN, TABLE, issuer_of};

/// How long a slow handler takes.
pub(crate) const SLOW: Duration = Duration::from_millis(20);
/// How long a proof waits for Redis, which may be as slow as the machine.
const REDIS_LIMIT: Duration = Duration::from_secs(5);
/// How long a tenant that is not used is kept: the shortest time that can be set.
const IDLE_AFTER: Duration = Duration::from_secs(60);

/// What the process is told.
#[derive(clap::Args)]
pub(crate) struct Served {
    /// The settings of the server that shares what it knows in Redis
    settings: PathBuf,
    /// The settings of the one that does not
    local: PathBuf,
    /// Where tenants are recorded
    database: PathBuf,
    /// The URL of Redis
    redis: String,
}

/// How often the settings were read anew, and what came of it.
#[derive(Clone, Default)]
struct Reloads(Arc<[AtomicU64; 3]>);

/// Both servers.
#[derive(Clone)]
struct Servers {
    shared: Arc<Watched>,
    local: Arc<Watched>,
    reloads: Reloads,
    database: PathBuf,
    revocations: Revocations,
}

/// Serves until its standard input ends, and says on its standard output where.
#[tokio::main]
pub(crate) async fn serve(served: &Served) -> Result<(), Box<dyn Error>> {
    let store = RedisRevocations::connect(&served.redis, NAMESPACE)?;
    let revocations = Revocations::new(TOKEN_LIFE).share(store);
    let proofs = RedisReplayStore::connect(&served.redis, NAMESPACE)?.time_limit(REDIS_LIMIT);
    let dpop = Dpop::at(AUDIENCE)?.replay_store(proofs);
    let [few, many] = [tenants(&served.database)?.max_tenants(TABLE), tenants(&served.database)?];
    let reloads = Reloads::default();

    let shared = watch(&served.settings, &reloads);
    let kept = revocations.clone();
    let shared = shared
        .customize(move |builder| builder.dpop(dpop.clone()).revocations(kept.clone()).trust_resolved(few.clone()));
    let local = watch(&served.local, &reloads).customize(move |builder| builder.trust_resolved(many.clone()));
    let servers = Servers {
        shared: Arc::new(shared.start()?),
        local: Arc::new(local.start()?),
        reloads,
        database: served.database.clone(),
        revocations,
    };

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    tokio::select! {
        served = axum::serve(listener, router(servers)).into_future() => served?,
        () = end_of_input() => {}
    }
    Ok(())
}

fn watch(settings: &std::path::Path, reloads: &Reloads) -> Watch {
    let reloads = reloads.clone();
    config::watch(settings, |text| serde_json::from_str(text)).interval(READ_EVERY).on_reload(move |outcome| {
        let [good, changes, bad] = &*reloads.0;
        match outcome {
            Ok(reloaded) => {
                good.fetch_add(1, Ordering::Relaxed);
                let others = reloaded.added.len() + reloaded.changed.len() + reloaded.removed.len();
                changes.fetch_add(others as u64, Ordering::Relaxed);
            }
            Err(_) => drop(bad.fetch_add(1, Ordering::Relaxed)),
        }
    })
}

/// Tenants whose keys are where a file of their name says.
fn tenants(database: &std::path::Path) -> Result<TenantSettings, Box<dyn Error>> {
    let database = database.to_owned();
    let resolver = from_fn(move |iss: String| {
        let database = database.clone();
        async move {
            let name = iss.rsplit('/').next().unwrap_or_default().to_owned();
            let found = tokio::task::spawn_blocking(move || recorded(&database, &name));
            found.await.map_err(ResolveError::new)?
        }
    });
    Ok(TenantSettings::new(resolver).issuer_pattern(PATTERN)?.idle_after(IDLE_AFTER))
}

fn recorded(database: &std::path::Path, name: &str) -> Result<Option<ResolvedTenant>, ResolveError> {
    match std::fs::read_to_string(database.join(name)) {
        Ok(keys) => {
            let issuer = Issuer::jwks(&issuer_of(name), &keys).map_err(ResolveError::new)?;
            Ok(Some(ResolvedTenant::new(issuer).value(name.to_owned())))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ResolveError::new(error)),
    }
}

fn router(servers: Servers) -> Router {
    let me = async |token: AccessToken, Path(number): Path<u64>| format!("{} {number}", token.subject());
    let slow = async |token: AccessToken, Path(number): Path<u64>| {
        tokio::time::sleep(SLOW).await;
        format!("{} {number}", token.subject())
    };
    let open = async |token: Option<AccessToken>, Path(number): Path<u64>| {
        format!("{} {number}", token.as_ref().map_or("nobody", AccessToken::subject))
    };
    let of_tenant = async |tenant: Tenant<String>, token: AccessToken, Path(number): Path<u64>| {
        format!("{} {} {number}", *tenant, token.subject())
    };
    let [shared, local] = [&servers.shared, &servers.local].map(|watched| watched.server());
    let protected = Router::new()
        .route("/me/{number}", get(me).layer(Require::scope("read:me")))
        .route("/admin/{number}", get(me).layer(Require::scope("admin")))
        .route("/pay/{number}", get(me).layer(Require::token().and_acr("urn:example:mfa")))
        .route("/slow/{number}", get(slow))
        .route("/bound/{number}", get(me))
        .route("/session/{number}", get(me))
        .route("/tenant/{number}", get(of_tenant))
        .layer(shared.layer().respond_with(Problem));
    let optional =
        Router::new().route("/open/{number}", get(open)).layer(shared.layer().optional().respond_with(Problem));
    let in_memory = Router::new()
        .route("/local/bound/{number}", get(me))
        .route("/local/tenant/{number}", get(of_tenant))
        .layer(local.layer().respond_with(Problem));
    Router::new()
        .route("/status", get(status))
        .route("/tenants/add/{name}", get(add))
        .route("/tenants/forget/{name}", get(forget))
        .with_state(servers)
        .merge(protected)
        .merge(optional)
        .merge(in_memory)
}

async fn status(State(servers): State<Servers>) -> Json<Value> {
    let api = servers.shared.server();
    let cache = api.token_cache_status();
    let issuers = api.status();
    let [reloads, changes, refusals] = &*servers.reloads.0;
    Json(json!({
        "fetches": issuers.iter().map(|issuer| issuer.fetches).collect::<Vec<_>>(),
        "failures": issuers.iter().map(|issuer| issuer.failures).collect::<Vec<_>>(),
        "cache_hits": cache.map(|cache| cache.hits),
        "cache_misses": cache.map(|cache| cache.misses),
        "reloads": reloads.load(Ordering::Relaxed),
        "changed_by_reloads": changes.load(Ordering::Relaxed),
        "refused_reloads": refusals.load(Ordering::Relaxed),
        "tenants": api.tenants().map(|tenants| tenants.list().len()),
        "revocations": servers.revocations.len(),
    }))
}

/// The application has recorded a tenant, and says so.
async fn add(State(servers): State<Servers>, Path(name): Path<String>) -> StatusCode {
    let tenant = recorded(&servers.database, &name).ok().flatten();
    let tenants = servers.shared.server().tenants();
    match tenants.zip(tenant).map(|(tenants, tenant)| tenants.add(tenant)) {
        Some(Ok(())) => StatusCode::OK,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The application has recorded that a tenant is gone, and says so.
async fn forget(State(servers): State<Servers>, Path(name): Path<String>) -> StatusCode {
    let Some(tenants) = servers.shared.server().tenants() else { return StatusCode::INTERNAL_SERVER_ERROR };
    tenants.forget(&issuer_of(&name));
    StatusCode::OK
}

async fn end_of_input() {
    // There is nothing to do about an input that cannot be read but to end too.
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
}
