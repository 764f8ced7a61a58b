//! What a store is made from, and what it says about Redis' settings.

use std::time::Duration;

use redis::Value;
use tower_bearer::dpop::Freshness;
use tower_bearer_redis::RedisReplayStore;

use crate::harness::{Log, RedisServer, chain, insert, until};

#[test]
fn a_url_or_a_namespace_that_is_not_well_formed_is_an_error_that_shows_no_password() {
    for url in [
        "",
        "cache.example.com",
        "https://user:secret-word@cache.example.com",
        "redis://user:secret-word@",
        "redis://user:secret-word@host:port",
        "redis://:secret-word@cache.example.com/database",
    ] {
        let error = RedisReplayStore::connect(url, "test").unwrap_err();
        assert!(chain(&error).starts_with("expected the URL of a Redis server"), "{}", chain(&error));
        assert!(!format!("{} {error:?}", chain(&error)).contains("secret-word"), "{url}: {error:?}");
    }
    for namespace in ["", "a:b", "a b", "*"] {
        let error = RedisReplayStore::connect("redis://127.0.0.1", namespace).unwrap_err();
        assert!(error.to_string().contains("as the namespace"), "{error}");
    }
}

#[test]
fn tls_is_a_feature() {
    assert_eq!(RedisReplayStore::connect("rediss://127.0.0.1", "test").is_ok(), cfg!(feature = "tls"));
}

#[test]
fn a_time_limit_is_between_10_ms_and_that_of_the_server() {
    for (limit, expected) in [(Duration::ZERO, "10ms"), (Duration::from_millis(700), "700ms"), (Duration::MAX, "5s")] {
        let store = RedisReplayStore::connect("redis://127.0.0.1", "orders").unwrap().time_limit(limit);
        let shown = format!("RedisReplayStore {{ namespace: \"orders\", time_limit: {expected}, .. }}");
        assert_eq!(format!("{store:?}"), shown);
    }
}

/// What one store has logged after a hundred proofs.
async fn log_with(redis: &RedisServer, url: &str, expected: &str) -> Log {
    let (log, _guard) = Log::start();
    let store = RedisReplayStore::connect(url, "test").unwrap();
    for n in 0..100 {
        assert_eq!(insert(&store, &n.to_string()).await.unwrap(), Freshness::Fresh);
    }
    let asked = || redis.info("commandstats", "cmdstat_config|get").is_some();
    until("it asks for the policy", asked).await;
    if !expected.is_empty() {
        until(expected, || log.count(expected) > 0).await;
    }
    assert_eq!(insert(&store, "the last").await.unwrap(), Freshness::Fresh);
    log
}

#[tokio::test]
async fn a_policy_that_forgets_proofs_is_logged_once() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let redis = RedisServer::start(&["--maxmemory-policy", policy]);
        let log = log_with(&redis, &redis.url(), "maxmemory-policy").await;
        assert_eq!((log.count("WARN"), log.count("INFO")), (1, 0), "{}", log.text());
        assert!(log.text().contains(policy), "{}", log.text());
    }
}

#[tokio::test]
async fn the_right_policy_is_not_logged() {
    let redis = RedisServer::start(&[]);
    let log = log_with(&redis, &redis.url(), "").await;
    assert_eq!(log.text(), "");
}

#[tokio::test]
async fn a_user_that_may_only_set_suffices_and_the_unknown_policy_is_logged_once_as_information() {
    let redis = RedisServer::start(&[]);
    let _: Value = redis.tell("ACL SETUSER api on >secret-word ~tower-bearer:test:* +set");
    let url = redis.url().replace("//", "//api:secret-word@");
    let log = log_with(&redis, &url, "could not be read").await;
    assert_eq!((log.count("WARN"), log.count("INFO")), (0, 1), "{}", log.text());
    assert!(!log.text().contains("secret-word"));
}
