//! Processes that share revocations, each with a handle of its own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use tower_bearer::ResourceServer;
use tower_bearer::clock::Clock as _;
use tower_bearer::revocation::{
    AppendFuture, FollowFuture, Follower, Revocation, RevocationRecord, RevocationStore, RevocationStoreError,
    Revocations, RevokeError,
};
use tower_bearer::testing::{TestClock, TestIssuer};

use super::feed_rig::FeedRig;
use super::{LIFE, Rig};
use crate::harness::log::logged;
use crate::harness::{AUDIENCE, builder_with_keys, paused_runtime, small_issuer};

const SECOND: Duration = Duration::from_secs(1);

/// A log in memory, which fails when told to.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Inner>);

#[derive(Default)]
struct Inner {
    records: Mutex<Vec<String>>,
    appended: Notify,
    fails: AtomicBool,
    followers: AtomicUsize,
}

impl Log {
    pub(super) fn fail(&self, fails: bool) {
        self.0.fails.store(fails, Ordering::Relaxed);
        self.0.appended.notify_waiters();
    }

    fn len(&self) -> usize {
        self.0.records.lock().unwrap().len()
    }

    fn followers(&self) -> usize {
        self.0.followers.load(Ordering::Relaxed)
    }

    fn check(&self) -> Result<(), RevocationStoreError> {
        if self.0.fails.load(Ordering::Relaxed) { Err(RevocationStoreError::new("out of order")) } else { Ok(()) }
    }
}

impl RevocationStore for Log {
    fn append(&self, record: RevocationRecord) -> AppendFuture {
        let log = self.clone();
        Box::pin(async move {
            log.check()?;
            log.0.records.lock().unwrap().push(record.to_json());
            log.0.appended.notify_waiters();
            Ok(())
        })
    }

    fn follow(self: Arc<Self>, follower: Follower) -> FollowFuture {
        Box::pin(async move {
            self.0.followers.fetch_add(1, Ordering::Relaxed);
            let mut read = 0;
            while !follower.is_closed() {
                let appended = self.0.appended.notified();
                match self.check() {
                    Ok(()) => {
                        let records = self.0.records.lock().unwrap()[read..].to_vec();
                        read += records.len();
                        for record in records {
                            follower.apply(&RevocationRecord::from_json(&record).unwrap()).unwrap();
                        }
                        follower.up_to_date();
                    }
                    Err(error) => follower.failed(&error),
                }
                tokio::select! {
                    () = follower.closed() => {}
                    () = appended => {}
                    () = tokio::time::sleep(SECOND) => {}
                }
            }
            self.0.followers.fetch_sub(1, Ordering::Relaxed);
        })
    }
}

/// One of several processes.
struct Node {
    revocations: Revocations,
    api: ResourceServer,
}

impl Node {
    fn new(issuer: &TestIssuer, clock: &TestClock, log: &Log) -> Self {
        Self::with(issuer, clock, |revocations| revocations.share(log.clone()))
    }

    fn with(issuer: &TestIssuer, clock: &TestClock, share: impl FnOnce(Revocations) -> Revocations) -> Self {
        let revocations = share(Revocations::new(LIFE).clock(clock.clone()));
        let builder = builder_with_keys(issuer.url(), &issuer.jwks()).clock(clock.clone());
        let api = builder.revocations(revocations.clone()).build().unwrap();
        Self { revocations, api }
    }

    async fn accepts(&self, token: &str) -> bool {
        self.api.verify(token).await.is_ok()
    }
}

fn token(issuer: &TestIssuer, clock: &TestClock, ago: f64) -> String {
    let now = clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let token = issuer.token().audience(AUDIENCE).subject("alice").client_id("app");
    token.claim("sid", "s").claim("iat", now - ago).claim("exp", now - ago + 3600.0).sign()
}

/// Lets the tasks of the nodes read what there is.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_one_process_revokes_all_refuse() {
    let (issuer, clock, log) = (small_issuer(), TestClock::new(), Log::default());
    let url = issuer.url();
    let nodes = [Node::new(&issuer, &clock, &log), Node::new(&issuer, &clock, &log)];
    let old = token(&issuer, &clock, 60.0);
    for revocation in [
        Revocation::session(url, "s"),
        Revocation::session_of(url, "s", "alice"),
        Revocation::subject(url, "alice"),
        Revocation::client(url, "app"),
        Revocation::issuer(url),
    ] {
        let log = Log::default();
        let nodes = [Node::new(&issuer, &clock, &log), Node::new(&issuer, &clock, &log)];
        assert!(nodes[0].accepts(&old).await && nodes[1].accepts(&old).await);
        nodes[0].revocations.revoke(&revocation).await.unwrap();
        assert!(!nodes[0].accepts(&old).await);
        settle().await;
        assert!(!nodes[1].accepts(&old).await, "{revocation:?}");
        // A process that starts later reads it, and is ready then.
        let third = Node::new(&issuer, &clock, &log);
        assert!(!third.api.is_ready());
        third.api.ready().await;
        assert!(third.api.is_ready() && !third.accepts(&old).await, "{revocation:?}");
    }
    // Another log is another world.
    assert!(nodes[0].accepts(&old).await && nodes[1].accepts(&old).await);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_leaves_the_revocation_in_this_process_and_says_so() {
    let (issuer, clock, log) = (small_issuer(), TestClock::new(), Log::default());
    let nodes = [Node::new(&issuer, &clock, &log), Node::new(&issuer, &clock, &log)];
    let old = token(&issuer, &clock, 60.0);
    settle().await;
    log.fail(true);
    let alice = Revocation::subject(issuer.url(), "alice");
    let error = nodes[0].revocations.revoke(&alice).await.unwrap_err();
    let expected =
        "the tokens are refused by this process, but perhaps by no other: the shared store of revocations has failed";
    assert_eq!(error.to_string(), expected);
    assert!(!nodes[0].accepts(&old).await && nodes[1].accepts(&old).await);
    log.fail(false);
    nodes[0].revocations.revoke(&alice).await.unwrap();
    settle().await;
    assert!(!nodes[1].accepts(&old).await);
}

