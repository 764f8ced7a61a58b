//! What is in the stream: entries that cannot be read, and more of them than there is room for.

use std::time::Duration;

use redis::Value;
use tower_bearer::clock::SystemClock;
use tower_bearer::revocation::{Revocation, RevocationRecord, Revocations, RevokeError};
use tower_bearer::testing::TestClock;

use crate::harness::{Fleet, Log, STREAM, TOKEN_LIFE, until};

#[tokio::test]
async fn an_entry_is_one_field_with_the_record_as_json() {
    let fleet = Fleet::start(&[]);
    let node = fleet.node().await;
    node.revocations.revoke(&fleet.session("s")).await.unwrap();
    let entries: Vec<(String, Vec<String>)> = fleet.redis.tell(&format!("XRANGE {STREAM} - +"));
    let [(_, fields)] = &entries[..] else { panic!("{entries:?}") };
    let [name, record] = &fields[..] else { panic!("{fields:?}") };
    assert_eq!(name, "record");
    let record = RevocationRecord::from_json(record).unwrap();
    assert_eq!(record.keep_for(), TOKEN_LIFE + Duration::from_secs(120));
}

/// Otherwise an update of the service would stop its older processes.
#[tokio::test]
async fn what_cannot_be_read_is_skipped_and_logged_once() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&[]);
    let node = fleet.node().await;
    node.revocations.revoke(&fleet.session("before")).await.unwrap();
    let good: Vec<(String, Vec<String>)> = fleet.redis.tell(&format!("XRANGE {STREAM} - +"));
    let good = &good[0].1[1];
    let add = |fields: &[&[u8]]| {
        let _: Value = fleet.redis.ask(&[&[b"XADD", STREAM.as_bytes(), b"*"], fields].concat());
    };
    add(&[b"record", good.replace("\"v\":1", "\"v\":2").as_bytes()]);
    add(&[b"record", b""]);
    add(&[b"record", b"{"]);
    add(&[b"record", b"\xff"]);
    add(&[b"another", b"field"]);
    add(&[b"another", b"field", b"record", good.replace("before", "more fields").as_bytes()]);
    node.revocations.revoke(&fleet.session("after")).await.unwrap();
    let later = fleet.node().await;
    for node in [&node, &later] {
        for name in ["before", "more fields", "after"] {
            node.until_refused(&fleet.token(name)).await;
        }
        node.until_heard().await;
        assert_eq!(node.revocations.len(), 3);
    }
    assert_eq!(log.count("WARN"), 2, "{}", log.text());
    assert_eq!(log.count("cannot be read"), 2, "{}", log.text());
    // It is not read again and again, either.
    add(&[b"another", b"field"]);
    tokio::join!(node.until_heard(), later.until_heard());
    let calls = || fleet.redis.calls("xread");
    let before = calls();
    tokio::join!(node.until_heard(), later.until_heard());
    assert!(calls() - before <= 6, "{}", calls() - before);
    assert!(log.text().contains("found version 2"), "{}", log.text());
}

#[tokio::test]
async fn a_key_that_is_no_stream_is_an_error_until_it_is_gone() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&[]);
    let _: Value = fleet.redis.tell(&format!("SET {STREAM} 1"));
    let node = fleet.starting_node();
    until("it is logged", || log.count("WRONGTYPE") == 1).await;
    let error = node.revocations.revoke(&fleet.session("a")).await.unwrap_err();
    assert!(matches!(error, RevokeError::Store(_)));
    assert!(!node.server.is_ready());
    let _: Value = fleet.redis.tell(&format!("DEL {STREAM}"));
    node.ready().await;
    node.revocations.revoke(&fleet.session("a")).await.unwrap();
    assert_eq!(fleet.node().await.revocations.len(), 1);
}

#[tokio::test]
async fn what_there_is_no_room_for_is_read_again_and_nothing_is_forgotten() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&[]);
    let clock = TestClock::new();
    let with = |quota| Revocations::new(TOKEN_LIFE).quota(quota).clock(clock.clone());
    let large = fleet.node_with(with(100).share(fleet.store()), clock.clone());
    let small = fleet.node_with(with(3).share(fleet.store()), clock.clone());
    small.ready().await;
    for sid in ["0", "1"] {
        large.revocations.revoke(&fleet.session(sid)).await.unwrap();
    }
    small.until_len(2).await;
    // They end before what comes now.
    clock.advance(TOKEN_LIFE / 2);
    for sid in ["2", "3", "4"] {
        large.revocations.revoke(&fleet.session(sid)).await.unwrap();
    }
    // Later ones are applied all the same: of another issuer, which has room.
    large.revocations.revoke(&Revocation::session("https://other.example.com", "a")).await.unwrap();
    small.until_len(4).await;
    until("it is logged", || log.count("until there is room") == 1).await;
    let heard = small.status().last_heard();
    clock.advance(Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(small.status().last_heard(), heard);
    assert_eq!(log.count("until there is room"), 1, "{}", log.text());
    let late = fleet.node_with(with(3).share(fleet.store()), SystemClock);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!late.status().is_ready());
    // There is room when the first two have ended.
    clock.advance(TOKEN_LIFE / 2 + Duration::from_secs(300));
    until("all are known", || small.revocations.len() == 4).await;
    until("it is up to date", || small.status().last_heard() > heard).await;
    for token in fleet.sessions([2, 3, 4]) {
        // The token is of the system's time, and does not matter to the table.
        assert!(small.server.verify(&token).await.is_err());
    }
}
