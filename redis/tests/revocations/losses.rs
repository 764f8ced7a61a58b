//! Redis loses what it has confirmed, and the processes notice and append it again.

use std::time::{Duration, Instant};

use redis::Value;

use crate::harness::{Fleet, Log, Node, Proxy, STREAM, until};

pub(super) const LOST: &str = "Redis has lost revocations";
const HEALED: &str = "appended again the revocations";

/// Two nodes, which have revoked 300 sessions each, and know all.
async fn two_nodes(fleet: &Fleet) -> [Node; 2] {
    let nodes = [fleet.node().await, fleet.node().await];
    nodes[0].revoke(fleet, 0..300).await;
    nodes[1].revoke(fleet, 300..600).await;
    tokio::join!(nodes[0].until_len(600), nodes[1].until_len(600));
    tokio::join!(nodes[0].until_heard(), nodes[1].until_heard());
    nodes
}

#[tokio::test]
async fn a_stream_that_is_gone_is_filled_again_by_those_who_appended() {
    for loss in ["FLUSHALL".to_owned(), format!("XTRIM {STREAM} MAXLEN 0")] {
        let (log, _guard) = Log::start();
        let fleet = Fleet::start(&[]);
        let _nodes = two_nodes(&fleet).await;
        let _: Value = fleet.redis.tell(&loss);
        let lost = Instant::now();
        until("it is filled again", || fleet.stream_len() == 600).await;
        assert!(lost.elapsed() < Duration::from_secs(4), "{loss} {:?}", lost.elapsed());
        assert_eq!(fleet.node().await.revocations.len(), 600, "{loss}");
        // Each node says so once.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert_eq!((log.count(LOST), log.count(HEALED), log.count("WARN")), (2, 2, 4), "{}", log.text());
        assert_eq!(fleet.stream_len(), 600, "{loss}");
    }
}

#[tokio::test]
async fn a_restart_without_persistence_is_healed() {
    let (log, _guard) = Log::start();
    let mut fleet = Fleet::start(&[]);
    let nodes = two_nodes(&fleet).await;
    for _ in 0..2 {
        fleet.redis.kill();
        assert!(fleet.redis.run());
        until("it is filled again", || fleet.stream_len() == 600).await;
        assert_eq!(fleet.node().await.revocations.len(), 600);
    }
    nodes[0].revoke(&fleet, 600..601).await;
    nodes[1].until_len(601).await;
    assert_eq!((log.count(LOST), log.count(HEALED)), (4, 4), "{}", log.text());
}

/// The first entries are gone, and the last ones are not: as after an operator's `XTRIM`.
#[tokio::test]
async fn a_stream_that_was_trimmed_too_far_is_read_again() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&[]);
    let nodes = two_nodes(&fleet).await;
    let _: Value = fleet.redis.tell(&format!("XTRIM {STREAM} MAXLEN 10"));
    // The first 300 are those of one node, and the next 290 of the other.
    until("it is filled again", || fleet.stream_len() == 600).await;
    tokio::join!(nodes[0].until_heard(), nodes[1].until_heard());
    assert_eq!(fleet.node().await.revocations.len(), 600);
    assert_eq!(log.count(LOST), 2, "{}", log.text());
}

/// It is filled again before anybody has looked.
#[tokio::test]
async fn a_stream_that_is_another_one_is_noticed() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&[]);
    let nodes = two_nodes(&fleet).await;
    let record: Vec<(String, Vec<String>)> = fleet.redis.tell(&format!("XRANGE {STREAM} - + COUNT 1"));
    let record = record[0].1[1].replace("\"0\"", "\"600\"");
    let _: Value = fleet.redis.tell(&format!("DEL {STREAM}"));
    for _ in 0..3 {
        let _: Value = fleet.redis.tell(&format!("XADD {STREAM} * record {record}"));
    }
    until("it is filled again", || fleet.stream_len() == 603).await;
    for node in &nodes {
        node.until_len(601).await;
    }
    assert_eq!(fleet.node().await.revocations.len(), 601);
    assert_eq!(log.count(LOST), 2, "{}", log.text());
}

/// Nobody has seen it there, and other entries have come since.
#[tokio::test]
async fn an_entry_that_is_lost_at_once_is_appended_again() {
    let fleet = Fleet::start(&[]);
    let node = fleet.node().await;
    node.until_heard().await;
    node.revoke(&fleet, 0..1).await;
    let record: Vec<(String, Vec<String>)> = fleet.redis.tell(&format!("XRANGE {STREAM} - +"));
    let _: Value = fleet.redis.tell(&format!("DEL {STREAM}"));
    // Redis may give the same ID twice within a millisecond, and then nothing seems to be lost.
    let milliseconds: u64 = record[0].0.split_once('-').unwrap().0.parse().unwrap();
    let other = record[0].1[1].replace("\"0\"", "\"1\"");
    let _: Value = fleet.redis.tell(&format!("XADD {STREAM} {}-0 record {other}", milliseconds + 1));
    until("it is there again", || fleet.stream_len() == 2).await;
    assert_eq!(fleet.node().await.revocations.len(), 2);
}