/// Otherwise the others would get what this one does not refuse.
#[tokio::test(start_paused = true)]
async fn what_has_no_room_is_not_shared() {
    let (issuer, clock, log) = (small_issuer(), TestClock::new(), Log::default());
    let node = Node::with(&issuer, &clock, |revocations| revocations.quota(1).share(log.clone()));
    node.revocations.revoke(&Revocation::subject(issuer.url(), "bob")).await.unwrap();
    let error = node.revocations.revoke(&Revocation::subject(issuer.url(), "alice")).await.unwrap_err();
    assert!(matches!(error, RevokeError::Full(_)));
    assert_eq!((log.len(), node.revocations.len()), (1, 1));
}

/// Clocks of processes differ. What is revoked until a later time counts as until then, within a minute.
#[tokio::test(start_paused = true)]
async fn clocks_that_differ_revoke_alike() {
    for (ahead, behind) in [(5, 0), (0, 5), (5, 5)] {
        let (issuer, log) = (small_issuer(), Log::default());
        let [here, there] = [TestClock::new(), TestClock::new()];
        here.advance(Duration::from_secs(100 + ahead));
        there.advance(Duration::from_secs(100 - behind));
        let nodes = [Node::new(&issuer, &here, &log), Node::new(&issuer, &there, &log)];
        nodes[0].revocations.revoke(&Revocation::subject(issuer.url(), "alice")).await.unwrap();
        settle().await;
        let tokens =
            [(60.0, false), (0.0, false), (-1.0, true)].map(|(ago, good)| (token(&issuer, &here, ago), ago, good));
        // For a node whose clock is behind, the last one is yet to be issued.
        there.advance(Duration::from_secs(20));
        for (token, ago, good) in tokens {
            for node in &nodes {
                assert_eq!(node.accepts(&token).await, good, "{ahead} {behind} {ago}");
            }
        }
    }
    // A clock that is wrong by a day revokes nothing that is issued from a minute on.
    let (issuer, log) = (small_issuer(), Log::default());
    let [wrong, right] = [TestClock::new(), TestClock::new()];
    wrong.advance(LIFE);
    let nodes = [Node::new(&issuer, &wrong, &log), Node::new(&issuer, &right, &log)];
    nodes[0].revocations.revoke(&Revocation::subject(issuer.url(), "alice")).await.unwrap();
    nodes[0].revocations.revoke(&Revocation::session(issuer.url(), "another")).await.unwrap();
    settle().await;
    let [now, later] = [token(&issuer, &right, 0.0), token(&issuer, &right, -62.0)];
    right.advance(Duration::from_secs(120));
    assert!(!nodes[1].accepts(&now).await && nodes[1].accepts(&later).await);
    // And it keeps nothing for a day longer.
    right.advance(LIFE + 180 * SECOND);
    nodes[1].revocations.revoke(&Revocation::subject(issuer.url(), "bob")).await.unwrap();
    assert_eq!(nodes[1].revocations.len(), 1);
}

/// Records have whole milliseconds, and the next one may be in the next second.
#[tokio::test(start_paused = true)]
async fn a_token_of_the_next_second_was_issued_later_for_all_processes() {
    for fraction in [0, 1, 999_000_000, 999_000_001, 999_999_999] {
        let (issuer, clock, log) = (small_issuer(), TestClock::new(), Log::default());
        let second = clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let nodes = [Node::new(&issuer, &clock, &log), Node::new(&issuer, &clock, &log)];
        clock.set(std::time::UNIX_EPOCH + Duration::new(second, fraction));
        nodes[0].revocations.revoke(&Revocation::subject(issuer.url(), "alice")).await.unwrap();
        settle().await;
        let token = |iat: u64| {
            let token = issuer.token().audience(AUDIENCE).subject("alice").claim("iat", iat);
            token.claim("exp", iat + 300).sign()
        };
        for node in &nodes {
            let accepted = [node.accepts(&token(second)).await, node.accepts(&token(second + 1)).await];
            assert_eq!(accepted, [false, true], "{fraction} ns");
        }
    }
}

