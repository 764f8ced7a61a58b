//! What the store of revocations is made from, and what it may do at Redis.

use std::time::Duration;

use redis::Value;
use tower_bearer::clock::SystemClock;
use tower_bearer::revocation::Revocations;
use tower_bearer_redis::RedisRevocations;

use crate::harness::{Fleet, Log, Node, TOKEN_LIFE, chain, store_at, until};

#[test]
fn a_url_or_a_namespace_that_is_not_well_formed_is_an_error_that_shows_no_password() {
    for url in ["", "cache.example.com", "https://user:secret-word@cache.example.com", "redis://user:secret-word@"] {
        let error = RedisRevocations::connect(url, "test").unwrap_err();
        assert!(chain(&error).starts_with("expected the URL of a Redis server"), "{}", chain(&error));
        assert!(!format!("{} {error:?}", chain(&error)).contains("secret-word"), "{url}: {error:?}");
    }
    for namespace in ["", "a:b", "a b", "*", "{a}"] {
        let error = RedisRevocations::connect("redis://127.0.0.1", namespace).unwrap_err();
        assert!(error.to_string().contains("as the namespace"), "{error}");
    }
}

#[test]
fn a_time_limit_is_bounded_and_shown_without_the_url() {
    for (limit, expected) in [(Duration::ZERO, "10ms"), (Duration::from_millis(700), "700ms"), (Duration::MAX, "5s")] {
        let store = RedisRevocations::connect("redis://:secret-word@127.0.0.1", "orders").unwrap().time_limit(limit);
        let shown = format!("RedisRevocations {{ namespace: \"orders\", time_limit: {expected}, .. }}");
        assert_eq!(format!("{store:?}"), shown);
    }
}

fn node(fleet: &Fleet, url: &str) -> Node {
    fleet.node_with(Revocations::new(TOKEN_LIFE).share(store_at(url)), SystemClock)
}

/// The user of the README.
#[tokio::test]
async fn a_user_with_the_documented_rights_suffices() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&[]);
    let rights = "+xadd +xread +xtrim +xinfo|stream +config|get";
    assert!(include_str!("../../README.md").contains(rights));
    let _: Value = fleet.redis.tell(&format!("ACL SETUSER api on >secret-word ~tower-bearer:test:* {rights}"));
    let url = fleet.redis.url().replace("//", "//api:secret-word@");
    let (one, other) = (node(&fleet, &url), node(&fleet, &url));
    other.ready().await;
    one.revocations.revoke(&fleet.session("a")).await.unwrap();
    other.until_len(1).await;
    other.until_heard().await;
    other.until_heard().await;
    assert_eq!(log.count("tower_bearer_redis"), 0, "{}", log.text());
}

#[tokio::test]
async fn rights_that_are_missing_are_logged_once_or_are_an_error() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&[]);
    let _: Value = fleet.redis.tell("ACL SETUSER api on >secret-word ~tower-bearer:test:* +xread +xinfo|stream +xadd");
    let url = fleet.redis.url().replace("//", "//api:secret-word@");
    let node = node(&fleet, &url);
    node.ready().await;
    node.revocations.revoke(&fleet.session("a")).await.unwrap();
    until("that it grows is logged", || log.count("cannot be trimmed") == 1).await;
    until("the unknown policy is logged", || log.count("could not be read") == 1).await;
    // It would be logged with each connection.
    let _: Value = fleet.redis.tell("CLIENT KILL TYPE normal SKIPME yes");
    node.until_heard().await;
    node.until_heard().await;
    let warnings = log.count("cannot be trimmed") + log.count("could not be read");
    assert_eq!((warnings, log.count("tower_bearer_redis")), (2, 2), "{}", log.text());
    let _: Value = fleet.redis.tell("ACL SETUSER api -xadd");
    node.revocations.revoke(&fleet.session("b")).await.unwrap_err();
    assert!(!log.text().contains("secret-word"));
}

#[tokio::test]
async fn a_policy_that_may_remove_the_stream_is_logged_once() {
    for (policy, expected) in [("allkeys-lru", 1), ("noeviction", 0)] {
        let (log, _guard) = Log::start();
        let fleet = Fleet::start(&["--maxmemory-policy", policy]);
        let node = fleet.node().await;
        until("it asks for the policy", || fleet.redis.info("commandstats", "cmdstat_config|get").is_some()).await;
        node.until_heard().await;
        assert_eq!((log.count("lets it evict revocations"), log.count("WARN")), (expected, expected), "{}", log.text());
    }
}
