//! What happens while Redis does not answer, and afterwards.

use std::time::{Duration, Instant};

use redis::Value;
use tower_bearer::clock::SystemClock;
use tower_bearer::revocation::{Revocation, Revocations, RevokeError};
use tower_bearer::validation::VerifyError;
use tower_bearer_redis::RedisRevocations;

use crate::harness::{
    Fleet, Log, Proxy, RedisServer, TOKEN_LIFE, chain, failures_of, kill_redis_while_revoking, until, until_async,
};

/// How long a `revoke` may take: its limit is 500 ms, but the machine may be busy.
const LATE: Duration = Duration::from_secs(4);

async fn error_in_time(revocations: &Revocations, fleet: &Fleet, sid: &str) -> String {
    let started = Instant::now();
    let Err(RevokeError::Store(error)) = revocations.revoke(&fleet.session(sid)).await else {
        panic!("it has no store")
    };
    assert!(started.elapsed() < LATE, "{:?}", started.elapsed());
    chain(&error)
}

#[tokio::test]
async fn redis_may_start_after_the_node() {
    let (log, _guard) = Log::start();
    let mut fleet = Fleet::with(RedisServer::stopped(&[]));
    let node = fleet.starting_node();
    for n in 0..20 {
        let error = error_in_time(&node.revocations, &fleet, &n.to_string()).await;
        assert!(error.contains("there is no connection to Redis"), "{error}");
        // Here it counts at once.
        assert!(node.refuses(&fleet.token(&n.to_string())).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!node.server.is_ready());
    assert!(fleet.redis.run());
    node.ready().await;
    // What has failed is to be revoked again.
    let other = fleet.node().await;
    assert_eq!(other.revocations.len(), 0);
    for n in 0..20 {
        node.revocations.revoke(&fleet.session(&n.to_string())).await.unwrap();
    }
    other.until_len(20).await;
    assert_eq!((log.count("WARN"), log.count("does not answer")), (1, 1), "{}", log.text());
    assert_eq!(log.count("answers again"), 1, "{}", log.text());
}

/// No revocation is confirmed that others do not get.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed_and_started_again_during_ten_thousand_revocations() {
    kill_redis_while_revoking(|fleet, node| {
        let (revocations, issuer) = (node.revocations.clone(), fleet.issuer.url().to_owned());
        move |name| {
            let (revocations, session) = (revocations.clone(), Revocation::session(&issuer, &name));
            failures_of(async move || revocations.revoke(&session).await.is_ok())
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_hangs_is_an_error_in_time_and_shows_as_stale() {
    let fleet = Fleet::start(&[]);
    let after = Duration::from_secs(2);
    let store = RedisRevocations::connect(&fleet.redis.url(), "test").unwrap();
    let revocations = Revocations::new(TOKEN_LIFE).share_and_refuse_when_stale(store, after);
    let node = fleet.node_with(revocations, SystemClock);
    node.ready().await;
    let token = fleet.token("s");
    assert!(!node.refuses(&token).await);
    node.until_heard().await;
    fleet.redis.pause();
    let paused = Instant::now();
    let error = error_in_time(&node.revocations, &fleet, "another").await;
    assert!(error.contains("within 500 ms"), "{error}");
    until("it is not ready", || !node.server.is_ready()).await;
    // Something may have come just before it was paused.
    assert!(paused.elapsed() < after + Duration::from_secs(1), "{:?}", paused.elapsed());
    let error = node.server.verify(&token).await.unwrap_err();
    assert!(matches!(error, VerifyError::RevocationsUnavailable { .. }), "{error}");
    assert!(node.status().is_stale());
    fleet.redis.resume();
    until("it is ready again", || node.server.is_ready()).await;
    assert!(!node.refuses(&token).await);
}

/// As a firewall that has forgotten the connection.
#[tokio::test]
async fn a_connection_over_which_nothing_comes_is_replaced() {
    let fleet = Fleet::start(&[]);
    let proxy = Proxy::start(fleet.redis.port()).await;
    let node = fleet.node_behind(&proxy).await;
    let other = fleet.node().await;
    until("its policy is known", || fleet.redis.info("commandstats", "cmdstat_config|get").is_some()).await;
    let before = proxy.accepted();
    proxy.stall();
    other.revocations.revoke(&fleet.session("s")).await.unwrap();
    let started = Instant::now();
    node.until_refused(&fleet.token("s")).await;
    // One second in which there may be nothing, and two for the reply.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(proxy.accepted(), before + 1);
}

#[tokio::test]
async fn it_connects_again_at_most_once_a_second() {
    let fleet = Fleet::start(&[]);
    let proxy = Proxy::start(fleet.redis.port()).await;
    let node = fleet.node_behind(&proxy).await;
    proxy.close();
    let before = proxy.accepted();
    tokio::time::sleep(Duration::from_millis(3300)).await;
    // At once, after 100, 200, 400 and 800 ms, and then every second.
    let attempts = proxy.accepted() - before;
    assert!((4..=7).contains(&attempts), "{attempts}");
    proxy.open();
    let opened = Instant::now();
    node.until_heard().await;
    assert!(opened.elapsed() < Duration::from_secs(2), "{:?}", opened.elapsed());
    // The first pause is short again.
    let _: Value = fleet.redis.tell("CLIENT KILL TYPE normal SKIPME yes");
    let killed = Instant::now();
    node.until_heard().await;
    assert!(killed.elapsed() < Duration::from_millis(900), "{:?}", killed.elapsed());
}

/// Its name may lead to the new primary by now.
#[tokio::test]
async fn a_former_primary_is_left() {
    let fleet = Fleet::start(&[]);
    let node = fleet.node().await;
    node.revocations.revoke(&fleet.session("before")).await.unwrap();
    let _: Value = fleet.redis.tell("REPLICAOF 127.0.0.1 1");
    // What it has replied before arrives.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let heard = node.status().last_heard();
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(node.status().last_heard(), heard);
    let error = error_in_time(&node.revocations, &fleet, "during").await;
    assert!(error.contains("ReadOnly"), "{error}");
    let _: Value = fleet.redis.tell("REPLICAOF NO ONE");
    node.until_heard().await;
    node.revocations.revoke(&fleet.session("during")).await.unwrap();
    assert_eq!(fleet.node().await.revocations.len(), 2);
}

/// The entry may be there all the same, and once more after the next attempt.
#[tokio::test]
async fn a_revocation_whose_reply_is_lost_may_be_repeated() {
    let fleet = Fleet::start(&[]);
    let store = fleet.store().time_limit(Duration::from_millis(200));
    let node = fleet.node_with(Revocations::new(TOKEN_LIFE).share(store), SystemClock);
    node.ready().await;
    for sid in 0..3 {
        fleet.redis.pause();
        error_in_time(&node.revocations, &fleet, &sid.to_string()).await;
        fleet.redis.resume();
        until_async("it works again", async || node.revocations.revoke(&fleet.session(&sid.to_string())).await.is_ok())
            .await;
    }
    assert!(fleet.stream_len() >= 3);
    assert_eq!(fleet.node().await.revocations.len(), 3);
}
