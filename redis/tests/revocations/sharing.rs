//! What one node revokes, the others refuse.

use std::time::{Duration, Instant};

use tower_bearer::revocation::{FeedKind, Revocation, Revocations};
use tower_bearer_redis::RedisRevocations;

use crate::harness::{AUDIENCE, Fleet, GOAL, STREAM, TOKEN_LIFE, until};

#[tokio::test]
async fn each_kind_of_revocation_comes_to_the_other_node_in_one_command() {
    let fleet = Fleet::start(&[]);
    let (one, other) = (fleet.node().await, fleet.node().await);
    let url = fleet.issuer.url();
    let token = |name: &str| {
        let claims = fleet.issuer.token().audience(AUDIENCE).subject(&format!("{name} sub"));
        claims
            .client_id(&format!("{name} app"))
            .claim("sid", format!("{name} s"))
            .claim("jti", format!("{name} j"))
            .sign()
    };
    let innocent = token("innocent");
    for (n, (name, revocation)) in [
        ("a", Revocation::session(url, "a s")),
        ("b", Revocation::token(url, "b j")),
        ("c", Revocation::subject(url, "c sub")),
        ("d", Revocation::client(url, "d app")),
        ("e", Revocation::session_of(url, "e s", "e sub")),
        ("f", Revocation::issuer(url)),
    ]
    .into_iter()
    .enumerate()
    {
        let token = token(name);
        assert!(!other.refuses(&token).await && !other.refuses(&innocent).await, "{name}");
        one.revocations.revoke(&revocation).await.unwrap();
        assert!(one.refuses(&token).await, "{name}");
        other.until_refused(&token).await;
        assert_eq!(fleet.stream_len(), n + 1);
    }
    assert_eq!(fleet.redis.calls("xadd"), 6);
    assert_eq!(fleet.redis.tell::<Vec<String>>("KEYS *"), [STREAM]);
}

/// Nearly always, and always in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_node_refuses_within_milliseconds() {
    let fleet = Fleet::start(&[]);
    let (one, other) = (fleet.node().await, fleet.node().await);
    let mut latencies = Vec::new();
    for sid in 0..10_000 {
        let sid = sid.to_string();
        let token = fleet.token(&sid);
        assert!(!other.refuses(&token).await);
        let revocation = fleet.session(&sid);
        let started = Instant::now();
        one.revocations.revoke(&revocation).await.unwrap();
        while !other.refuses(&token).await {
            assert!(started.elapsed() <= GOAL, "{sid}");
            tokio::task::yield_now().await;
        }
        latencies.push(started.elapsed());
    }
    latencies.sort();
    let [p50, p99, max] = [5000, 9900, 9999].map(|n| latencies[n]);
    println!("from the call of `revoke` to the refusal on the other node: p50 {p50:?}, p99 {p99:?}, max {max:?}");
    assert!(max <= GOAL, "{max:?}");
}

#[tokio::test]
async fn a_node_has_its_table_before_it_is_ready() {
    let fleet = Fleet::start(&[]);
    let one = fleet.node().await;
    let mut appends = tokio::task::JoinSet::new();
    for sid in 0..3000 {
        appends.spawn(one.revocations.revoke(&fleet.session(&sid.to_string())));
    }
    assert!(appends.join_all().await.into_iter().all(|appended| appended.is_ok()));
    for _ in 0..3 {
        fleet.redis.pause();
        let started = fleet.starting_node();
        // Its keys are there.
        assert!(!started.refuses(&fleet.token("another")).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!started.server.is_ready() && !started.status().is_ready() && started.status().is_stale());
        let patience = Duration::from_millis(50);
        assert!(tokio::time::timeout(patience, started.server.ready()).await.is_err());
        assert_eq!(started.revocations.len(), 0);
        fleet.redis.resume();
        started.ready().await;
        assert_eq!(started.revocations.len(), 3000);
        assert!(started.server.is_ready() && started.status().is_ready() && !started.status().is_stale());
        assert_eq!(started.status().kind(), FeedKind::Store);
        for token in fleet.sessions([0, 1, 199, 200, 201, 1500, 2999]) {
            assert!(started.refuses(&token).await);
        }
    }
}

#[tokio::test]
async fn an_empty_stream_is_known_at_once() {
    let fleet = Fleet::start(&[]);
    let started = Instant::now();
    let node = fleet.node().await;
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
    assert!(node.revocations.is_empty());
}

#[tokio::test]
async fn two_services_on_one_redis_see_nothing_of_each_other() {
    let fleet = Fleet::start(&[]);
    let other = RedisRevocations::connect(&fleet.redis.url(), "other").unwrap().time_limit(Duration::from_secs(5));
    let other = fleet.node_with(Revocations::new(TOKEN_LIFE).share(other), tower_bearer::clock::SystemClock);
    other.ready().await;
    let (one, same) = (fleet.node().await, fleet.node().await);
    one.revocations.revoke(&fleet.session("a")).await.unwrap();
    other.revocations.revoke(&fleet.session("b")).await.unwrap();
    same.until_len(1).await;
    other.until_heard().await;
    let [a, b] = ["a", "b"].map(|sid| fleet.token(sid));
    assert!(one.refuses(&a).await && same.refuses(&a).await && !other.refuses(&a).await);
    assert!(!one.refuses(&b).await && !same.refuses(&b).await && other.refuses(&b).await);
}

/// Freshness is evidence that Redis has answered, so it comes while there is nothing new.
#[tokio::test]
async fn an_idle_store_is_heard_every_second_over_one_connection() {
    let fleet = Fleet::start(&[]);
    let node = fleet.node().await;
    let connections = || fleet.redis.info("stats", "total_connections_received").unwrap().parse::<u64>().unwrap();
    let before = connections();
    for _ in 0..2 {
        let started = Instant::now();
        node.until_heard().await;
        assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    }
    // Its own.
    assert_eq!(connections(), before + 1);
    // Few commands, although it waits for what comes.
    let calls = fleet.redis.calls("xread");
    assert!((2..=5).contains(&calls), "{calls}");
    assert!(fleet.redis.calls("xinfo|stream") <= 5);
    assert_eq!(fleet.redis.calls("xtrim"), 1);
}

#[tokio::test]
async fn the_task_and_its_connections_end_with_the_last_handle() {
    let fleet = Fleet::start(&[]);
    for _ in 0..3 {
        let node = fleet.node().await;
        node.revocations.revoke(&fleet.session("a")).await.unwrap();
        until("it has two connections", || fleet.redis.clients() == 2).await;
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        // The server still refuses what is revoked.
        let (revocations, server) = (node.revocations, node.server);
        drop(revocations);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(fleet.redis.clients(), 2);
        let started = Instant::now();
        drop(server);
        until("its connections are closed", || fleet.redis.clients() == 0).await;
        // A read that waits at Redis is not waited for.
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
        until("its tasks have ended", || tokio::runtime::Handle::current().metrics().num_alive_tasks() < tasks).await;
    }
}
