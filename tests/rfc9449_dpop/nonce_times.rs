//! Nonces over time: of a clock that is ahead, of keys that are replaced, and for clients whose clocks are wrong.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::AUTHORIZATION;
use tower::Layer;
use tower_bearer::ResourceServer;
use tower_bearer::clock::Clock;
use tower_bearer::dpop::Nonces;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestClient, TestClock, TestIssuer};

use super::{NONCE, PROOF, Reply, Rig, URL, answer, dpop, echo, request};
use crate::harness::log::logging;
use crate::harness::{builder_with_keys, current_thread_runtime, good, small_issuer};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The key number `first` of a deployment.
fn key(first: u8) -> Vec<u8> {
    (first..).take(32).collect()
}

/// A client and its token, for the servers of a fleet: they share an issuer, and each has its own clock and its own store.
struct Fleet {
    issuer: TestIssuer,
    client: TestClient,
    token: String,
}

impl Fleet {
    /// A client whose clock is this one.
    fn with_client_clock(clock: impl Clock) -> Self {
        let (issuer, client) = (small_issuer(), TestClient::new(Algorithm::ES256).clock(clock));
        let token = good(&issuer).expires_in(100 * DAY).bound_to(&client).sign();
        Self { issuer, client, token }
    }

    fn server(&self, nonces: Nonces, clock: &TestClock) -> ResourceServer {
        // Keys that do not age, because hours pass.
        let builder = builder_with_keys(self.issuer.url(), &self.issuer.jwks());
        builder.dpop(dpop().nonces(nonces)).clock(clock.clone()).build().unwrap()
    }

    async fn send(&self, api: &ResourceServer, nonce: Option<&str>) -> Reply {
        let proof = self.client.proof("GET", URL, &self.token);
        let proof = nonce.iter().fold(proof, |proof, nonce| proof.nonce(nonce));
        let (authorization, proof) = (format!("DPoP {}", self.token), proof.sign());
        answer(api.layer().layer(echo()), request(&[(AUTHORIZATION, &authorization), (PROOF, &proof)])).await
    }

    /// A nonce that this server sends with a refusal.
    async fn challenged(&self, api: &ResourceServer) -> String {
        let refused = self.send(api, None).await;
        refused.assert_refused("DPoP", "use_dpop_nonce");
        refused.header(&NONCE).unwrap().to_owned()
    }
}

/// Rows L8, L14.
///
/// Another server of the fleet has issued it.
#[tokio::test]
async fn a_nonce_from_a_clock_that_is_ahead_is_accepted_up_to_five_seconds() {
    let (clock, ahead) = (TestClock::new(), TestClock::new());
    let fleet = Fleet::with_client_clock(clock.clone());
    let nonces = Nonces::with_keys([key(1)]).unwrap();
    let [api, issuing] = [&clock, &ahead].map(|clock| fleet.server(nonces.clone(), clock));
    for (seconds, accepted) in [(0, true), (5, true), (6, false), (60, false), (86_400, false)] {
        ahead.set(clock.now() + SECOND * seconds);
        let nonce = fleet.challenged(&issuing).await;
        let reply = fleet.send(&api, Some(&nonce)).await;
        if accepted {
            assert_eq!((reply.status(), reply.header(&NONCE)), (StatusCode::OK, None), "{seconds} s");
        } else {
            reply.assert_refused("DPoP", "use_dpop_nonce");
            assert_eq!(fleet.send(&api, reply.header(&NONCE)).await.status(), StatusCode::OK, "{seconds} s");
        }
    }
}

/// Rows L8, L14.
#[tokio::test]
async fn a_nonce_of_the_previous_key_is_accepted_and_one_of_the_key_before_is_not() {
    let clock = TestClock::new();
    let fleet = Fleet::with_client_clock(clock.clone());
    let server = |keys: &[u8]| fleet.server(Nonces::with_keys(keys.iter().map(|first| key(*first))).unwrap(), &clock);
    let nonce = fleet.challenged(&server(&[1])).await;
    for (keys, accepted) in [(&[1][..], true), (&[2, 1], true), (&[1, 2], true), (&[3, 2], false), (&[2], false)] {
        let api = server(keys);
        let reply = fleet.send(&api, Some(&nonce)).await;
        if accepted {
            assert_eq!(reply.status(), StatusCode::OK, "{keys:?}");
        } else {
            reply.assert_refused("DPoP", "use_dpop_nonce");
            assert_eq!(fleet.send(&api, reply.header(&NONCE)).await.status(), StatusCode::OK, "{keys:?}");
        }
    }
}

/// Row L8.
#[tokio::test]
async fn a_nonce_with_a_changed_bit_or_past_its_life_is_refused() {
    let clock = TestClock::new();
    let fleet = Fleet::with_client_clock(clock.clone());
    let api = fleet.server(Nonces::random().lifetime(90 * SECOND), &clock);
    let nonce = fleet.challenged(&api).await;
    let bytes = URL_SAFE_NO_PAD.decode(&nonce).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = URL_SAFE_NO_PAD.encode(changed);
        fleet.send(&api, Some(&changed)).await.assert_refused("DPoP", "use_dpop_nonce");
    }
    clock.advance(89 * SECOND);
    assert_eq!(fleet.send(&api, Some(&nonce)).await.status(), StatusCode::OK);
    clock.advance(SECOND);
    fleet.send(&api, Some(&nonce)).await.assert_refused("DPoP", "use_dpop_nonce");
}

