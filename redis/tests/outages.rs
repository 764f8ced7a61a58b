//! What the store answers while Redis does not, and afterwards. It is never `Fresh` by a guess.

use std::time::{Duration, Instant};

use redis::Value;
use tower_bearer::dpop::{Freshness, ReplayAnswer, ReplayStore};
use tower_bearer_redis::RedisReplayStore;

use crate::harness::{FakeServer, KEEP_FOR, Log, RedisServer, chain, entry, insert, until, when_back};

const LIMIT: Duration = Duration::from_millis(200);
/// The machine may be busy, but the server waits for 5 seconds.
const LATE: Duration = Duration::from_secs(4);

/// The text of the error for a proof, which comes in time.
async fn error_in_time(store: &RedisReplayStore, jti: &str) -> String {
    let started = Instant::now();
    let error = insert(store, jti).await.unwrap_err();
    assert!(started.elapsed() < LATE, "{:?}", started.elapsed());
    chain(&error)
}

#[tokio::test]
async fn redis_may_start_after_the_server() {
    let (log, _guard) = Log::start();
    let mut redis = RedisServer::stopped(&[]);
    let store = redis.store();
    for n in 0..100 {
        let error = error_in_time(&store, &n.to_string()).await;
        assert!(error.contains("there is no connection to Redis"), "{error}");
    }
    until("the log says so", || log.count("Redis cannot be reached") == 1).await;
    assert!(redis.run());
    assert_eq!(when_back(&store).await, Freshness::Fresh);
    assert_eq!(log.count("WARN"), 1, "{}", log.text());
}

#[tokio::test]
async fn redis_may_end_and_start_again() {
    let mut redis = RedisServer::start(&[]);
    let store = redis.store();
    for n in 0..3 {
        assert_eq!(insert(&store, &format!("before {n}")).await.unwrap(), Freshness::Fresh);
        redis.kill();
        for m in 0..100 {
            error_in_time(&store, &format!("during {n} {m}")).await;
        }
        assert!(redis.run());
        assert_eq!(when_back(&store).await, Freshness::Fresh);
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_an_error_in_time() {
    let redis = RedisServer::start(&[]);
    let store = redis.store().time_limit(LIMIT);
    assert_eq!(insert(&store, "before").await.unwrap(), Freshness::Fresh);
    redis.pause();
    // Over the connection that is there, and then over one that is not answered either.
    for n in 0..3 {
        let started = Instant::now();
        let error = error_in_time(&store, &format!("during {n}")).await;
        assert!(error.contains("within 200 ms"), "{error}");
        assert!(started.elapsed() >= LIMIT);
    }
    redis.resume();
    assert_eq!(when_back(&store).await, Freshness::Fresh);
    assert_eq!(insert(&store, "before").await.unwrap(), Freshness::Replayed);
}

#[tokio::test]
async fn a_command_whose_reply_is_lost_is_not_sent_again() {
    let redis = FakeServer::closing().await;
    let store = redis.store();
    for n in 1..=10 {
        let error = error_in_time(&store, "1").await;
        assert!(error.contains("its reply was lost"), "{error}");
        assert_eq!(redis.sets(), n);
    }
}

#[tokio::test]
async fn a_connection_without_any_reply_is_replaced() {
    let redis = FakeServer::hanging().await;
    let store = redis.store().time_limit(LIMIT);
    for n in 1..=3 {
        error_in_time(&store, "1").await;
        assert_eq!(redis.sets(), n);
        assert_eq!(redis.connections(), n);
    }
}

/// Otherwise no connection would ever be used, if connecting takes almost as long as a proof may wait.
#[tokio::test]
async fn a_new_connection_gets_the_whole_time_limit() {
    let redis = FakeServer::slow_to_connect(LIMIT * 3 / 4).await;
    let store = redis.store().time_limit(LIMIT);
    for _ in 0..2 {
        error_in_time(&store, "1").await;
        assert_eq!(redis.connections(), 1);
    }
    error_in_time(&store, "1").await;
    assert_eq!(redis.connections(), 2);
}

#[tokio::test]
async fn a_thousand_proofs_during_an_outage_make_one_attempt_to_connect_in_100_ms() {
    let redis = FakeServer::refusing().await;
    let store = redis.store();
    let started = Instant::now();
    let waiting: Vec<_> = (0..1000_usize)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { insert(&store, &n.to_string()).await })
        })
        .collect();
    for answer in waiting {
        answer.await.unwrap().unwrap_err();
    }
    let pauses = started.elapsed().as_millis() / 100;
    assert!(redis.connections() as u128 <= 1 + pauses, "{} in {:?}", redis.connections(), started.elapsed());
}

/// A server closes connections that are idle, and the next request is not to suffer.
#[tokio::test]
async fn a_connection_that_was_closed_costs_no_request() {
    let redis = RedisServer::start(&[]);
    let store = redis.store();
    assert_eq!(insert(&store, "before").await.unwrap(), Freshness::Fresh);
    // The question about its settings is not to be what notices. Its reply comes before that of the next proof.
    until("it is asked", || redis.info("commandstats", "cmdstat_config|get").is_some()).await;
    for n in 0..20 {
        assert_eq!(insert(&store, &n.to_string()).await.unwrap(), Freshness::Fresh, "{n}");
        let _: Value = redis.tell("CLIENT KILL TYPE normal SKIPME yes");
        until("it is closed", || redis.tell::<String>("CLIENT LIST TYPE normal").lines().count() == 1).await;
        // The end of the connection has arrived, and the runtime has to read it.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    }
}

/// Its name may lead to the new primary by now.
#[tokio::test]
async fn a_former_primary_is_left() {
    let redis = RedisServer::start(&[]);
    let store = redis.store();
    assert_eq!(insert(&store, "1").await.unwrap(), Freshness::Fresh);
    let _: Value = redis.tell("REPLICAOF 127.0.0.1 1");
    let before: u64 = redis.info("stats", "total_connections_received").unwrap().parse().unwrap();
    for n in 0..3 {
        let error = error_in_time(&store, &format!("during {n}")).await;
        assert!(error.contains("ReadOnly"), "{error}");
    }
    let after: u64 = redis.info("stats", "total_connections_received").unwrap().parse().unwrap();
    // The second and the third one connected anew, and so did the test itself, once.
    assert_eq!(after - before, 3);
    let _: Value = redis.tell("REPLICAOF NO ONE");
    assert_eq!(insert(&store, "2").await.unwrap(), Freshness::Fresh);
}

/// A client that disconnects must not leave the proof usable twice.
#[tokio::test]
async fn a_request_that_is_given_up_leaves_at_most_one_use() {
    let redis = RedisServer::start(&[]);
    let stores = [redis.store(), redis.store()];
    for n in 0..200_usize {
        let jti = n.to_string();
        let ReplayAnswer::Later(mut answer) = stores[0].insert(entry(&jti, KEEP_FOR)) else { panic!("it waits") };
        let mut given = None;
        for _ in 0..n % 8 {
            if given.is_none() {
                given = tokio::time::timeout(Duration::ZERO, &mut answer).await.ok();
            }
        }
        drop(answer);
        let mut fresh = usize::from(matches!(given, Some(Ok(Freshness::Fresh))));
        for store in [&stores[1], &stores[0], &stores[1]] {
            fresh += usize::from(insert(store, &jti).await.unwrap() == Freshness::Fresh);
        }
        assert!(fresh <= 1, "{n}");
    }
}
