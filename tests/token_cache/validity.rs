//! A cached token is refused as soon as it would be without a cache.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;
use tower_bearer::clock::Clock;
use tower_bearer::server::Builder;
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;
use tower_bearer::{Issuer, ResourceServer};

use super::{assert_refused, remember, status};
use crate::harness::memory_source::{Fetch, HOUR, MINUTE, SECOND, Setup, Source, keys, settle};
use crate::harness::{AUDIENCE, builder_with_keys, good, paused_runtime, present, small_issuer};

/// The default.
const LEEWAY: Duration = Duration::from_secs(30);

/// A builder with static keys and a clock of its own.
fn with_clock(issuer: &TestIssuer) -> (Builder, TestClock) {
    let clock = TestClock::new();
    clock.set(whole_second(SystemTime::now()));
    (builder_with_keys(issuer.url(), &issuer.jwks()).clock(clock.clone()), clock)
}

fn whole_second(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.duration_since(UNIX_EPOCH).unwrap().as_secs())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_cached_token_is_refused_at_exp_plus_leeway() {
    let issuer = small_issuer();
    let (builder, clock) = with_clock(&issuer);
    let api = builder.build().unwrap();
    let exp = clock.now() + 300 * SECOND;
    let token = good(&issuer).claim("exp", seconds(exp)).sign();
    remember(&api, &token);
    clock.set(exp + LEEWAY - Duration::from_micros(1));
    remember(&api, &token);
    clock.set(exp + LEEWAY);
    let hits = status(&api).hits;
    for _ in 0..3 {
        assert_refused(api.try_verify(&token), |error| matches!(error, TokenError::Expired { .. }));
    }
    assert_eq!(status(&api).hits, hits);
}

#[test]
fn nbf_and_iat_of_a_cached_token_are_checked_when_the_clock_is_set_back() {
    for claim in ["nbf", "iat"] {
        let issuer = small_issuer();
        let (builder, clock) = with_clock(&issuer);
        let api = builder.build().unwrap();
        let start = clock.now();
        let token = good(&issuer).claim("iat", seconds(start) - 600).claim(claim, seconds(start)).sign();
        remember(&api, &token);
        clock.set(start - LEEWAY);
        remember(&api, &token);
        clock.set(start - LEEWAY - SECOND);
        assert_refused(api.try_verify(&token), |error| match claim {
            "nbf" => matches!(error, TokenError::NotYetValid { .. }),
            _ => matches!(error, TokenError::IssuedInTheFuture { .. }),
        });
        clock.set(start);
        remember(&api, &token);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cached_token_gets_503_past_the_stale_limit_and_passes_again_later() {
    let setup = Setup::warm(None).await;
    let token = setup.token();
    remember(&setup.api, &token);
    setup.source.set(Fetch::Fail);
    sleep(69 * MINUTE).await;
    remember(&setup.api, &token);
    sleep(2 * MINUTE).await;
    present(&setup.app(), &token).await.assert_keys_unavailable();
    assert!(matches!(setup.api.try_verify(&token), Err(VerifyError::KeysUnavailable { .. })));
    setup.publish_current();
    sleep(2 * MINUTE).await;
    let misses = status(&setup.api).misses;
    present(&setup.app(), &token).await.assert_ok();
    assert_eq!(status(&setup.api).misses, misses, "the key is the same");
}

/// Without a runtime, only look-ups refresh the keys, and cache hits are look-ups too.
#[tokio::test(start_paused = true)]
async fn cache_hits_alone_keep_the_keys_fresh() {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), None));
    let token = setup.token();
    let (api, source, known) = (setup.api.clone(), setup.source.clone(), token.clone());
    let used = std::thread::spawn(move || {
        paused_runtime().block_on(async { api.verify(&known).await.map(drop).unwrap() });
        remember(&api, &known);
        assert_eq!(source.fetches(), 1);
        // The runtime that refreshed the keys is gone, and a refresh is due.
        setup.clock.advance(570 * SECOND);
        paused_runtime().block_on(async {
            api.try_verify(&known).unwrap();
            settle().await;
        });
        assert_eq!(source.fetches(), 2, "started by a hit");
        assert_eq!(status(&api).misses, 2);
    });
    used.join().unwrap();
}

#[tokio::test(start_paused = true)]
async fn tokens_of_two_issuers_with_one_kid_stay_apart() {
    let (one, two) = (small_issuer(), small_issuer());
    let source = |issuer: &TestIssuer| Source::new(Fetch::Keys(keys(issuer), None));
    let (first, second) = (source(&one), source(&two));
    let api = ResourceServer::builder(AUDIENCE)
        .trust(Issuer::keys(one.url(), first.clone()).unwrap())
        .trust(Issuer::keys(two.url(), second.clone()).unwrap())
        .build()
        .unwrap();
    api.ready().await;
    let tokens = [&one, &two].map(|issuer| good(issuer).expires_in(24 * HOUR).sign());
    for token in &tokens {
        remember(&api, token);
    }
    // The second issuer's key stands for the first one's tokens now, and the first one's for none.
    first.set(Fetch::Keys(keys(&two), None));
    sleep(10 * MINUTE).await;
    assert_refused(api.try_verify(&tokens[0]), |error| *error == TokenError::Signature);
    remember(&api, &tokens[1]);
    let forged = good(&one).signed_by(&two).expires_in(24 * HOUR).sign();
    remember(&api, &forged);
    second.set(Fetch::Fail);
    sleep(80 * MINUTE).await;
    remember(&api, &forged);
    assert!(
        matches!(api.try_verify(&tokens[1]), Err(VerifyError::KeysUnavailable { .. })),
        "its issuer is out of reach"
    );
}
