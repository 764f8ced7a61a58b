//! The store in a cluster of two nodes.

use redis::Value;
use tower_bearer::dpop::Freshness;
use tower_bearer_redis::RedisReplayStore;

use crate::harness::{RedisServer, chain, free_port, insert, key, until};

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

    /// The slot of a proof.
    fn slot(&self, jti: &str) -> u32 {
        let key = [b"tower-bearer:test:dpop:", &key(jti).as_bytes()[..]].concat();
        self.0[0].ask(&[b"CLUSTER", b"KEYSLOT", &key])
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
