//! Clocks that are wrong, and trimming, which asks none of them but Redis'.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::Value;
use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::testing::TestClock;

use crate::harness::{AUDIENCE, Fleet, Log, Node, STREAM, TOKEN_LIFE, until};

fn node_at(fleet: &Fleet, time: SystemTime) -> (Node, TestClock) {
    let clock = TestClock::new();
    clock.set(time);
    let revocations = Revocations::new(TOKEN_LIFE).clock(clock.clone()).share(fleet.store());
    (fleet.node_with(revocations, clock.clone()), clock)
}

#[tokio::test]
async fn nodes_whose_clocks_differ_by_ten_seconds_agree() {
    let fleet = Fleet::start(&[]);
    let now = SystemTime::now();
    let seconds = Duration::from_secs;
    let nodes = [now - seconds(5), now + seconds(5), now].map(|time| node_at(&fleet, time));
    for (node, _) in &nodes {
        node.ready().await;
    }
    let token = |subject: &str, issued: SystemTime| {
        let iat = issued.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = fleet.issuer.token().audience(AUDIENCE).subject(subject);
        claims.claim("iat", iat).claim("exp", iat + 600).sign()
    };
    for revoking in 0..nodes.len() {
        let subject = format!("user {revoking}");
        // Issued a moment before, by the clock of the node that revokes.
        let clock = &nodes[revoking].1;
        let at = tower_bearer::clock::Clock::now(clock);
        let (old, new) = (token(&subject, at - seconds(1)), token(&subject, at + seconds(10)));
        for (node, _) in &nodes {
            assert!(!node.refuses(&old).await, "{revoking}");
        }
        nodes[revoking].0.revocations.revoke(&Revocation::subject(fleet.issuer.url(), &subject)).await.unwrap();
        for (node, _) in &nodes {
            node.until_refused(&old).await;
            assert_eq!(node.revocations.len(), revoking + 1);
        }
        for (node, clock) in &nodes {
            // Ten seconds later.
            clock.advance(seconds(10));
            assert!(!node.refuses(&new).await, "{revoking}");
            assert!(node.refuses(&old).await, "{revoking}");
        }
    }
}

/// The ID of an entry so long ago, by Redis' clock.
fn id_ago(fleet: &Fleet, ago: Duration, number: usize) -> String {
    let (seconds, _): (u64, u64) = fleet.redis.tell("TIME");
    format!("{}-{number}", (seconds - ago.as_secs()) * 1000)
}

fn append_ago(fleet: &Fleet, ago: Duration, count: usize) {
    for number in 0..count {
        let id = id_ago(fleet, ago, number);
        let _: Value = fleet.redis.tell(&format!("XADD {STREAM} {id} record old"));
    }
}

#[tokio::test]
async fn entries_are_removed_when_no_process_needs_them() {
    let (log, _guard) = Log::start();
    let fleet = Fleet::start(&["--stream-node-max-entries", "10"]);
    // Kept: the life of a token, twice the leeway, and a margin of a minute.
    let kept = TOKEN_LIFE + Duration::from_secs(120 + 60);
    append_ago(&fleet, kept + Duration::from_secs(60), 100);
    append_ago(&fleet, TOKEN_LIFE + Duration::from_secs(120), 100);
    // The time of the last entry counts.
    append_ago(&fleet, Duration::ZERO, 1);
    let node = fleet.node().await;
    // Redis removes whole nodes of its tree only.
    until("it is trimmed", || fleet.redis.tell::<usize>(&format!("XLEN {STREAM}")) == 101).await;
    node.revocations.revoke(&fleet.session("a")).await.unwrap();
    for _ in 0..2 {
        node.until_heard().await;
    }
    assert_eq!(fleet.redis.tell::<usize>(&format!("XLEN {STREAM}")), 102);
    // Nothing is lost that was trimmed for its age.
    assert_eq!((log.count("WARN"), log.count("cannot be read")), (1, 1), "{}", log.text());
}

/// A service may have processes of two configurations for a while.
#[tokio::test]
async fn entries_are_kept_as_long_as_the_process_wants_that_appended_them() {
    let fleet = Fleet::start(&["--stream-node-max-entries", "10"]);
    let day = Revocations::new(Duration::from_secs(86400)).share(fleet.store());
    day.revoke(&fleet.session("of a day")).await.unwrap();
    let records: Vec<(String, Vec<String>)> = fleet.redis.tell(&format!("XRANGE {STREAM} - +"));
    let _: Value = fleet.redis.tell(&format!("DEL {STREAM}"));
    drop(day);
    append_ago(&fleet, 2 * TOKEN_LIFE, 100);
    let _: Value = fleet.redis.ask(&[b"XADD", STREAM.as_bytes(), b"*", b"record", records[0].1[1].as_bytes()]);
    let node = fleet.node().await;
    node.until_heard().await;
    assert_eq!(fleet.redis.tell::<usize>(&format!("XLEN {STREAM}")), 101);
    // Its own time is shorter.
    let _: Value = fleet.redis.tell(&format!("XTRIM {STREAM} MAXLEN 100"));
    let last: Vec<(String, Vec<String>)> = fleet.redis.tell(&format!("XREVRANGE {STREAM} + - COUNT 1"));
    let _: Value = fleet.redis.tell(&format!("XDEL {STREAM} {}", last[0].0));
    fleet.node().await.until_heard().await;
    assert!(fleet.redis.tell::<usize>(&format!("XLEN {STREAM}")) <= 10);
}

/// Neither the clock of a node nor the end of its day removes anything.
#[tokio::test]
async fn a_node_with_a_wrong_clock_removes_nothing() {
    let fleet = Fleet::start(&["--stream-node-max-entries", "1"]);
    let one = fleet.node().await;
    for sid in 0..20 {
        one.revocations.revoke(&fleet.session(&sid.to_string())).await.unwrap();
    }
    let years = Duration::from_secs(10 * 365 * 86400);
    for time in [SystemTime::now() + years, SystemTime::now() - years] {
        let (node, _) = node_at(&fleet, time);
        until("it is ready", || node.status().is_ready()).await;
        node.revocations.revoke(&fleet.session("of the wrong clock")).await.unwrap();
        one.until_heard().await;
    }
    assert_eq!(fleet.redis.tell::<usize>(&format!("XLEN {STREAM}")), 22);
    assert_eq!(fleet.node().await.revocations.len(), 21);
}
