//! Nonces (RFC 9449 §8, §9): a client that does what the challenge says passes within one round trip, whatever its clock.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::CACHE_CONTROL;
use tower_bearer::clock::Clock;
use tower_bearer::dpop::Nonces;
use tower_bearer::testing::TestClock;

use super::{NONCE, Reply, Rig, dpop};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn send(rig: &Rig, nonce: Option<&str>, iat: SystemTime) -> Reply {
    let proof = rig.proof().issued_at(iat);
    let proof = nonce.iter().fold(proof, |proof, nonce| proof.nonce(nonce));
    rig.send(&proof.sign()).await
}

#[tokio::test]
async fn one_round_trip_suffices_whatever_the_clock_of_the_client() {
    let clock = TestClock::new();
    let rig = Rig::with(dpop().nonces(Nonces::random()), |builder| builder.clock(clock.clone()));
    for iat in [clock.now() - DAY, clock.now(), clock.now() + DAY] {
        for bad in [None, Some(""), Some("x"), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")] {
            let refused = send(&rig, bad, iat).await;
            refused.assert_refused("DPoP", "use_dpop_nonce");
            let reply = send(&rig, refused.header(&NONCE), iat).await;
            assert_eq!(reply.status(), StatusCode::OK, "{bad:?}");
            assert_eq!(reply.header(&NONCE), None, "it is new");
        }
    }
}

#[tokio::test]
async fn both_may_be_required() {
    let clock = TestClock::new();
    let rig = Rig::with(dpop().nonces_and_issued_at(Nonces::random()), |builder| builder.clock(clock.clone()));
    let refused = send(&rig, None, clock.now()).await;
    refused.assert_refused("DPoP", "use_dpop_nonce");
    let nonce = refused.header(&NONCE);
    send(&rig, nonce, clock.now() - DAY).await.assert_refused("DPoP", "invalid_dpop_proof");
    assert_eq!(send(&rig, nonce, clock.now()).await.status(), StatusCode::OK);
}

/// RFC 9449 §8.2: in the last third of its life, with an answer that no cache stores.
#[tokio::test]
async fn a_nonce_is_renewed_with_an_answer_before_it_expires() {
    let clock = TestClock::new();
    let nonces = Nonces::random().lifetime(Duration::from_secs(90));
    let rig = Rig::with(dpop().nonces(nonces), |builder| builder.clock(clock.clone()));
    let first = send(&rig, None, clock.now()).await;
    let nonce = first.header(&NONCE);
    clock.advance(Duration::from_secs(59));
    let reply = send(&rig, nonce, clock.now()).await;
    assert_eq!((reply.status(), reply.header(&NONCE), reply.header(&CACHE_CONTROL)), (StatusCode::OK, None, None));
    clock.advance(Duration::from_secs(2));
    let reply = send(&rig, nonce, clock.now()).await;
    assert_eq!((reply.status(), reply.header(&CACHE_CONTROL)), (StatusCode::OK, Some("no-store")));
    clock.advance(Duration::from_secs(40));
    send(&rig, nonce, clock.now()).await.assert_refused("DPoP", "use_dpop_nonce");
    assert_eq!(send(&rig, reply.header(&NONCE), clock.now()).await.status(), StatusCode::OK);
}

/// Without nonces none is sent, and one that a client sends is ignored.
#[tokio::test]
async fn a_server_without_nonces_sends_none() {
    let rig = Rig::new();
    let reply = send(&rig, Some("of another server"), SystemTime::now()).await;
    assert_eq!((reply.status(), reply.header(&NONCE)), (StatusCode::OK, None));
    send(&rig, None, SystemTime::now() - DAY).await.assert_refused("DPoP", "invalid_dpop_proof");
}
