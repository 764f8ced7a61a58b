use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_bearer::revocation::{AppendFuture, FollowFuture, Follower, RevocationRecord, RevocationStore};
use tower_bearer::revocation::RevocationStoreError;

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
