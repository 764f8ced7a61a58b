//! Servers to connect to, and proofs to insert.

mod fake_server;
mod kills;
mod log;
mod node;
mod proxy;
mod receiver;
mod redis_server;

use std::time::{Duration, Instant};

use tower_bearer::clock::SystemClock;
use tower_bearer::dpop::{Freshness, ReplayAnswer, ReplayEntry, ReplayKey, ReplayStore, ReplayStoreError};
use tower_bearer_redis::RedisReplayStore;

pub(crate) use self::fake_server::FakeServer;
pub(crate) use self::kills::{failures_of, kill_redis_while_revoking};
pub(crate) use self::log::Log;
pub(crate) use self::node::{AUDIENCE, Fleet, Node, STREAM, TOKEN_LIFE, store_at};
pub(crate) use self::proxy::Proxy;
pub(crate) use self::receiver::Receiver;
pub(crate) use self::redis_server::RedisServer;
#[cfg(any(feature = "cluster", feature = "tls"))]
pub(crate) use self::redis_server::free_port;

/// For how long a proof is kept, unless a test says otherwise.
pub(crate) const KEEP_FOR: Duration = Duration::from_secs(75);
/// How long it may take until all nodes refuse what one of them has revoked.
pub(crate) const GOAL: Duration = Duration::from_secs(1);
/// No test waits longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Answer = Result<Freshness, ReplayStoreError>;

/// The key of a client's proof with this `jti`.
pub(crate) fn key(jti: &str) -> ReplayKey {
    ReplayKey::new("thumbprint", "GET", "https://api.example.test/me", jti)
}

pub(crate) fn entry(jti: &str, keep_for: Duration) -> ReplayEntry {
    ReplayEntry::new(key(jti), keep_for, &SystemClock)
}

pub(crate) async fn insert_for(store: &RedisReplayStore, jti: &str, keep_for: Duration) -> Answer {
    match store.insert(entry(jti, keep_for)) {
        ReplayAnswer::Now(answer) => answer,
        ReplayAnswer::Later(answer) => answer.await,
    }
}

pub(crate) async fn insert(store: &RedisReplayStore, jti: &str) -> Answer {
    insert_for(store, jti, KEEP_FOR).await
}

/// The error with all of its sources.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}

/// Inserts other proofs until an answer is none of an outage, and returns it.
pub(crate) async fn when_back(store: &RedisReplayStore) -> Freshness {
    let started = Instant::now();
    for n in 0_u64.. {
        match insert(store, &format!("after the outage {n}")).await {
            Ok(freshness) => return freshness,
            Err(error) => assert!(started.elapsed() < PATIENCE, "{}", chain(&error)),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    unreachable!()
}

/// Lets other tasks run until this holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    until_async(what, async || holds()).await;
}

/// The same, with a condition that waits itself.
pub(crate) async fn until_async(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