/// Rows L8, L14.
///
/// Whatever happens between two requests: pauses of seconds to hours, in which the keys are replaced, and a clock of the client that
/// is wrong all the time.
#[tokio::test]
async fn a_client_that_follows_the_challenge_passes_within_one_round_trip() {
    let (clock, of_client) = (TestClock::new(), TestClock::new());
    let fleet = Fleet::with_client_clock(of_client.clone());
    let api = fleet.server(Nonces::random(), &clock);
    let mut kept = None;
    let (mut at_once, mut repeated) = (0, 0);
    for round in 0_u32..300 {
        // Both sides of each bound: 200 s and 300 s of a nonce's life, and 2 h and 4 h of a key's.
        let pause = [1, 30, 199, 200, 299, 300, 301, 3600, 7198, 7200, 7201, 14_399, 14_400, 90_000];
        clock.advance(SECOND * pause[(round * 5 % 14) as usize]);
        of_client.set(clock.now() + DAY - 2 * HOUR * (round % 25));
        let reply = fleet.send(&api, kept.as_deref()).await;
        // It keeps what the last answer with a nonce has sent.
        kept = reply.header(&NONCE).map(str::to_owned).or(kept);
        if reply.status() == StatusCode::OK {
            at_once += 1;
            continue;
        }
        reply.assert_refused("DPoP", "use_dpop_nonce");
        repeated += 1;
        assert_eq!(fleet.send(&api, kept.as_deref()).await.status(), StatusCode::OK, "round {round}");
    }
    assert!(at_once > 50 && repeated > 50, "{at_once} at once, {repeated} repeated");
}

/// Rows L8, L14.
///
/// The key of a fleet is replaced in the documented three steps, of which each reaches the servers one by one: no nonce is refused.
/// A key that has leaked is replaced at once: one request is repeated.
#[tokio::test]
async fn a_rotation_in_a_fleet_costs_a_client_at_most_one_round_trip() {
    let clock = TestClock::new();
    let fleet = Fleet::with_client_clock(clock.clone());
    let server = |keys: &[u8]| fleet.server(Nonces::with_keys(keys.iter().map(|first| key(*first))).unwrap(), &clock);
    let mut servers: Vec<_> = (0..3).map(|_| server(&[1])).collect();
    for (keys, most) in [(&[1, 2][..], 0), (&[2, 1], 0), (&[2], 0), (&[3], 1)] {
        for replaced in 0..servers.len() {
            // Of whatever server.
            for issuing in 0..servers.len() {
                let nonce = fleet.challenged(&servers[issuing]).await;
                if issuing == 0 {
                    servers[replaced] = server(keys);
                }
                for api in &servers {
                    let reply = fleet.send(api, Some(&nonce)).await;
                    if most == 0 {
                        assert_eq!(reply.status(), StatusCode::OK, "{keys:?}, {replaced} replaced");
                    } else if reply.status() != StatusCode::OK {
                        reply.assert_refused("DPoP", "use_dpop_nonce");
                        assert_eq!(fleet.send(api, reply.header(&NONCE)).await.status(), StatusCode::OK);
                    }
                }
            }
        }
        // The lifetime of a nonce passes before the next step.
        clock.advance(301 * SECOND);
    }
}

/// Row L9.
///
/// With nonces such a client passes: `one_round_trip_suffices_whatever_the_clock_of_the_client`.
#[test]
fn without_nonces_a_client_whose_clock_is_a_day_off_is_refused_and_the_log_says_by_how_much() {
    let clock = TestClock::new();
    for (of_client, found) in [(clock.now() - DAY, "86400 s ago"), (clock.now() + DAY, "in 86400 s")] {
        let client_clock = TestClock::new();
        client_clock.set(of_client);
        let (refused, steps, log) = refusal(&clock, client_clock);
        refused.assert_refused("DPoP", "invalid_dpop_proof");
        assert!(steps.contains(found), "{steps}");
        let logged = if of_client < clock.now() { "86400 s ago" } else { "86400 s in the future" };
        assert!(log.contains(&format!("the proof was made {logged}")), "{log}");
    }
}

/// The answer, what `explain` says of `iat`, and what is logged.
fn refusal(clock: &TestClock, of_client: TestClock) -> (Reply, String, String) {
    let whole = clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    clock.set(SystemTime::UNIX_EPOCH + SECOND * u32::try_from(whole).unwrap());
    let rig = Rig::with(dpop(), |builder| builder.clock(clock.clone()));
    let rig = Rig { client: rig.client.clock(of_client), ..rig };
    logging(|log| {
        current_thread_runtime().block_on(async {
            let proof = rig.proof().sign();
            let reply = rig.send(&proof).await;
            let authorization = format!("DPoP {}", rig.token);
            let request = request(&[(AUTHORIZATION, &authorization), (PROOF, &proof)]);
            let explanation = rig.api.explain_request(&request).await.unwrap();
            let step = explanation.failures().find(|step| step.name == "proof_iat").unwrap();
            (reply, step.found.clone(), log.text())
        })
    })
}
