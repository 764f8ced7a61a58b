//! Tokens without `kid`: which keys are tried, how many, and what happens when the issuer has a new one.

use tokio::time::sleep;
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::keys::MAX_PENDING_UNKNOWN_KEYS;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;

use crate::harness::memory_source::{Fetch, HOUR, INSTANT, MINUTE, SECOND, Setup, settle};
use crate::harness::{builder_with_keys, good, small_issuer};

/// The key sets of these issuers as one, without names.
fn nameless<'a>(issuers: impl IntoIterator<Item = &'a TestIssuer>) -> serde_json::Value {
    let keys = issuers.into_iter().map(|issuer| {
        let mut jwk = issuer.jwks()["keys"][0].clone();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    });
    serde_json::json!({ "keys": keys.collect::<Vec<_>>() })
}

fn set<'a>(issuers: impl IntoIterator<Item = &'a TestIssuer>) -> JwkSet {
    JwkSet::from_json(nameless(issuers).to_string().as_bytes()).unwrap()
}

/// A token of this server's issuer without `kid`, signed by `signer`.
fn token(setup: &Setup, signer: &TestIssuer) -> String {
    good(&setup.issuer).without_header("kid").signed_by(signer).expires_in(24 * HOUR).sign()
}

async fn warm(issuers: &[&TestIssuer]) -> Setup {
    let first = set(issuers.iter().copied());
    let setup = Setup::new(|_| Fetch::Keys(first, Some(HOUR)));
    setup.api.ready().await;
    sleep(MINUTE).await;
    setup.clock.advance(MINUTE);
    setup
}

#[tokio::test(start_paused = true)]
async fn a_rotation_without_kids_refuses_no_token_and_causes_one_fetch() {
    let (old, new) = (small_issuer(), small_issuer());
    let setup = warm(&[&old]).await;
    setup.api.try_verify(&token(&setup, &old)).unwrap();
    setup.source.set(Fetch::Late(set([&new]), SECOND));
    let requests: Vec<_> = (0..MAX_PENDING_UNKNOWN_KEYS)
        .map(|_| {
            let (api, token) = (setup.api.clone(), token(&setup, &new));
            tokio::spawn(async move { api.verify(&token).await.map(drop) })
        })
        .collect();
    for request in requests {
        request.await.unwrap().unwrap();
    }
    assert_eq!(setup.source.fetches(), 2);
    let verdict = setup.api.verify(&token(&setup, &old)).await;
    assert_eq!(verdict.unwrap_err(), VerifyError::Token(TokenError::NoKid { tried: 1, fitting: 1 }));
}

/// Junk uses up the fetches. A good token then gets 429 with `Retry-After`, and never 401.
#[tokio::test(start_paused = true)]
async fn junk_tokens_cause_no_refusals_during_a_rotation_without_kids() {
    let (old, new, forger) = (small_issuer(), small_issuer(), small_issuer());
    let setup = warm(&[&old]).await;
    for _ in 0..3 {
        assert!(setup.api.verify(&token(&setup, &forger)).await.is_err());
        sleep(INSTANT).await;
    }
    setup.source.set(Fetch::Keys(set([&new]), None));
    let good = token(&setup, &new);
    let Err(VerifyError::TooManyRequests { retry_after }) = setup.api.verify(&good).await else { panic!("429") };
    assert!(retry_after <= 5 * SECOND, "{retry_after:?}");
    sleep(retry_after).await;
    setup.api.verify(&good).await.unwrap();
}

/// The keys are replaced while a token is tried against the old ones: it is tried against the new ones too.
#[tokio::test(start_paused = true)]
async fn the_newest_keys_are_tried_before_a_token_is_refused() {
    let (old, new) = (small_issuer(), small_issuer());
    let setup = warm(&[&old]).await;
    setup.source.set(Fetch::Late(set([&new]), SECOND));
    // Fetched for somebody else.
    let stranger = tokio::spawn({
        let (api, token) = (setup.api.clone(), setup.token_by("unheard-of"));
        async move { api.verify(&token).await.map(drop) }
    });
    settle().await;
    setup.api.verify(&token(&setup, &new)).await.unwrap();
    assert!(stranger.await.unwrap().is_err());
}

/// The key that verified last is always tried first.
#[tokio::test(start_paused = true)]
async fn verifications_beyond_the_first_key_are_limited_and_then_get_429() {
    let issuers: Vec<_> = (0..11).map(|_| small_issuer()).collect();
    let url = "https://issuer.example.test";
    let api = builder_with_keys(url, &nameless(&issuers)).build().unwrap();
    let by = |signer: &TestIssuer| good(signer).without_header("kid").claim("iss", url).sign();
    let (first, last, forged) = (by(&issuers[0]), by(&issuers[10]), by(&small_issuer()));
    api.verify(&last).await.unwrap();
    // Ten further keys each: 990 of 1,000 are left, and they last for 99 forged tokens.
    for number in 0..99 {
        let error = api.verify(&forged).await.unwrap_err();
        assert_eq!(error, VerifyError::Token(TokenError::NoKid { tried: 11, fitting: 11 }), "{number}");
    }
    for token in [&forged, &first] {
        let error = api.verify(token).await.unwrap_err();
        assert_eq!(error, VerifyError::TooManyRequests { retry_after: SECOND }, "never 401");
    }
    api.verify(&by(&issuers[10])).await.expect("the key that verified last needs no budget");
    sleep(SECOND).await;
    api.verify(&first).await.unwrap();
}

/// The last verifying key is kept for each algorithm.
#[tokio::test(start_paused = true)]
async fn the_last_verifying_key_is_remembered_per_algorithm() {
    let issuer = TestIssuer::builder().algorithms([Algorithm::RS256, Algorithm::ES256]).start();
    let mut jwks = issuer.jwks();
    for jwk in jwks["keys"].as_array_mut().unwrap() {
        jwk.as_object_mut().unwrap().retain(|name, _| name != "kid" && name != "alg");
    }
    let api = builder_with_keys(issuer.url(), &jwks).build().unwrap();
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::PS512, Algorithm::ES256] {
        let token = issuer.token_by(algorithm).audience(crate::harness::AUDIENCE).without_header("kid").sign();
        api.verify(&token).await.unwrap();
    }
}
