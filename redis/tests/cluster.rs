//! The stores in a cluster of two nodes.

use std::time::{Duration, Instant};

use redis::Value;
use tower_bearer::clock::SystemClock;
use tower_bearer::dpop::Freshness;
use tower_bearer::revocation::Revocations;
use tower_bearer_redis::{RedisReplayStore, RedisRevocations};

use crate::harness::{Fleet, RedisServer, TOKEN_LIFE, chain, free_port, insert, key, until, until_async};

const SLOTS: u32 = 16384;

struct Cluster([RedisServer; 2]);

impl Cluster {
    /// Each node has half of the slots.
    async fn start() -> Self {
        let nodes = [(); 2].map(|()| {
            let bus = free_port().to_string();
            RedisServer::start(&[
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-require-full-coverage",
                "no",
            ])
        });
        let half = SLOTS / 2;
        let _: Value = nodes[0].tell(&format!("CLUSTER ADDSLOTSRANGE 0 {}", half - 1));
        let _: Value = nodes[1].tell(&format!("CLUSTER ADDSLOTSRANGE {half} {}", SLOTS - 1));
        let bus: std::collections::HashMap<String, String> = nodes[1].tell("CONFIG GET cluster-port");
        let bus = &bus["cluster-port"];
        let _: Value = nodes[0].tell(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", nodes[1].port()));
        for node in &nodes {
            until("the cluster is complete", || {
                let info: String = node.tell("CLUSTER INFO");
                info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
            })
            .await;
        }
        Self(nodes)
    }

    fn store(&self) -> RedisReplayStore {
        let urls = self.0.each_ref().map(RedisServer::url);
        RedisReplayStore::connect_cluster(urls.iter().map(String::as_str), "test").unwrap()
    }

    fn revocations(&self) -> Revocations {
        let urls = self.0.each_ref().map(RedisServer::url);
        let store = RedisRevocations::connect_cluster(urls.iter().map(String::as_str), "test").unwrap();
        Revocations::new(TOKEN_LIFE).share(store)
    }

    /// The slot of a proof.
    fn slot(&self, jti: &str) -> u32 {
        self.slot_of(&[b"tower-bearer:test:dpop:", &key(jti).as_bytes()[..]].concat())
    }

    fn slot_of(&self, key: &[u8]) -> u32 {
        self.0[0].ask(&[b"CLUSTER", b"KEYSLOT", key])
    }
}

#[tokio::test]
async fn of_two_servers_one_accepts_a_proof_on_whichever_node() {
    let cluster = Cluster::start().await;
    let stores = [cluster.store(), cluster.store()];
    for n in 0..200 {
        let jti = n.to_string();
        let (one, other) = tokio::join!(insert(&stores[0], &jti), insert(&stores[1], &jti));
        let answers = [one.unwrap(), other.unwrap()];
        assert!(answers.contains(&Freshness::Fresh) && answers.contains(&Freshness::Replayed), "{answers:?}");
    }
    let sizes = cluster.0.each_ref().map(|node| node.tell::<u32>("DBSIZE"));
    assert!(sizes[0] > 0 && sizes[1] > 0 && sizes[0] + sizes[1] == 200, "{sizes:?}");
}

/// The first reply says where the slot is now. A client that repeats commands would follow it.
#[tokio::test]
async fn a_command_is_not_sent_again_when_a_slot_has_moved() {
    let cluster = Cluster::start().await;
    let store = cluster.store();
    assert_eq!(insert(&store, "1").await.unwrap(), Freshness::Fresh);
    let jti = (2..100).map(|n: u32| n.to_string()).find(|jti| cluster.slot(jti) < SLOTS / 2).unwrap();
    let receiver: String = cluster.0[1].tell("CLUSTER MYID");
    for node in [&cluster.0[1], &cluster.0[0]] {
        let _: Value = node.tell(&format!("CLUSTER SETSLOT {} NODE {receiver}", cluster.slot(&jti)));
    }
    let error = insert(&store, &jti).await.unwrap_err();
    assert!(chain(&error).to_ascii_uppercase().contains("MOVED"), "{}", chain(&error));
    assert_eq!(insert(&store, &jti).await.unwrap(), Freshness::Fresh);
    assert_eq!(insert(&store, &jti).await.unwrap(), Freshness::Replayed);
}

#[tokio::test]
async fn a_node_that_is_gone_fails_its_own_proofs_only() {
    let mut cluster = Cluster::start().await;
    let store = cluster.store();
    let proofs: Vec<_> = (0..40_u32).map(|n| (n.to_string(), cluster.slot(&n.to_string()) < SLOTS / 2)).collect();
    assert_eq!(insert(&store, "before").await.unwrap(), Freshness::Fresh);
    cluster.0[1].kill();
    for (jti, is_on_the_first) in &proofs {
        let answer = insert(&store, jti).await;
        assert_eq!(answer.is_ok(), *is_on_the_first, "{jti} {answer:?}");
    }
    cluster.0[0].kill();
    for (jti, _) in &proofs {
        insert(&store, jti).await.unwrap_err();
    }
}

#[test]
fn a_cluster_has_a_url() {
    let none: [&str; 0] = [];
    assert!(RedisReplayStore::connect_cluster(none, "test").is_err());
    assert!(RedisReplayStore::connect_cluster(["redis://127.0.0.1", "no url"], "test").is_err());
    assert!(RedisReplayStore::connect_cluster(["redis://127.0.0.1"], "a:b").is_err());
}

/// A read that waits at one node waits for as long as at a single server, and what comes meanwhile comes at once.
#[tokio::test]
async fn revocations_are_shared_and_a_slot_that_moves_loses_none() {
    let cluster = Cluster::start().await;
    let [first, second] = &cluster.0;
    // Its issuer is what is needed of it.
    let fleet = Fleet::with(RedisServer::stopped(&[]));
    let [one, other] = [(); 2].map(|()| fleet.node_with(cluster.revocations(), SystemClock));
    for node in [&one, &other] {
        node.ready().await;
    }
    for sid in 0..100 {
        let revoked = Instant::now();
        one.revocations.revoke(&fleet.session(&sid.to_string())).await.unwrap();
        other.until_len(sid + 1).await;
        assert!(revoked.elapsed() < Duration::from_millis(500), "{:?}", revoked.elapsed());
    }
    for _ in 0..2 {
        let idle = Instant::now();
        other.until_heard().await;
        assert!(idle.elapsed() < Duration::from_millis(1500), "{:?}", idle.elapsed());
    }
    let stream = b"tower-bearer:test:revocations";
    let slot = cluster.slot_of(stream);
    let (owner, receiver) = if slot < SLOTS / 2 { (first, second) } else { (second, first) };
    let [owner_id, receiver_id] = [owner, receiver].map(|node| node.tell::<String>("CLUSTER MYID"));
    let _: Value = receiver.tell(&format!("CLUSTER SETSLOT {slot} IMPORTING {owner_id}"));
    let _: Value = owner.tell(&format!("CLUSTER SETSLOT {slot} MIGRATING {receiver_id}"));
    let port = receiver.port();
    let _: Value = owner.tell(&format!("MIGRATE 127.0.0.1 {port} tower-bearer:test:revocations 0 5000"));
    for node in [receiver, owner] {
        let _: Value = node.tell(&format!("CLUSTER SETSLOT {slot} NODE {receiver_id}"));
    }
    let session = fleet.session("moved");
    until_async("it can be appended again", async || one.revocations.revoke(&session).await.is_ok()).await;
    for node in [&one, &other] {
        node.until_len(101).await;
        node.until_heard().await;
    }
    let started = fleet.node_with(cluster.revocations(), SystemClock);
    started.ready().await;
    assert_eq!(started.revocations.len(), 101);
    drop((one, other, started));
    for node in [first, second] {
        until("the connections are closed", || node.clients() == 0).await;
    }
}

#[tokio::test]
async fn a_node_of_the_cluster_that_is_gone_is_found_again() {
    let mut cluster = Cluster::start().await;
    let fleet = Fleet::with(RedisServer::stopped(&[]));
    let [one, other] = [(); 2].map(|()| fleet.node_with(cluster.revocations(), SystemClock));
    for node in [&one, &other] {
        node.ready().await;
    }
    for sid in 0..10 {
        one.revocations.revoke(&fleet.session(&sid.to_string())).await.unwrap();
    }
    other.until_len(10).await;
    let owner = usize::from(cluster.slot_of(b"tower-bearer:test:revocations") >= SLOTS / 2);
    cluster.0[owner].kill();
    one.revocations.revoke(&fleet.session("10")).await.unwrap_err();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let heard = other.status().last_heard();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(other.status().last_heard(), heard);
    // It knows its part of the cluster, and its data is gone.
    assert!(cluster.0[owner].run());
    until_async("it can be appended again", async || one.revocations.revoke(&fleet.session("10")).await.is_ok()).await;
    other.until_len(11).await;
    until("what was lost is there again", || {
        cluster.0[owner].tell::<usize>("XLEN tower-bearer:test:revocations") == 11
    })
    .await;
}

#[test]
fn a_cluster_of_revocations_has_a_url() {
    let none: [&str; 0] = [];
    assert!(RedisRevocations::connect_cluster(none, "test").is_err());
    assert!(RedisRevocations::connect_cluster(["redis://127.0.0.1"], "test").is_ok());
    assert!(RedisRevocations::connect_cluster(["redis://127.0.0.1"], "a:b").is_err());
}