/// Redis' clock was set back, and its data was lost: the IDs of new entries are lower than those that were read.
#[tokio::test]
async fn entries_with_lower_ids_are_not_missed() {
    let fleet = Fleet::start(&[]);
    let node = fleet.node().await;
    let other = fleet.node().await;
    other.revoke(&fleet, 0..1).await;
    node.until_len(1).await;
    let record: Vec<(String, Vec<String>)> = fleet.redis.tell(&format!("XRANGE {STREAM} - +"));
    drop(other);
    for n in 1..3 {
        let _: Value = fleet.redis.tell(&format!("DEL {STREAM}"));
        let record = record[0].1[1].replace("\"0\"", &format!("\"{n}\""));
        let _: Value = fleet.redis.tell(&format!("XADD {STREAM} {}-0 record {record}", 1000 - n));
        node.until_len(1 + n).await;
        node.until_heard().await;
    }
}

/// The new primary lacks the last entries, and has given lower IDs to others, and higher ones too, before anybody has connected.
#[tokio::test]
async fn a_failover_that_loses_the_last_entries_is_healed() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&[]);
    let proxy = Proxy::start(fleet.redis.port()).await;
    let nodes = [fleet.node_behind(&proxy).await, fleet.node_behind(&proxy).await];
    nodes[0].revoke(&fleet, 0..10).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    // The last ones, which are lost.
    nodes[0].revoke(&fleet, 10..13).await;
    for node in &nodes {
        node.until_len(13).await;
    }
    proxy.close();
    until("its connections are closed", || fleet.redis.clients() == 0).await;
    let entries: Vec<(String, Vec<String>)> = fleet.redis.tell(&format!("XRANGE {STREAM} - +"));
    let _: Value = fleet.redis.tell(&format!("DEL {STREAM}"));
    let add = |id: &str, record: &str| {
        let _: Value = fleet.redis.tell(&format!("XADD {STREAM} {id} record {record}"));
    };
    for (id, fields) in &entries[..10] {
        add(id, &fields[1]);
    }
    let milliseconds = |entry: usize| entries[entry].0.split_once('-').unwrap().0.parse::<u64>().unwrap();
    // Below the IDs that are lost, and far above.
    add(&format!("{}-0", milliseconds(10) - 500), &entries[0].1[1].replace("\"0\"", "\"100\""));
    add("*", &entries[0].1[1].replace("\"0\"", "\"101\""));
    proxy.open();
    for node in &nodes {
        node.until_len(15).await;
    }
    // What is there is not appended again.
    until("the lost ones are there", || fleet.stream_len() == 15).await;
    nodes[0].until_heard().await;
    assert_eq!(fleet.node().await.revocations.len(), 15);
    assert_eq!((log.count(HEALED), fleet.stream_len()), (1, 15), "{}", log.text());
    assert!(log.text().contains("count=3"), "{}", log.text());
}

/// Reading the whole stream takes longer than the time after which a process looks again whether something is lost.
#[tokio::test]
async fn a_long_stream_is_read_again_once_after_a_loss() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&[]);
    let node = fleet.node().await;
    node.revoke(&fleet, 0..1).await;
    let record: Vec<(String, Vec<String>)> = fleet.redis.tell(&format!("XRANGE {STREAM} - +"));
    let script = "for n = 1, 100000 do redis.call('XADD', KEYS[1], '*', 'record', ARGV[1]) end";
    let fill = [b"EVAL", script.as_bytes(), b"1", STREAM.as_bytes(), record[0].1[1].as_bytes()];
    let _: Value = fleet.redis.ask(&fill);
    node.until_heard().await;
    let stream: Vec<u8> = fleet.redis.tell(&format!("DUMP {STREAM}"));
    node.revoke(&fleet, 1..2).await;
    // As after a failover.
    let _: Value = fleet.redis.ask(&[b"RESTORE", STREAM.as_bytes(), b"0", &stream, b"REPLACE"]);
    until("the lost one is there again", || fleet.stream_len() == 100_002).await;
    node.until_heard().await;
    assert_eq!((log.count(LOST), log.count(HEALED)), (1, 1), "{}", log.text());
}

/// A connection alone is no loss.
#[tokio::test]
async fn a_lost_connection_appends_and_reads_nothing_again_that_is_there() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&[]);
    let nodes = two_nodes(&fleet).await;
    for _ in 0..2 {
        let _: Value = fleet.redis.tell("CLIENT KILL TYPE normal SKIPME yes");
        tokio::join!(nodes[0].until_heard(), nodes[1].until_heard());
    }
    nodes[0].revoke(&fleet, 600..601).await;
    nodes[1].until_len(601).await;
    assert_eq!(fleet.stream_len(), 601);
    assert_eq!((log.count(LOST), log.count(HEALED)), (0, 0), "{}", log.text());
}
