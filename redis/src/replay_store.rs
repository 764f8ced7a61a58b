use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value, cmd};
use tower_bearer::dpop::{Freshness, ReplayAnswer, ReplayEntry, ReplayStore, ReplayStoreError};

use crate::connect_error::{ConnectError, ConnectErrorKind};
use crate::connection::{Link, Server, kind_of};
use crate::memory_policy::{Forgotten, MemoryPolicyCheck};
use crate::namespace::Namespace;
use crate::time_limit::TimeLimit;

/// A store of used DPoP proofs in Redis or Valkey, which the servers of a fleet share (RFC 9449 §11.1).
///
/// Each proof costs one command in one round trip: `SET key 1 NX PX milliseconds`. Of all servers with the same Redis and the same
/// namespace, only one accepts a given proof, and only once.
///
/// ```
/// use tower_bearer::dpop::Dpop;
/// use tower_bearer_redis::RedisReplayStore;
///
/// // Redis does not have to be running yet.
/// let store = RedisReplayStore::connect("redis://cache.example.com:6379/0", "orders-api")?;
/// let dpop = Dpop::at("https://api.example.com")?.replay_store(store);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// - **Errors refuse.** If there is no connection, no reply within the [time limit](Self::time_limit), an error from Redis or an
///   unexpected reply, the server answers 503 with `Retry-After` and logs the cause. The store never sends a command twice, because the
///   second one would find the key of the first. The client repeats the request with a new proof.
/// - **Connection.** [`connect`](Self::connect) opens it in the background if there is a tokio runtime; otherwise the first proof does.
///   If the connection is lost, or no reply arrives within the time limit, the next proof opens a new one. After a failed attempt, all
///   proofs are refused immediately for 100 ms before the next attempt.
/// - **Keys** are `tower-bearer:NAMESPACE:dpop:` and 32 bytes of a hash. They contain nothing that a client sent.
/// - **Memory.** Redis needs about 160 bytes for each proof, for the time in which the proof could be accepted. Set `maxmemory` to bound
///   it; when that limit is reached, proofs are refused with 503. Unlike the
///   [`MemoryReplayStore`](tower_bearer::dpop::MemoryReplayStore), this store has no limit for each client's key. A client with a valid
///   token can fill Redis, so limit the rate of each client's requests.
/// - **Eviction.** `maxmemory-policy` must be `noeviction`, which is the default of Redis. With any other policy, Redis may forget proofs
///   that are still valid. The store queries the policy once and logs a warning if it is wrong, or a message at info level if it is not
///   allowed to query it.
/// - **Failover and restart.** Redis replicates after it has replied. Proofs from the last moments before a failover, and all proofs from
///   before a restart without persistence, can be used once more while their time or their nonce is still accepted.
/// - **Clock.** Redis expires entries by its own time of day. If that clock jumps ahead, proofs can be used again, as after a restart.
///
/// It needs Redis 6 or Valkey. Clones share one store and one connection.
#[derive(Clone)]
#[must_use]
pub struct RedisReplayStore {
    shared: Arc<Shared>,
    time_limit: TimeLimit,
}

struct Shared {
    link: Link,
    namespace: Namespace,
    memory_policy: MemoryPolicyCheck,
}

impl RedisReplayStore {
    /// A store in the Redis at `url`, under keys of `namespace`.
    ///
    /// The URL is `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, `redis+unix:///PATH`, or `rediss://…` for TLS with the feature `tls`.
    ///
    /// The namespace is the name of the service, the same for all its servers: 1 to 64 letters, digits, dots, hyphens and underscores.
    /// Services with different namespaces do not see each other's proofs. There is no default, because it would go unnoticed if two
    /// services shared one by accident.
    ///
    /// This does not wait for a connection. Until there is one, proofs are refused with 503. Within a tokio runtime it starts to connect
    /// in the background, and logs a warning if that fails.
    ///
    /// # Errors
    ///
    /// If the URL or the namespace is not well-formed.
    pub fn connect(url: &str, namespace: &str) -> Result<Self, ConnectError> {
        Self::new(Server::single(url), namespace)
    }

    /// A store in the cluster that has a node at one of the `urls`, under keys of `namespace`.
    ///
    /// Otherwise this is like [`connect`](Self::connect). While slots move or a node fails over, the proofs in those slots are refused
    /// with 503.
    ///
    /// # Errors
    ///
    /// If there is no URL, if a URL or the namespace is not well-formed, or if the URLs have different users or passwords.
    #[cfg(feature = "cluster")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cluster")))]
    pub fn connect_cluster<'u>(urls: impl IntoIterator<Item = &'u str>, namespace: &str) -> Result<Self, ConnectError> {
        Self::new(Server::cluster(urls), namespace)
    }

    /// How long a proof waits for the connection and the reply, 500 ms by default. Then the request gets 503.
    ///
    /// Values are clamped to 10 ms and 5 s, because the server waits no longer than that for a store.
    pub fn time_limit(self, limit: Duration) -> Self {
        Self { time_limit: TimeLimit::new(limit), ..self }
    }

    fn new(server: redis::RedisResult<Server>, namespace: &str) -> Result<Self, ConnectError> {
        let namespace = Namespace::new(namespace)?;
        let link = Link::new(server.map_err(ConnectErrorKind::Url)?);
        link.connect_in_background();
        let shared = Shared { link, namespace, memory_policy: MemoryPolicyCheck::new(Forgotten::Proofs) };
        Ok(Self { shared: Arc::new(shared), time_limit: TimeLimit::default() })
    }

    fn command(&self, entry: &ReplayEntry) -> Cmd {
        // The key stays for at least this long, and Redis accepts no zero.
        let milliseconds = entry.keep_for.as_nanos().div_ceil(1_000_000).max(1);
        let mut command = cmd("SET");
        command
            .arg(self.shared.namespace.entry_key("dpop", entry.key.as_bytes()))
            // Redis keeps small numbers without allocating anything for them.
            .arg(1)
            .arg("NX")
            .arg("PX")
            // Redis refuses what it cannot represent.
            .arg(u64::try_from(milliseconds).unwrap_or(u64::MAX));
        command
    }
}

impl ReplayStore for RedisReplayStore {
    fn insert(&self, entry: ReplayEntry) -> ReplayAnswer {
        let command = self.command(&entry);
        let (shared, limit) = (Arc::clone(&self.shared), self.time_limit.get());
        ReplayAnswer::later(async move {
            let reply = shared.link.send(&command, limit).await.map_err(ReplayStoreError::new)?;
            shared.memory_policy.start(&shared.link);
            match reply {
                Value::Okay => Ok(Freshness::Fresh),
                Value::Nil => Ok(Freshness::Replayed),
                other => {
                    Err(ReplayStoreError::new(format!("expected OK or nil from Redis, and found {}", kind_of(&other))))
                }
            }
        })
    }
}

impl fmt::Debug for RedisReplayStore {
    /// Without the URL, which may have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisReplayStore")
            .field("namespace", &self.shared.namespace)
            .field("time_limit", &self.time_limit.get())
            .finish_non_exhaustive()
    }
}
