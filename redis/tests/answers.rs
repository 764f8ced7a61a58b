//! What the store answers while Redis works, and what it keeps there.

use std::time::Duration;

use redis::Value;
use tower_bearer::dpop::Freshness;
use tower_bearer_redis::RedisReplayStore;

use crate::harness::{KEEP_FOR, RedisServer, insert, insert_for, key, until};

fn redis_key(namespace: &str, jti: &str) -> Vec<u8> {
    [b"tower-bearer:", namespace.as_bytes(), b":dpop:", &key(jti).as_bytes()[..]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_servers_one_accepts_each_of_a_thousand_proofs() {
    let redis = RedisServer::start(&[]);
    let stores = [redis.store(), redis.store()];
    let racing: Vec<_> = (0..1000)
        .map(|n| {
            stores.clone().map(|store| {
                tokio::spawn(async move {
                    // Nothing is in time, as long as 2,000 wait for one processor.
                    insert(&store.time_limit(Duration::from_secs(5)), &n.to_string()).await.unwrap()
                })
            })
        })
        .collect();
    for [one, other] in racing {
        let answers = [one.await.unwrap(), other.await.unwrap()];
        assert!(matches!(answers, [Freshness::Fresh, Freshness::Replayed] | [Freshness::Replayed, Freshness::Fresh]));
    }
    let keys: usize = redis.tell("DBSIZE");
    assert_eq!(keys, 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_uses_of_one_proof_one_is_accepted() {
    let redis = RedisServer::start(&[]);
    let stores = [redis.store(), redis.store(), redis.store()].map(|store| store.time_limit(Duration::from_secs(5)));
    let racing: Vec<_> = (0..1000)
        .map(|n| {
            let store = stores[n % 3].clone();
            tokio::spawn(async move { insert(&store, "the same").await.unwrap() })
        })
        .collect();
    let mut fresh = 0;
    for answer in racing {
        fresh += usize::from(answer.await.unwrap() == Freshness::Fresh);
    }
    assert_eq!(fresh, 1);
}

#[tokio::test]
async fn a_proof_costs_one_command_over_one_connection() {
    let redis = RedisServer::start(&[]);
    let store = redis.store();
    for n in 0..100 {
        assert_eq!(insert(&store, &n.to_string()).await.unwrap(), Freshness::Fresh);
        assert_eq!(insert(&store.clone(), &n.to_string()).await.unwrap(), Freshness::Replayed);
    }
    let calls = |command: &str| {
        let found = redis.info("commandstats", &format!("cmdstat_{command}"));
        found.and_then(|found| found.strip_prefix("calls=")?.split(',').next()?.parse::<u32>().ok()).unwrap_or(0)
    };
    assert_eq!(calls("set"), 200);
    assert_eq!(calls("get") + calls("exists") + calls("pexpire") + calls("ping"), 0);
    assert_eq!(calls("hello"), 1);
}

#[tokio::test]
async fn an_entry_stays_for_the_time_that_is_asked_for_rounded_up() {
    let redis = RedisServer::start(&[]);
    let store = redis.store();
    let left = |jti| -> u64 { redis.ask(&[b"PTTL", &redis_key("test", jti)]) };
    assert_eq!(insert(&store, "a").await.unwrap(), Freshness::Fresh);
    assert!((60_000..=75_000).contains(&left("a")), "{}", left("a"));
    // A repetition changes nothing.
    assert_eq!(insert_for(&store, "a", KEEP_FOR * 100).await.unwrap(), Freshness::Replayed);
    assert!(left("a") <= 75_000, "{}", left("a"));
    // Zero milliseconds are an error of Redis.
    for (n, short) in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1)].into_iter().enumerate() {
        let jti = format!("short {n}");
        assert_eq!(insert_for(&store, &jti, short).await.unwrap(), Freshness::Fresh);
        let exists = || redis.ask::<u32>(&[b"EXISTS", &redis_key("test", &jti)]) == 1;
        until("the entry ends", || !exists()).await;
        assert_eq!(insert(&store, &jti).await.unwrap(), Freshness::Fresh);
    }
    assert!(insert_for(&store, "forever", Duration::MAX).await.is_err());
}

#[tokio::test]
async fn servers_with_different_namespaces_do_not_see_each_others_proofs() {
    let redis = RedisServer::start(&[]);
    for namespace in ["a", "A", "a.b", "a-dpop"] {
        let store = RedisReplayStore::connect(&redis.url(), namespace).unwrap();
        assert_eq!(insert(&store, "1").await.unwrap(), Freshness::Fresh, "{namespace}");
        assert_eq!(insert(&store, "1").await.unwrap(), Freshness::Replayed, "{namespace}");
    }
    let keys: Vec<Vec<u8>> = redis.tell("KEYS tower-bearer:a:*");
    assert_eq!(keys, [redis_key("a", "1")]);
}

#[tokio::test]
async fn redis_gets_nothing_that_a_client_sent() {
    let redis = RedisServer::start(&[]);
    assert_eq!(insert(&redis.store(), "*3\r\n$3\r\nDEL").await.unwrap(), Freshness::Fresh);
    let keys: Vec<Vec<u8>> = redis.tell("KEYS *");
    assert_eq!(keys, [redis_key("test", "*3\r\n$3\r\nDEL")]);
    assert_eq!(keys[0].len(), "tower-bearer:test:dpop:".len() + 32);
    let value: String = redis.ask(&[b"GET", &keys[0]]);
    assert_eq!(value, "1");
}

#[tokio::test]
async fn a_key_of_another_type_is_no_fresh_proof() {
    let redis = RedisServer::start(&[]);
    let _: Value = redis.ask(&[b"RPUSH", &redis_key("test", "1"), b"x"]);
    assert_eq!(insert(&redis.store(), "1").await.unwrap(), Freshness::Replayed);
}

#[test]
fn a_store_needs_a_runtime_only_for_its_answers() {
    let redis = RedisServer::start(&[]);
    let store = redis.store();
    let run = |jti| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let answer = insert(&store, jti).await;
            if answer.is_err() { insert(&store, "another").await } else { answer }
        })
    };
    assert_eq!(run("1").unwrap(), Freshness::Fresh);
    // The connection has ended with the runtime that it was made in.
    assert_eq!(run("2").unwrap(), Freshness::Fresh);
}
