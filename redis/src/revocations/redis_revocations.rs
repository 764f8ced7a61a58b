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

/// Revocations that the processes of a service share in one Redis or Valkey stream.
///
/// When one process revokes tokens, the others refuse them a few milliseconds later. A starting process reads all entries that still matter
/// before it is [ready](tower_bearer::ResourceServer::is_ready).
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
///   [`Revocations::revoke`](tower_bearer::revocation::Revocations::revoke) fails, although Redis may have stored the entry. Call it again: a
///   duplicate entry changes nothing.
/// - **Following** uses a separate connection, on which a blocking read waits for new entries. Redis answers at least once a second, so
///   [`share_and_refuse_when_stale`](tower_bearer::revocation::Revocations::share_and_refuse_when_stale) notices an outage. If the connection is
///   lost, or nothing arrives on it for 3 seconds, it is reopened after a pause of 100 ms to 1 s.
/// - **Lost entries.** Redis may lose entries that it has confirmed: those of the last moments in a failover, of the last second in a crash, and
///   all of them in a restart without persistence. After a lost connection, and once a second, each process checks whether the stream has lost
///   entries. If so, it rereads the stream and appends again what it appended in the last 60 seconds, up to 10,000 entries. Running processes
///   have in memory what they have read. Nobody appends older entries again, nor those of a process that has ended: a process that starts later
///   lacks them, and so does one that could not reach Redis when they were appended. So set `appendonly yes`, and do not trim the stream yourself.
/// - **Trimming.** An entry is removed 60 seconds after the last token that it could concern has expired, by the longest lifetime that any
///   appending process is configured with, and by the clock of Redis. If that clock jumps ahead and something is revoked then, entries are
///   removed too early, and processes that start later miss them.
/// - **Unknown entries.** An entry that a later version of this crate has written is skipped, and one warning is logged. It does not keep a
///   process from being ready, because that would stop a service in the middle of an upgrade. Upgrade all processes before you use features of
///   the later version.
/// - **A full table.** Entries for which this process has no room are read again every second. Until all are applied, the process is not ready,
///   or is stale if it was ready before.
/// - **Key.** It is `tower-bearer:NAMESPACE:revocations`. Its entries contain what is revoked: the issuer, and the session or the subject.
///   Anyone who can write to the key can revoke any token, and anyone who can delete it can hide revocations from processes that start later.
/// - **Eviction.** `maxmemory-policy` must be `noeviction`, which is the default of Redis. With any other policy, Redis may remove the stream.
///   The store queries the policy once and logs a warning if it is wrong, or a message at info level if it is not allowed to query it.
/// - **Cluster.** The stream is in one slot. The task that follows the stream has its own connection to the cluster.
///
/// It needs Redis 6.2 or Valkey. With Redis 6.0 it works too, but the stream is not trimmed, and a warning says so.
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
    /// This does not connect. The task that [`Revocations::share`](tower_bearer::revocation::Revocations::share) starts connects, and retries
    /// until it succeeds.
    ///
    /// # Errors
    ///
    /// If the URL or the namespace is not well-formed.
    pub fn connect(url: &str, namespace: &str) -> Result<Self, ConnectError> {
        Self::new(Server::single(url), namespace)
    }

    /// Revocations in the cluster that has a node at one of the `urls`, in the stream of `namespace`.
    ///
    /// Otherwise this is like [`connect`](Self::connect). The stream is in one slot. The task that follows it has its own connections to the
    /// nodes of the cluster.
    ///
    /// # Errors
    ///
    /// If there is no URL, if a URL or the namespace is not well-formed, or if the URLs have different users or passwords.
    #[cfg(feature = "cluster")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cluster")))]
    pub fn connect_cluster<'u>(urls: impl IntoIterator<Item = &'u str>, namespace: &str) -> Result<Self, ConnectError> {
        Self::new(Server::cluster(urls), namespace)
    }

    /// How long a revocation waits for the connection and the reply, 500 ms by default. Then
    /// [`Revocations::revoke`](tower_bearer::revocation::Revocations::revoke) fails, although Redis may have stored the revocation.
    ///
    /// Values are clamped to 10 ms and 5 s.
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
