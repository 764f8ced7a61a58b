use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_bearer::clock::SystemClock;
use tower_bearer::revocation::Revocations;

use super::{Fleet, Node, TOKEN_LIFE, until};

/// Redis writes each entry before it confirms it. With `everysec` it may put that off while the disk is busy, and a process appends again no
/// more than the last 10,000 entries.
const PERSISTENT: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "no"];
/// How many revocations a node makes at once, as requests come.
const AT_ONCE: usize = 10;

/// Two nodes revoke 10,000 names while Redis is killed and started again: then the stream and both tables have all of them, and so has a
/// node that starts later. `REVOCATIONS=200000` revokes as many, and kills Redis more often. `tests/long.sh` does.
///
/// `revoker` is how a node revokes the tokens of a name. Its future completes with the number of failures, when there is no more.
pub(crate) async fn kill_redis_while_revoking<R, F>(revoker: impl Fn(&Fleet, &Node) -> R)
where
    R: Fn(String) -> F + Clone + Send + 'static,
    F: Future<Output = usize> + Send,
{
    let all: usize = std::env::var("REVOCATIONS").map_or(10_000, |all| all.parse().unwrap());
    let kills = all / 2000;
    let mut fleet = Fleet::start(&PERSISTENT);
    let node = |fleet: &Fleet| {
        let revocations = Revocations::new(TOKEN_LIFE).quota(all).share(fleet.store());
        fleet.node_with(revocations, SystemClock)
    };
    let nodes = [node(&fleet), node(&fleet)];
    let revokers = nodes.each_ref().map(|node| revoker(&fleet, node));
    let names: Vec<_> = (0..all).map(|n| n.to_string()).collect();
    let tokens: Vec<_> = names.iter().step_by(all / 100).map(|name| fleet.token_of_both(name)).collect();
    let done = Arc::new(AtomicUsize::new(0));
    let mut revoking = tokio::task::JoinSet::new();
    for (n, part) in names.chunks(all.div_ceil(2 * AT_ONCE)).enumerate() {
        let (part, done, revoke) = (part.to_vec(), Arc::clone(&done), revokers[n / AT_ONCE].clone());
        revoking.spawn(async move {
            let mut failures = 0;
            for name in part {
                failures += revoke(name).await;
                done.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            failures
        });
    }
    for kill in 1..=kills {
        until("some are revoked", || done.load(Ordering::Relaxed) >= kill * all / (kills + 1)).await;
        fleet.redis.kill();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(fleet.redis.run());
    }
    let failures: usize = revoking.join_all().await.into_iter().sum();
    // What it says that it has, it has.
    let mut stored = fleet.names_in_stream();
    stored.sort_unstable_by_key(|name| name.parse::<usize>().unwrap());
    stored.dedup();
    assert!(stored == names, "{} of {all} are stored", stored.len());
    assert!(failures > 0);
    for node in &nodes {
        node.until_len(all).await;
        node.until_heard().await;
    }
    let started = node(&fleet);
    started.ready().await;
    assert_eq!(started.revocations.len(), all);
    for node in nodes.iter().chain([&started]) {
        for token in &tokens {
            assert!(node.refuses(token).await);
        }
    }
}

/// Tries until it succeeds, and returns how often it has failed.
pub(crate) async fn failures_of(mut attempt: impl AsyncFnMut() -> bool) -> usize {
    let mut failures = 0;
    while !attempt().await {
        failures += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    failures
}
