use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tower_bearer::ResourceServer;
use tower_bearer::clock::{Clock, SystemClock};
use tower_bearer::jose::Algorithm;
use tower_bearer::revocation::{FeedStatus, Revocation, Revocations};
use tower_bearer::testing::TestIssuer;
use tower_bearer_redis::RedisRevocations;

use super::{PATIENCE, Proxy, RedisServer, until, until_async};

pub(crate) const AUDIENCE: &str = "https://api.example.test";
/// Where the nodes have their revocations.
pub(crate) const STREAM: &str = "tower-bearer:test:revocations";
/// No token lives longer.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// The issuer of all nodes.
pub(crate) struct Fleet {
    pub(crate) redis: RedisServer,
    pub(crate) issuer: Arc<TestIssuer>,
}

/// A server with revocations, as another process would have it.
pub(crate) struct Node {
    pub(crate) revocations: Revocations,
    pub(crate) server: ResourceServer,
}

impl Fleet {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::with(RedisServer::start(arguments))
    }

    pub(crate) fn with(redis: RedisServer) -> Self {
        Self { redis, issuer: Arc::new(TestIssuer::builder().algorithms([Algorithm::ES256]).start()) }
    }

    pub(crate) fn store(&self) -> RedisRevocations {
        store_at(&self.redis.url())
    }

    /// A node that has just started.
    pub(crate) fn starting_node(&self) -> Node {
        self.node_with(Revocations::new(TOKEN_LIFE).share(self.store()), SystemClock)
    }

    /// A node that is ready.
    pub(crate) async fn node(&self) -> Node {
        let node = self.starting_node();
        node.ready().await;
        node
    }

    /// A node that is ready, and reaches Redis through a proxy.
    pub(crate) async fn node_behind(&self, proxy: &Proxy) -> Node {
        let node = self.node_with(Revocations::new(TOKEN_LIFE).share(store_at(&proxy.url())), SystemClock);
        node.ready().await;
        node
    }

    pub(crate) fn node_with(&self, revocations: Revocations, clock: impl Clock) -> Node {
        let server = ResourceServer::builder(AUDIENCE)
            .trust(self.issuer.issuer())
            .revocations(revocations.clone())
            .clock(clock)
            .build()
            .unwrap();
        Node { revocations, server }
    }

    pub(crate) fn session(&self, sid: &str) -> Revocation {
        Revocation::session(self.issuer.url(), sid)
    }

    /// A token of a session.
    pub(crate) fn token(&self, sid: &str) -> String {
        self.issuer.token().audience(AUDIENCE).claim("sid", sid).sign()
    }

    /// A token that a revocation of the session concerns, and one of the subject, for as long as a test may last.
    pub(crate) fn token_of_both(&self, name: &str) -> String {
        self.issuer.token().audience(AUDIENCE).subject(name).claim("sid", name).expires_in(TOKEN_LIFE).sign()
    }

    pub(crate) fn sessions(&self, sids: impl IntoIterator<Item = usize>) -> Vec<String> {
        sids.into_iter().map(|sid| self.token(&sid.to_string())).collect()
    }

    pub(crate) fn stream_len(&self) -> usize {
        self.redis.tell(&format!("XLEN {STREAM}"))
    }

    /// The names in the entries of the stream, in their order.
    pub(crate) fn names_in_stream(&self) -> Vec<String> {
        let entries: Vec<(String, Vec<String>)> = self.redis.tell(&format!("XRANGE {STREAM} - +"));
        let name = |record: &str| record.split("\"name\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        entries.iter().map(|(_, fields)| name(&fields[1])).collect()
    }
}

/// A store that fails for no other reason than an outage: the machine may be busy.
pub(crate) fn store_at(url: &str) -> RedisRevocations {
    RedisRevocations::connect(url, "test").unwrap().time_limit(Duration::from_secs(5))
}

impl Node {
    pub(crate) async fn ready(&self) {
        tokio::time::timeout(PATIENCE, self.server.ready()).await.expect("it is ready");
    }

    /// Revokes these sessions, one after the other.
    pub(crate) async fn revoke(&self, fleet: &Fleet, sids: Range<usize>) {
        for sid in sids {
            self.revocations.revoke(&fleet.session(&sid.to_string())).await.unwrap();
        }
    }

    /// Whether the token is revoked here.
    pub(crate) async fn refuses(&self, token: &str) -> bool {
        match self.server.verify(token).await {
            Ok(_) => false,
            Err(error) if error.reason() == Some("revoked") => true,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn until_refused(&self, token: &str) {
        until_async("it is refused here", async || self.refuses(token).await).await;
    }

    pub(crate) async fn until_len(&self, len: usize) {
        until(&format!("{len} revocations are known"), || self.revocations.len() == len).await;
    }

    pub(crate) fn status(&self) -> FeedStatus {
        self.revocations.status().remove(0)
    }

    /// Until the store has said once more that there is nothing new.
    pub(crate) async fn until_heard(&self) {
        let before = self.status().last_heard();
        until("the store is heard", || self.status().last_heard() > before).await;
    }
}
