//! Replies of Redis that are no answer.

use redis::Value;
use tower_bearer::dpop::Freshness;
use tower_bearer_redis::RedisReplayStore;

use crate::harness::{FakeServer, RedisServer, chain, insert};

#[tokio::test]
async fn only_ok_is_fresh_and_only_nil_is_replayed() {
    for (reply, expected) in [
        ("+OK\r\n", Some(Freshness::Fresh)),
        ("_\r\n", Some(Freshness::Replayed)),
        ("$-1\r\n", Some(Freshness::Replayed)),
        ("+QUEUED\r\n", None),
        ("+ok\r\n", None),
        ("+OKAY\r\n", None),
        ("+\r\n", None),
        ("$2\r\nOK\r\n", None),
        ("$0\r\n\r\n", None),
        (":0\r\n", None),
        (":1\r\n", None),
        ("#t\r\n", None),
        (",1.5\r\n", None),
        ("*0\r\n", None),
        ("*1\r\n+OK\r\n", None),
        ("%0\r\n", None),
        ("-ERR unknown command\r\n", None),
        ("-OK\r\n", None),
        ("!2\r\nOK\r\n", None),
        ("-MOVED 1 127.0.0.1:1\r\n", None),
        ("-LOADING Redis is loading the dataset in memory\r\n", None),
        ("-MISCONF Redis is configured to save RDB snapshots\r\n", None),
        ("-NOREPLICAS Not enough good replicas to write.\r\n", None),
        ("HTTP/1.1 200 OK\r\n\r\n", None),
    ] {
        let redis = FakeServer::replying(reply).await;
        assert_eq!(insert(&redis.store(), "1").await.ok(), expected, "{reply:?}");
        assert_eq!(redis.sets(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn full_memory_is_an_error_until_there_is_room() {
    let redis = RedisServer::start(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]);
    let store = redis.store();
    for n in 0..3 {
        let error = insert(&store, &n.to_string()).await.unwrap_err();
        assert!(chain(&error).contains("OOM"), "{}", chain(&error));
    }
    let _: Value = redis.tell("CONFIG SET maxmemory 0");
    assert_eq!(insert(&store, "1").await.unwrap(), Freshness::Fresh);
}

#[tokio::test]
async fn a_password_is_needed_if_redis_wants_one_and_is_never_shown() {
    let redis = RedisServer::start(&["--requirepass", "correct-password"]);
    let store =
        |user: &str| RedisReplayStore::connect(&redis.url().replace("//", &format!("//{user}@")), "test").unwrap();
    let with_password = store(":correct-password");
    assert_eq!(insert(&with_password, "1").await.unwrap(), Freshness::Fresh);
    assert_eq!(insert(&store("default:correct-password"), "1").await.unwrap(), Freshness::Replayed);
    assert!(!format!("{with_password:?}").contains("password"));
    for wrong in [redis.store(), store(":wrong-password"), store("somebody:wrong-password")] {
        let error = insert(&wrong, "2").await.unwrap_err();
        let text = format!("{} {error:?}", chain(&error));
        assert!(!text.contains("wrong-password") && !text.contains("correct-password"), "{text}");
    }
    assert_eq!(insert(&with_password, "2").await.unwrap(), Freshness::Fresh);
}