/// Or a process that starts often would fill its table with what has long ended.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_read_later_ends_no_later() {
    let (issuer, clock, log) = (small_issuer(), TestClock::new(), Log::default());
    let session = Revocation::session(issuer.url(), "s");
    Node::new(&issuer, &clock, &log).revocations.revoke(&session).await.unwrap();
    clock.advance(LIFE / 100 * 99);
    let started = Node::new(&issuer, &clock, &log);
    started.api.ready().await;
    assert!(!started.accepts(&token(&issuer, &clock, 60.0)).await);
    clock.advance(LIFE / 50);
    started.revocations.revoke(&Revocation::subject(issuer.url(), "bob")).await.unwrap();
    assert_eq!(started.revocations.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn following_ends_with_the_last_handle_and_the_last_server() {
    let (issuer, clock, log) = (small_issuer(), TestClock::new(), Log::default());
    let Node { revocations, api } = Node::new(&issuer, &clock, &log);
    settle().await;
    drop(revocations);
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(log.followers(), 1);
    drop(api);
    settle().await;
    assert_eq!(log.followers(), 0);
}

#[tokio::test]
#[should_panic = "the revocations are already shared"]
async fn revocations_are_shared_through_one_store() {
    let _ = Revocations::new(LIFE).share(Log::default()).share(Log::default());
}

/// Whatever comes first: a new table would be one that nobody shares.
#[tokio::test(start_paused = true)]
async fn a_quota_that_is_set_later_counts_for_what_is_shared() {
    let (issuer, clock, log) = (small_issuer(), TestClock::new(), Log::default());
    let other = Node::new(&issuer, &clock, &log);
    let node = Node::with(&issuer, &clock, |revocations| revocations.share(log.clone()));
    let clone = node.revocations.clone().quota(1);
    clone.revoke(&Revocation::subject(issuer.url(), "alice")).await.unwrap();
    settle().await;
    assert!(!other.accepts(&token(&issuer, &clock, 60.0)).await && !node.accepts(&token(&issuer, &clock, 60.0)).await);
    let error = node.revocations.revoke(&Revocation::subject(issuer.url(), "bob")).await.unwrap_err();
    assert!(matches!(error, RevokeError::Full(_)));
}

#[tokio::test]
#[should_panic = "the revocations are already shared, or have a feed"]
async fn the_clock_of_shared_revocations_is_not_changed() {
    let _ = Revocations::new(LIFE).share(Log::default()).clock(TestClock::new());
}

/// Otherwise one event with a thousand names would wait for it for minutes, and so would the sender.
#[tokio::test(start_paused = true)]
async fn a_store_that_has_failed_is_not_asked_for_the_other_names_of_an_event() {
    struct Hung;

    impl RevocationStore for Hung {
        fn append(&self, _: RevocationRecord) -> AppendFuture {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                Err(RevocationStoreError::new("no reply"))
            })
        }

        fn follow(self: Arc<Self>, follower: Follower) -> FollowFuture {
            Box::pin(async move { follower.closed().await })
        }
    }

    let mut rig = Rig::new();
    rig.revocations = rig.revocations.share(Hung);
    let feeds = FeedRig::of(rig, |signals| signals);
    let aliases = |kind: &str| {
        let names = (0..32).map(|number| json!({ "format": "opaque", "id": format!("{kind}{number}") }));
        json!({ "format": "aliases", "identifiers": names.collect::<Vec<_>>() })
    };
    let subject = json!({ "format": "complex", "user": aliases("u"), "session": aliases("s") });
    let start = tokio::time::Instant::now();
    feeds.push(&feeds.set_about(&subject)).await.assert_empty(503, Some("5"));
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
    // Here it counts all the same.
    assert!(!feeds.accepts(&feeds.rig.token(-60.0).subject("u31").claim("sid", "s31")).await);
}

/// Whatever ends the task, somebody has to know.
#[test]
fn a_store_that_is_followed_no_longer_is_an_error_in_the_log() {
    struct Ends {
        panics: bool,
    }
    impl RevocationStore for Ends {
        fn append(&self, _: RevocationRecord) -> AppendFuture {
            Box::pin(std::future::ready(Ok(())))
        }

        fn follow(self: Arc<Self>, _: Follower) -> FollowFuture {
            Box::pin(async move { assert!(!self.panics, "a mistake in the store") })
        }
    }
    for panics in [false, true] {
        let ((), log) = logged(|| {
            paused_runtime().block_on(async {
                let revocations = Revocations::new(LIFE).share(Ends { panics });
                settle().await;
                assert!(!revocations.status()[0].is_ready());
            });
        });
        assert!(log.contains("is no longer followed") && log.contains(&format!("panicked={panics}")), "{log}");
    }
}
