//! Floods of proofs: those that fail leave nothing behind, and good ones of one client cost the others nothing.
//!
//! `JUNK_PROOFS=1000000` sends as many. `tests/long.sh` does.

use std::env;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::AUTHORIZATION;
use tower::Layer;
use tower_bearer::dpop::MemoryReplayStore;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestClient, TestClock};

use super::{PROOF, Rig, URL, answer, dpop, echo, request};
use crate::harness::good;

/// A few seconds' worth in a debug build.
const USUAL: usize = 20_000;

/// Makes proofs that fail, each another one.
struct Junk<'r> {
    rig: &'r Rig,
    thief: TestClient,
    /// A signature by the client's key, over something else.
    signature: String,
    used: &'r [String],
}

impl<'r> Junk<'r> {
    fn new(rig: &'r Rig, used: &'r [String]) -> Self {
        let other = rig.proof().claim("htm", "PUT").sign();
        let signature = other.rsplit_once('.').unwrap().1.to_owned();
        Self { rig, thief: TestClient::new(Algorithm::ES256), signature, used }
    }

    fn proof(&self, number: usize) -> String {
        let Self { rig, thief, signature, used } = self;
        let used = &used[number % used.len()];
        let claimed = || rig.proof().id(&format!("junk-{number}"));
        match number % 10 {
            // Unsigned garbage.
            0 => format!("{number:x}.{number:x}.{number:x}"),
            1 => URL_SAFE_NO_PAD.encode(number.to_be_bytes()).repeat(number % 400),
            // Everything right but the signature.
            2 => format!("{}.{signature}", claimed().signing_input()),
            3 => format!(
                "{}.{}",
                claimed().signing_input(),
                URL_SAFE_NO_PAD.encode([u8::try_from(number % 256).unwrap(); 64])
            ),
            // Signed by the thief, as the client or as himself.
            4 => claimed().signed_by(thief).sign(),
            5 => thief.proof("GET", URL, &rig.token).sign(),
            // Signed by the client, for another request, for another token, or long ago.
            6 => claimed().claim("htm", format!("M{number}")).sign(),
            7 => claimed().for_token(&number.to_string()).sign(),
            8 => claimed().claim("iat", number).sign(),
            // A used one, changed.
            _ => {
                let at = number / 10 % used.len();
                let other = if used.as_bytes()[at] == b'A' { "B" } else { "A" };
                format!("{}{other}{}", &used[..at], &used[at + 1..])
            }
        }
    }
}

/// Rows L8, L15.
///
/// A million in the long run.
#[tokio::test]
async fn junk_evicts_no_proof_and_leaves_nothing_in_the_store() {
    let store = Arc::new(MemoryReplayStore::with_capacity(64 * 64));
    let clock = TestClock::new();
    let rig = Rig::with(dpop().replay_store(Arc::clone(&store)), |builder| builder.clock(clock.clone()));
    // By the same clock, so that a long run makes no proof from the future.
    let rig = Rig { client: rig.client.clock(clock), ..rig };
    let service = rig.api.layer().layer(echo());
    let authorization = format!("DPoP {}", rig.token);
    let send = async |proof: &str| {
        answer(service.clone(), request(&[(AUTHORIZATION, &authorization), (PROOF, proof)])).await.status()
    };
    let used: Vec<_> = (0..50).map(|_| rig.proof().sign()).collect();
    for proof in &used {
        assert_eq!(send(proof).await, StatusCode::OK);
    }
    let junk = Junk::new(&rig, &used);
    let times = env::var("JUNK_PROOFS").map_or(USUAL, |times| times.parse().unwrap());
    for number in 0..times {
        let proof = junk.proof(number);
        assert_eq!(send(&proof).await, StatusCode::UNAUTHORIZED, "{number}: {proof}");
    }
    let status = store.status();
    assert_eq!((status.entries, status.full, status.too_many_of_one_key), (used.len(), 0, 0));
    assert_eq!(status.replayed, 0, "no junk has come as far as the store");
    for proof in &used {
        assert_eq!(send(proof).await, StatusCode::UNAUTHORIZED);
    }
    let status = store.status();
    assert_eq!((status.entries, status.replayed), (used.len(), used.len() as u64));
    assert_eq!(send(&rig.proof().sign()).await, StatusCode::OK);
}

/// Row L15.
///
/// The clients that flood get 429 when each has its share, and what the others send in between passes.
#[tokio::test]
async fn floods_of_good_proofs_take_only_the_shares_of_their_keys() {
    const SHARE: usize = 100;
    let store = Arc::new(MemoryReplayStore::with_capacity(64 * SHARE));
    let clock = TestClock::new();
    let rig = Rig::with(dpop().replay_store(Arc::clone(&store)), |builder| builder.clock(clock.clone()));
    let service = rig.api.layer().layer(echo());
    let client = || {
        let client = TestClient::new(Algorithm::EdDSA).clock(clock.clone());
        let token = good(&rig.issuer).bound_to(&client).sign();
        (client, token)
    };
    let send = async |(client, token): &(TestClient, String)| {
        let (authorization, proof) = (format!("DPoP {token}"), client.proof("GET", URL, token).sign());
        answer(service.clone(), request(&[(AUTHORIZATION, &authorization), (PROOF, &proof)])).await.status().as_u16()
    };
    let (flooding, others): (Vec<_>, Vec<_>) =
        ((0..8).map(|_| client()).collect(), (0..20).map(|_| client()).collect());
    let mut accepted = vec![0; flooding.len()];
    for round in 0..3 * SHARE {
        for (client, accepted) in flooding.iter().zip(&mut accepted) {
            let status = send(client).await;
            *accepted += usize::from(status == 200);
            assert_eq!(status, if round < SHARE { 200 } else { 429 }, "{round}");
        }
        assert_eq!(send(&others[round % others.len()]).await, 200, "{round}");
    }
    assert_eq!(accepted, vec![SHARE; flooding.len()]);
    let status = store.status();
    assert_eq!(status.entries, flooding.len() * SHARE + 3 * SHARE);
    assert_eq!((status.full, status.replayed), (0, 0));
}
