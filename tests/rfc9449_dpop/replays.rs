//! A proof is used once, and whatever the replay store answers but "fresh" refuses the request.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use tower_bearer::clock::Clock;
use tower_bearer::dpop::{
    Freshness, MemoryReplayStore, Nonces, ReplayAnswer, ReplayEntry, ReplayStore, ReplayStoreError,
};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{ReplayFault, TestClient, TestClock, TestReplayStore};

use super::{NONCE, Rig, dpop};
use crate::harness::log::logged;
use crate::harness::{good, paused_runtime};

/// A store that gives one answer, at once or later, and counts.
struct Fixed {
    later: bool,
    answer: fn() -> Result<Freshness, ReplayStoreError>,
    asked: Arc<AtomicUsize>,
}

impl ReplayStore for Fixed {
    fn insert(&self, _: ReplayEntry) -> ReplayAnswer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = (self.answer)();
        if !self.later {
            return ReplayAnswer::Now(answer);
        }
        ReplayAnswer::later(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer
        })
    }
}

/// A store that never answers.
struct Silent;

impl ReplayStore for Silent {
    fn insert(&self, _: ReplayEntry) -> ReplayAnswer {
        ReplayAnswer::later(std::future::pending())
    }
}

#[tokio::test]
async fn a_proof_is_used_once() {
    let rig = Rig::new();
    let proof = rig.proof();
    assert_eq!(rig.send(&proof.sign()).await.status(), StatusCode::OK);
    for _ in 0..3 {
        rig.send(&proof.sign()).await.assert_refused("DPoP", "invalid_dpop_proof");
        // ECDSA signs with a random number, so that the text differs. The proof is the same.
        rig.send(&proof.clone().claim("x", 1).sign()).await.assert_refused("DPoP", "invalid_dpop_proof");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_tasks_with_one_proof_exactly_one_passes() {
    let rig = Arc::new(Rig::new());
    assert_eq!(rig.send(&rig.proof().sign()).await.status(), StatusCode::OK);
    for _ in 0..20 {
        let proof: Arc<str> = rig.proof().sign().into();
        let tasks: Vec<_> = std::iter::repeat_with(|| {
            let (rig, proof) = (Arc::clone(&rig), Arc::clone(&proof));
            tokio::spawn(async move { rig.send(&proof).await.status() })
        })
        .take(64)
        .collect();
        let mut passed = 0;
        for task in tasks {
            passed += usize::from(task.await.unwrap() == StatusCode::OK);
        }
        assert_eq!(passed, 1);
    }
}

#[tokio::test]
async fn every_answer_but_fresh_refuses() {
    type Answer = fn() -> Result<Freshness, ReplayStoreError>;
    let answers: [(Answer, u16); 5] = [
        (|| Ok(Freshness::Fresh), 200),
        (|| Ok(Freshness::Replayed), 401),
        (|| Ok(Freshness::Full), 503),
        (|| Ok(Freshness::TooManyOfOneKey), 429),
        (|| Err(ReplayStoreError::new("no connection")), 503),
    ];
    for later in [false, true] {
        for (answer, expected) in answers {
            let asked = Arc::<AtomicUsize>::default();
            let rig = Rig::with(dpop().replay_store(Fixed { later, answer, asked: Arc::clone(&asked) }), |it| it);
            // The first waits for the keys, then for the store.
            for requests in 1..=3 {
                let reply = rig.send(&rig.proof().sign()).await;
                assert_eq!(reply.status(), expected);
                assert_eq!(reply.header(&RETRY_AFTER).is_some(), matches!(expected, 429 | 503));
                assert_eq!(asked.load(Ordering::Relaxed), requests, "asked once for each request");
            }
            rig.send(&rig.proof().claim("htm", "PUT").sign()).await.assert_refused("DPoP", "invalid_dpop_proof");
            assert_eq!(asked.load(Ordering::Relaxed), 3, "not asked about a bad proof");
        }
    }
}

#[test]
fn a_store_that_fails_is_logged_when_it_begins_and_when_it_ends() {
    let ((), log) = logged(|| {
        paused_runtime().block_on(async {
            let store = TestReplayStore::new();
            let rig = Rig::with(dpop().replay_store(store.clone()), |it| it);
            while !rig.api.is_ready() {
                tokio::task::yield_now().await;
            }
            for fault in [Some(ReplayFault::Unavailable), None, Some(ReplayFault::Full)] {
                match fault {
                    Some(fault) => store.fail(fault),
                    None => store.recover(),
                }
                for _ in 0..3 {
                    let expected = if fault.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
                    assert_eq!(rig.send(&rig.proof().sign()).await.status(), expected);
                }
            }
        });
    });
    let logged: Vec<_> = log.lines().filter(|line| line.contains("the replay store accepts")).collect();
    assert_eq!(logged.len(), 3, "{log}");
    assert!(logged[0].contains(" WARN ") && logged[0].contains("the test has made the store fail"), "{log}");
    assert!(logged[1].contains(" INFO ") && logged[1].contains("accepts proofs again"), "{log}");
    assert!(logged[2].contains(" WARN ") && logged[2].contains("it is full"), "{log}");
}

#[test]
fn a_store_that_does_not_answer_refuses_after_five_seconds() {
    paused_runtime().block_on(async {
        let rig = Rig::with(dpop().replay_store(Silent), |it| it);
        // Its keys are fetched over a socket, for which paused time does not wait.
        while !rig.api.is_ready() {
            tokio::task::yield_now().await;
        }
        let started = tokio::time::Instant::now();
        assert_eq!(rig.send(&rig.proof().sign()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(started.elapsed().as_secs(), 5);
    });
}

/// One client has used its share up: it alone gets 429.
#[tokio::test]
async fn a_flood_of_one_client_costs_the_others_nothing() {
    let store = Arc::new(MemoryReplayStore::with_capacity(64 * 8));
    let rig = Rig::with(dpop().replay_store(Arc::clone(&store)), |it| it);
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(rig.send(&rig.proof().sign()).await.status().as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 8, "{statuses:?}");
    assert_eq!(statuses[8..], [429; 12]);
    let other = Rig { client: TestClient::new(Algorithm::ES256), ..rig };
    let token = good(&other.issuer).bound_to(&other.client).sign();
    let other = Rig { token, ..other };
    assert_eq!(other.send(&other.proof().sign()).await.status(), StatusCode::OK);
    assert_eq!(store.status().entries, 9);
}

/// A store that notes for how long it has to keep a proof.
struct Noting(Arc<Mutex<Option<Duration>>>);

impl ReplayStore for Noting {
    fn insert(&self, entry: ReplayEntry) -> ReplayAnswer {
        *self.0.lock().unwrap() = Some(entry.keep_for);
        ReplayAnswer::Now(Ok(Freshness::Fresh))
    }
}

/// For as long as it could be accepted, and 10 seconds for clocks of a fleet and for the store.
#[tokio::test]
async fn a_proof_is_kept_for_as_long_as_it_could_be_accepted() {
    let seconds = Duration::from_secs;
    let nonces = || Nonces::random().lifetime(seconds(90));
    for (dpop, expected) in [
        (dpop(), 2 * 60 + 10),
        (dpop().window(seconds(5)), 2 * 5 + 10),
        (dpop().nonces(nonces()), 90 + 5 + 10),
        (dpop().nonces_and_issued_at(nonces()), 90 + 5 + 10),
        (dpop().nonces_and_issued_at(nonces()).window(seconds(5)), 2 * 5 + 10),
    ] {
        let noted = Arc::default();
        let rig = Rig::with(dpop.replay_store(Noting(Arc::clone(&noted))), |it| it);
        let refused = rig.send(&rig.proof().sign()).await;
        let proof = refused.header(&NONCE).iter().fold(rig.proof(), |proof, nonce| proof.nonce(nonce));
        assert_eq!(rig.send(&proof.sign()).await.status(), StatusCode::OK);
        assert_eq!(*noted.lock().unwrap(), Some(seconds(expected)));
    }
}

#[tokio::test]
async fn replays_are_accepted_only_if_that_is_configured() {
    let clock = TestClock::new();
    let seconds = Duration::from_secs;
    // The other window does not count, and `iat` does, also with nonces.
    for nonces in [None, Some(Nonces::random())] {
        let accepting = dpop().insecure_accept_replay_within(seconds(5)).window(seconds(600));
        let accepting = match &nonces {
            None => accepting,
            Some(nonces) => accepting.nonces(nonces.clone()),
        };
        let rig = Rig::with(accepting, |builder| builder.clock(clock.clone()));
        let proof = rig.proof().issued_at(clock.now());
        let refused = rig.send(&proof.sign()).await;
        let proof = refused.header(&NONCE).iter().fold(proof, |proof, nonce| proof.nonce(nonce)).sign();
        for _ in 0..3 {
            assert_eq!(rig.send(&proof).await.status(), StatusCode::OK);
        }
        clock.advance(seconds(7));
        rig.send(&proof).await.assert_refused("DPoP", "invalid_dpop_proof");
    }
}
