use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_bearer::revocation::RevocationStoreError;
use tower_bearer::revocation::{AppendFuture, FollowFuture, Follower, RevocationRecord, RevocationStore};

use super::follow_task::FollowTask;
use super::recent_appends::RecentAppends;
use super::stream::{Stream, id_of};
use super::stream_error::StreamError;
use crate::connect_error::{ConnectError, ConnectErrorKind};
use crate::connection::{Link, Server};
use crate::memory_policy::{Forgotten, MemoryPolicyCheck};
use crate::namespace::Namespace;
use crate::race::race;
use crate::time_limit::TimeLimit;

/// Revocations that the processes of a service share, in one stream of Redis or Valkey.
///
/// What one process revokes, the others refuse a few milliseconds later. A process that starts reads what is still needed before it is
/// [ready](tower_bearer::ResourceServer::is_ready).
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::revocation::Revocations;
/// use tower_bearer_redis::RedisRevocations;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Redis does not have to be running yet.
/// let store = RedisRevocations::connect("redis://cache.example.com:6379/0", "orders-api")?;
/// let revocations = Revocations::new(Duration::from_secs(60 * 60)).share(store);
/// # Ok(()) }
/// ```
///
/// - **Appending** costs one `XADD` in one round trip. Without a reply within the [time limit](Self::time_limit),
///   [`Revocations::revoke`](tower_bearer::revocation::Revocations::revoke) fails, although Redis may have the entry. Revoke again: an entry
///   that comes twice changes nothing.
/// - **Following** takes a connection of its own, on which a read waits at Redis for what comes. Redis answers at least once a second, so
///   [`share_and_refuse_when_stale`](tower_bearer::revocation::Revocations::share_and_refuse_when_stale) notices an outage. A connection that
///   is lost, or on which nothing comes for 3 seconds, is made again after a pause of 100 ms to 1 s.
/// - **Lost entries.** Redis may lose what it has confirmed: the last moments in a failover, the last second in a crash, everything in a
///   restart without persistence. After a lost connection, and once a second, each process looks whether the stream has lost entries. It
///   then reads the stream again, and appends again what it appended in the 60 seconds before, up to 10,000 entries. Processes that run
///   have all entries in memory. One that starts later lacks those that are older: use `appendonly yes`.
/// - **Trimming.** Entries are removed 60 seconds after no token can live that they concern, by the longest time of the processes that
///   appended them. The time is that of Redis, not that of the processes. If Redis' clock jumps ahead and something is revoked then,
///   entries are removed too early, which concerns processes that start later.
/// - **Unknown entries.** An entry of a later version of this crate is skipped, and a warning is logged once: it does not keep a process
///   from being ready, or a service would stop in the middle of its update. Update all processes before you use what a later version adds.
/// - **A full table.** Entries for which this process has no room are read again every second. It is not ready, or stale, until all are applied.
/// - **Key.** It is `tower-bearer:NAMESPACE:revocations`. Its entries contain the names that are revoked: issuer and session, or subject.
///   Who may write to it can revoke any token, and who may delete it can hide revocations from processes that start later.
/// - **Eviction.** `maxmemory-policy` must be `noeviction`, which is the default of Redis. With another one, Redis may remove the stream.
///   The store asks once and logs a warning, or at level info that it may not ask.
/// - **Cluster.** The stream is in one slot. The task that follows has a cluster connection of its own.
///
/// It needs Redis 6.2 or Valkey. Redis 6.0 works too, but is not trimmed, and a warning says so.
#[derive(Clone)]
#[must_use]
pub struct RedisRevocations {
    shared: Arc<Shared>,
    time_limit: TimeLimit,
}

/// What the clones share, and the task that follows.
pub(super) struct Shared {
    pub(super) link: Link,
    pub(super) stream: Stream,
    pub(super) recent: RecentAppends,
    pub(super) memory_policy: MemoryPolicyCheck,
    namespace: Namespace,
}

impl RedisRevocations {
    /// Revocations in the Redis at `url`, in the stream of `namespace`.
    ///
    /// The URL is `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, `redis+unix:///PATH`, or `rediss://…` for TLS with the feature `tls`.
    ///
    /// The namespace is the name of the service, the same for all its processes: 1 to 64 letters, digits, dots, hyphens and underscores.
    /// Services with different namespaces do not see each other's revocations.
    ///
    /// This does not connect. The task that [`Revocations::share`](tower_bearer::revocation::Revocations::share) starts does, and tries
    /// again until it can.
    ///
    /// # Errors
    ///
    /// If the URL or the namespace is not well-formed.
    pub fn connect(url: &str, namespace: &str) -> Result<Self, ConnectError> {
        Self::new(Server::single(url), namespace)
    }

    /// Revocations in the cluster that has a node at one of the `urls`, in the stream of `namespace`.
    ///
    /// Everything else is as for [`connect`](Self::connect). The stream is in one slot. The task that follows it has connections of its own
    /// to the nodes of the cluster.
    ///
    /// # Errors
    ///
    /// If there is no URL, if one of them or the namespace is not well-formed, or if they have different users or passwords.
    #[cfg(feature = "cluster")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cluster")))]
    pub fn connect_cluster<'u>(urls: impl IntoIterator<Item = &'u str>, namespace: &str) -> Result<Self, ConnectError> {
        Self::new(Server::cluster(urls), namespace)
    }

    /// How long a revocation waits for the connection and the reply, 500 ms by default. Then
    /// [`Revocations::revoke`](tower_bearer::revocation::Revocations::revoke) completes with an error, although Redis may have it.
    ///
    /// A value below 10 ms counts as 10 ms, and one above 5 s as 5 s.
    pub fn time_limit(self, limit: Duration) -> Self {
        Self { time_limit: TimeLimit::new(limit), ..self }
    }

    fn new(server: redis::RedisResult<Server>, namespace: &str) -> Result<Self, ConnectError> {
        let namespace = Namespace::new(namespace)?;
        let shared = Shared {
            link: Link::new(server.map_err(ConnectErrorKind::Url)?),
            stream: Stream::new(&namespace),
            recent: RecentAppends::default(),
            memory_policy: MemoryPolicyCheck::new(Forgotten::Revocations),
            namespace,
        };
        Ok(Self { shared: Arc::new(shared), time_limit: TimeLimit::default() })
    }
}

impl RevocationStore for RedisRevocations {
    fn append(&self, record: RevocationRecord) -> AppendFuture {
        let (shared, limit) = (Arc::clone(&self.shared), self.time_limit.get());
        Box::pin(async move { shared.append(record.to_json().into(), limit).await.map_err(RevocationStoreError::new) })
    }

    fn follow(self: Arc<Self>, follower: Follower) -> FollowFuture {
        let (shared, limit) = (Arc::clone(&self.shared), self.time_limit.get());
        Box::pin(async move {
            // Dropping the task closes its connection.
            race(follower.closed(), FollowTask::new(shared, limit, &follower).run()).await;
        })
    }
}

impl Shared {
    /// Appends the record, and remembers it for a while.
    pub(super) async fn append(&self, record: Arc<str>, limit: Duration) -> Result<(), StreamError> {
        let reply = self.link.send(&self.stream.append(&record), limit).await?;
        self.recent.add(id_of(&reply)?, record);
        Ok(())
    }
}

impl fmt::Debug for RedisRevocations {
    /// Without the URL, which may have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocations")
            .field("namespace", &self.shared.namespace)
            .field("time_limit", &self.time_limit.get())
            .finish_non_exhaustive()
    }
}
