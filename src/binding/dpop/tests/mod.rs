//! Each rule about a proof, broken alone.

mod form;
mod jwk;
mod rules;
mod signature;
mod vectors;

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;

use super::ProofError;
use super::checked_proof::CheckedProof;
use super::proof::UnverifiedProof;
use super::proof_keys::ProofKeys;
use super::rules::{FreshBy, NonceVerdict, ProofFacts, Target};
use crate::jose::{Algorithm, AlgorithmSet, parsed_and_verified};
use crate::testing::{ProofBuilder, TestClient, TestClock};
use crate::token::{ProofBinding, ath_of};

const TOKEN: &str = "the-token";
const URL: &str = "https://api.example.test/me";
const WINDOW: Duration = Duration::from_secs(60);

static ATH: LazyLock<Box<str>> = LazyLock::new(|| ath_of(TOKEN));

/// One client for each algorithm.
static CLIENTS: LazyLock<Vec<TestClient>> = LazyLock::new(|| {
    let clock = TestClock::new();
    clock.set(now());
    Algorithm::ALL.iter().map(|algorithm| TestClient::new(*algorithm).clock(clock.clone())).collect()
});

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn client(algorithm: Algorithm) -> &'static TestClient {
    &CLIENTS[algorithm as usize]
}

/// A proof that satisfies every rule.
fn good(client: &TestClient) -> ProofBuilder {
    client.proof("GET", URL, TOKEN)
}

/// The request and the settings that a [`good`] proof is for.
fn facts<'a>(proof: &'a UnverifiedProof, jkt: &'a str) -> ProofFacts<'a> {
    ProofFacts {
        proof,
        algorithms: AlgorithmSet::all(),
        binding: ProofBinding { jkt, ath: &ATH },
        method: &Method::GET,
        target: Target { expected: URL, signed: Some(URL) },
        now: now(),
        window: WINDOW,
        freshness: FreshBy::Both,
        nonce: NonceVerdict::Good,
    }
}

/// What is wrong with this text as a proof of `client`, by all rules and the signature.
fn error(text: &str, client: &TestClient) -> Option<ProofError> {
    let verify = || -> Result<(), ProofError> {
        let proof = UnverifiedProof::parse(text)?;
        let jkt = client.jkt();
        let checked = CheckedProof::check(&facts(&proof, &jkt))?;
        checked.verify_signature(&ProofKeys::new()).map(drop)
    };
    verify().err()
}

/// Like [`error`], for a fault that is found without parsing a key or verifying a signature.
fn cheap_error(text: &str, client: &TestClient) -> Option<ProofError> {
    let before = parsed_and_verified();
    let found = error(text, client);
    assert_eq!(parsed_and_verified(), before, "{found:?} cost cryptography");
    found
}
