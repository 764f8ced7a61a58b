//! A node cannot reach Redis for a while, and meanwhile the stream is trimmed beyond what the node has read, as by an operator's `XTRIM`.

use std::ops::Range;
use std::time::Duration;

use redis::Value;

use super::losses::LOST;
use crate::harness::{Fleet, Log, Node, Proxy, STREAM, until};

/// The stream keeps this many of its entries.
fn trim(fleet: &Fleet, kept: usize) {
    let _: Value = fleet.redis.tell(&format!("XTRIM {STREAM} MAXLEN {kept}"));
    assert_eq!(fleet.stream_len(), kept);
}

async fn until_stream_has(fleet: &Fleet, sids: Range<usize>) {
    let expected: Vec<_> = sids.collect();
    until("the stream has them", || {
        let mut names: Vec<usize> = fleet.names_in_stream().iter().map(|name| name.parse().unwrap()).collect();
        names.sort_unstable();
        names == expected
    })
    .await;
}

/// Two nodes that have appended ten entries each and know all. The second one reaches Redis through the proxy.
async fn two_nodes(fleet: &Fleet, proxy: &Proxy) -> [Node; 2] {
    let nodes = [fleet.node().await, fleet.node_behind(proxy).await];
    nodes[0].revoke(fleet, 0..10).await;
    nodes[1].revoke(fleet, 10..20).await;
    tokio::join!(nodes[0].until_len(20), nodes[1].until_len(20));
    tokio::join!(nodes[0].until_heard(), nodes[1].until_heard());
    nodes
}

/// The one that was away reads the whole stream again, and appends what it had appended itself.
#[tokio::test]
async fn a_node_that_was_away_gets_what_was_trimmed_from_the_node_that_appended_it() {
    for is_appended_before_it_is_back in [true, false] {
        let (log, _guard) = Log::start();
        let fleet = Fleet::start(&[]);
        let proxy = Proxy::start(fleet.redis.port()).await;
        let [one, away] = two_nodes(&fleet, &proxy).await;
        proxy.close();
        until("its connections are closed", || fleet.redis.clients() == 2).await;
        one.revoke(&fleet, 20..320).await;
        trim(&fleet, 5);
        if is_appended_before_it_is_back {
            until("the other node has noticed", || log.count(LOST) == 1).await;
            until("it has appended them again", || fleet.stream_len() == 310).await;
        }
        assert_eq!(away.revocations.len(), 20);
        proxy.open();
        away.until_len(320).await;
        until_stream_has(&fleet, 0..320).await;
        for token in fleet.sessions([0, 10, 19, 20, 21, 200, 314, 315, 319]) {
            assert!(away.refuses(&token).await);
        }
        assert_eq!((log.count(LOST), fleet.node().await.revocations.len()), (2, 320), "{}", log.text());
    }
}

/// Nothing comes over its connections, which it notices only after some seconds.
#[tokio::test]
async fn a_node_whose_connections_hang_while_the_stream_is_trimmed_misses_nothing() {
    let fleet = Fleet::start(&[]);
    let proxy = Proxy::start(fleet.redis.port()).await;
    let [one, behind] = two_nodes(&fleet, &proxy).await;
    proxy.stall();
    one.revoke(&fleet, 20..320).await;
    trim(&fleet, 5);
    assert_eq!(behind.revocations.len(), 20);
    behind.until_len(320).await;
    until_stream_has(&fleet, 0..320).await;
}

/// The limit that the documentation states: those who have them in memory do not append what others have appended.
#[tokio::test]
async fn what_was_trimmed_is_missing_where_it_was_not_read_if_nobody_appends_it_again() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&[]);
    let proxy = Proxy::start(fleet.redis.port()).await;
    let (ended, one, away) = (fleet.node().await, fleet.node().await, fleet.node_behind(&proxy).await);
    ended.revoke(&fleet, 0..10).await;
    tokio::join!(one.until_len(10), away.until_len(10));
    tokio::join!(one.until_heard(), away.until_heard());
    proxy.close();
    until("its connections are closed", || fleet.redis.clients() == 4).await;
    ended.revoke(&fleet, 10..320).await;
    one.until_len(320).await;
    drop(ended);
    until("it has ended", || fleet.redis.clients() == 2).await;
    trim(&fleet, 5);
    proxy.open();
    away.until_len(15).await;
    until("both have noticed", || log.count(LOST) == 2).await;
    tokio::join!(one.until_heard(), away.until_heard());
    assert!(!away.status().is_stale());
    assert_eq!((fleet.stream_len(), away.revocations.len()), (5, 15), "{}", log.text());
    let [before, missing, there] = [0, 10, 319].map(|sid| fleet.token(&sid.to_string()));
    assert!(away.refuses(&before).await && away.refuses(&there).await && !away.refuses(&missing).await);
    for token in [before, missing, there] {
        assert!(one.refuses(&token).await);
    }
}

/// Redis loses an entry in a crash and comes back after a while, and others append before the node has connected again. The node appends what is
/// missing again, however long that took: tests/long.sh sets `OUTAGE_SECONDS` to more than the 60 that entries are kept for this.
#[tokio::test]
async fn what_was_lost_is_appended_again_however_long_redis_was_away() {
    let outage = std::env::var("OUTAGE_SECONDS").map_or(1, |seconds| seconds.parse().unwrap());
    let mut fleet = Fleet::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let proxy = Proxy::start(fleet.redis.port()).await;
    let node = fleet.node_behind(&proxy).await;
    // There are entries before the one that is lost, and after it.
    node.revoke(&fleet, 0..1).await;
    node.revoke(&fleet, 1..2).await;
    node.until_heard().await;
    proxy.close();
    let lost: Vec<Vec<Value>> = fleet.redis.tell(&format!("XREVRANGE {STREAM} + - COUNT 1"));
    let Value::BulkString(id) = &lost[0][0] else { panic!("{lost:?}") };
    let deleted: u64 = fleet.redis.tell(&format!("XDEL {STREAM} {}", String::from_utf8_lossy(id)));
    assert_eq!((deleted, fleet.names_in_stream()), (1, vec!["0".to_owned()]));
    fleet.redis.kill();
    tokio::time::sleep(Duration::from_secs(outage)).await;
    assert!(fleet.redis.run());
    fleet.node().await.revoke(&fleet, 2..3).await;
    proxy.open();
    until_stream_has(&fleet, 0..3).await;
    assert!(fleet.node().await.refuses(&fleet.token("1")).await);
}
