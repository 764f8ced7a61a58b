//! The lifetime of keys: how long they are used, when they are fetched again, and which requests wait, on a paused clock.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tower_bearer::jose::JwkSet;
use tower_bearer::keys::MAX_PENDING_UNKNOWN_KEYS;
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;
use tower_bearer::{AccessToken, Issuer, ResourceServer};

use crate::harness::memory_source::{Fetch, HOUR, INSTANT, MINUTE, SECOND, Setup, Source, keys, settle};
use crate::harness::{AUDIENCE, app, current_thread_runtime, good, present, small_issuer};

const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

#[track_caller]
fn assert_unavailable(verdict: Result<AccessToken, VerifyError>) -> Duration {
    match verdict {
        Err(VerifyError::KeysUnavailable { retry_after }) => retry_after,
        other => panic!("{other:?}"),
    }
}

/// Asserts 429 with a time after which to retry.
#[track_caller]
fn assert_too_many(verdict: &Result<AccessToken, VerifyError>) {
    let is_soon = |retry_after: &Duration| (INSTANT..=5 * SECOND).contains(retry_after);
    let is_too_many = matches!(verdict, Err(VerifyError::TooManyRequests { retry_after }) if is_soon(retry_after));
    assert!(is_too_many, "{verdict:?}");
}

#[track_caller]
fn assert_unknown_key(verdict: &Result<AccessToken, VerifyError>) {
    assert!(matches!(verdict, Err(VerifyError::Token(TokenError::UnknownKey { .. }))), "{verdict:?}");
}

/// The refresh runs without a request, at four fifths of the lifetime, plus or minus a tenth.
/// Row I7.
#[tokio::test(start_paused = true)]
async fn the_lifetime_is_10_minutes_or_between_1_minute_and_1_hour() {
    let rows = [
        (None, DEFAULT_LIFETIME),
        (Some(Duration::ZERO), MINUTE),
        (Some(SECOND), MINUTE),
        (Some(5 * MINUTE), 5 * MINUTE),
        (Some(HOUR), HOUR),
        (Some(24 * HOUR), HOUR),
        (Some(Duration::MAX), HOUR),
    ];
    for (stated, lifetime) in rows {
        let setup = Setup::warm(stated).await;
        sleep(100 * lifetime).await;
        let gaps = setup.source.gaps();
        let due = lifetime.mul_f64(0.699)..=lifetime.mul_f64(0.901);
        assert!(gaps.len() > 100 && gaps.iter().all(|gap| due.contains(gap)), "{stated:?}: {gaps:?}");
        let early = gaps.iter().filter(|gap| **gap < lifetime.mul_f64(0.8)).count();
        assert!(
            (gaps.len() / 4..gaps.len() * 3 / 4).contains(&early),
            "{stated:?}: the jitter goes both ways: {early}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_refresh_task_ends_with_the_last_handle() {
    let Setup { issuer, source, api, .. } = Setup::warm(None).await;
    let layer = api.layer();
    drop(api);
    sleep(10 * DEFAULT_LIFETIME).await;
    let before = source.fetches();
    assert!(before > 10, "a layer is a handle too");
    drop((layer, issuer));
    settle().await;
    assert_eq!(source.holders(), 1, "nothing holds the source any more");
    sleep(10 * DEFAULT_LIFETIME).await;
    assert_eq!(source.fetches(), before);
}

/// Row I10.
#[tokio::test(start_paused = true)]
async fn no_request_waits_for_a_background_refresh() {
    let setup = Setup::warm(None).await;
    setup.source.set(Fetch::Hang);
    let app = setup.app();
    while setup.source.fetches() == 1 {
        sleep(SECOND).await;
    }
    let started = Instant::now();
    for _ in 0..1000 {
        setup.try_verify().unwrap();
        present(&app, &setup.token()).await.assert_ok();
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(setup.source.fetches(), 2, "and no other fetch was started");
}

/// Row I10.
#[tokio::test(start_paused = true)]
async fn stale_keys_are_used_for_one_hour() {
    for lifetime in [MINUTE, DEFAULT_LIFETIME, HOUR] {
        for down in [Fetch::Fail, Fetch::Hang] {
            let setup = Setup::warm(Some(lifetime)).await;
            setup.source.set(down);
            let step = (lifetime + HOUR) / 60;
            for _ in 0..59 {
                sleep(step).await;
                setup.try_verify().unwrap();
            }
            sleep(step / 2).await;
            present(&setup.app(), &setup.token()).await.assert_ok();
            sleep(step / 2).await;
            present(&setup.app(), &setup.token()).await.assert_keys_unavailable();
            assert!(setup.source.fetches() > 30, "it did not give up");

            setup.publish_current();
            sleep(2 * MINUTE).await;
            present(&setup.app(), &setup.token()).await.assert_ok();
        }
    }
}

/// Row I10.
#[tokio::test(start_paused = true)]
async fn a_failing_refresh_keeps_the_old_keys() {
    for bad in [Fetch::Fail, Fetch::Hang, Fetch::Panic] {
        let setup = Setup::warm(None).await;
        setup.source.set(bad);
        sleep(DEFAULT_LIFETIME).await;
        assert!(setup.source.fetches() > 1);
        for _ in 0..50 {
            setup.try_verify().unwrap();
            sleep(MINUTE).await;
        }
        assert!(setup.source.fetches() > 20, "it did not give up");
    }
}

/// A key is requested ten times a second, and the issuer is asked after 1, 2, 4 … 60 seconds, less up to a fifth.
#[tokio::test(start_paused = true)]
async fn the_back_off_counts_attempts_not_requests() {
    let setup = Setup::new(|_| Fetch::Fail);
    let token = setup.token();
    for _ in 0..2500 {
        for _ in 0..3 {
            let retry_after = assert_unavailable(setup.api.try_verify(&token));
            assert!(retry_after <= MINUTE.mul_f64(1.1), "{retry_after:?}");
        }
        sleep(Duration::from_millis(100)).await;
    }
    let expected = [1, 2, 4, 8, 16, 32, 60, 60];
    let gaps = setup.source.gaps();
    assert!(gaps.len() >= expected.len(), "{gaps:?}");
    for (gap, seconds) in gaps.iter().zip(expected) {
        let expected = Duration::from_secs(seconds);
        let range = expected.mul_f64(0.75)..=expected.mul_f64(1.25) + Duration::from_millis(200);
        assert!(range.contains(gap), "{gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_the_back_off() {
    let setup = Setup::new(|_| Fetch::Fail);
    assert_unavailable(setup.verify().await);
    sleep(MINUTE).await;
    setup.publish_current();
    // The refresh runs without any request.
    sleep(MINUTE).await;
    setup.try_verify().unwrap();
    let fetches = setup.source.fetches();

    // The next failure is a first one again: another attempt is made a second later.
    setup.source.set(Fetch::Fail);
    sleep(DEFAULT_LIFETIME).await;
    let gap = setup.source.gaps()[fetches];
    assert!((SECOND.mul_f64(0.79)..=SECOND.mul_f64(1.01)).contains(&gap), "{gap:?}");
}

/// Row I9.
#[tokio::test(start_paused = true)]
async fn a_thousand_unknown_kids_at_once_cause_two_fetches_at_most() {
    let setup = Setup::warm(None).await;
    sleep(MINUTE).await;
    let flood = |round: usize| {
        let requests = (0..1000).map(|kid| {
            let (api, token) = (setup.api.clone(), setup.token_by(&format!("bogus-{round}-{kid}")));
            tokio::spawn(async move { api.verify(&token).await })
        });
        requests.collect::<Vec<_>>()
    };
    for round in 0..3 {
        sleep(INSTANT).await;
        let before = (setup.source.fetches(), Instant::now());
        let mut unknown = 0;
        for request in flood(round) {
            let verdict = request.await.unwrap();
            if matches!(verdict, Err(VerifyError::Token(TokenError::UnknownKey { .. }))) {
                unknown += 1;
            } else {
                assert_too_many(&verdict);
            }
        }
        assert!(setup.source.fetches() - before.0 <= 1, "round {round}");
        // The burst is spent after the second, so no request waits for the third.
        assert_eq!(unknown, if round < 2 { MAX_PENDING_UNKNOWN_KEYS } else { 0 }, "round {round}");
        assert_eq!(before.1.elapsed(), Duration::ZERO, "round {round}");
        present(&setup.app(), &setup.token()).await.assert_ok();
    }
}

/// Row I9.
#[tokio::test(start_paused = true)]
async fn unknown_kids_cause_two_fetches_and_then_one_per_5_seconds() {
    let setup = Setup::warm(Some(HOUR)).await;
    sleep(MINUTE).await;
    let started = Instant::now();
    let before = setup.source.fetches();
    let mut kid = 0;
    while started.elapsed() < MINUTE {
        kid += 1;
        sleep(INSTANT).await;
        match setup.api.verify(&setup.token_by(&format!("bogus-{kid}"))).await {
            verdict @ Err(VerifyError::TooManyRequests { .. }) => assert_too_many(&verdict),
            verdict => assert_unknown_key(&verdict),
        }
    }
    let fetches = setup.source.fetches() - before;
    assert!((12..=15).contains(&fetches), "2 and 12 more in a minute, not {fetches}");
    let gaps = &setup.source.gaps()[2..];
    assert!(gaps.iter().all(|gap| *gap >= 4 * SECOND), "{gaps:?}");
}

/// Row I9.
#[tokio::test(start_paused = true)]
async fn unknown_kids_do_not_delay_the_refresh() {
    let setup = Setup::warm(None).await;
    sleep(DEFAULT_LIFETIME.mul_f64(0.5)).await;
    for kid in ["bogus-1", "bogus-2"] {
        sleep(INSTANT).await;
        assert_unknown_key(&setup.api.verify(&setup.token_by(kid)).await);
    }
    let before = setup.source.fetches();
    assert_eq!(before, 3, "the burst is spent");
    // Those fetches brought keys too, so that the lifetime counts from them.
    sleep(DEFAULT_LIFETIME.mul_f64(0.95)).await;
    setup.try_verify().unwrap();
    settle().await;
    assert_eq!(setup.source.fetches(), before + 1);
}

/// Row I9.
#[tokio::test(start_paused = true)]
async fn an_absent_kid_causes_one_fetch_until_the_keys_are_newer_than_its_token() {
    let setup = Setup::warm(Some(HOUR)).await;
    sleep(MINUTE).await;
    setup.clock.advance(SECOND);
    let absent = setup.token_by("absent");
    assert_unknown_key(&setup.api.verify(&absent).await);
    assert_eq!(setup.source.fetches(), 2);
    // The leeway is 30 seconds, and until then the issuer's clock may be behind.
    for (seconds, fetches) in [(29, 3), (2, 4)] {
        setup.clock.advance(seconds * SECOND);
        assert_unknown_key(&setup.api.verify(&absent).await);
        assert_eq!(setup.source.fetches(), fetches);
    }
    for _ in 0..10 {
        assert_unknown_key(&setup.api.try_verify(&absent));
        settle().await;
        setup.clock.advance(SECOND);
    }
    assert_eq!(setup.source.fetches(), 4, "the keys are newer than the token, and it is refused for nothing");
}

/// An issuer may publish its new keys one by one; the last one must be found too.
/// Row I9.
#[tokio::test(start_paused = true)]
async fn an_absent_kid_is_looked_up_again_after_the_key_set_changes() {
    let setup = Setup::warm(Some(HOUR)).await;
    sleep(MINUTE).await;
    setup.issuer.rotate();
    let (early, early_keys) = (setup.token(), setup.issuer.jwks());
    assert_unknown_key(&setup.api.verify(&early).await);

    setup.issuer.rotate();
    setup.publish_current();
    sleep(INSTANT).await;
    setup.verify().await.unwrap();

    let mut both = setup.issuer.jwks();
    both["keys"].as_array_mut().unwrap().extend(early_keys["keys"].as_array().unwrap().iter().cloned());
    setup.source.set(Fetch::Keys(JwkSet::from_json(both.to_string().as_bytes()).unwrap(), None));
    sleep(INSTANT).await;
    assert_too_many(&setup.api.verify(&early).await);
    sleep(5 * SECOND).await;
    setup.api.verify(&early).await.unwrap();
    assert_eq!(setup.source.fetches(), 4);
}

/// Row I9.
#[tokio::test(start_paused = true)]
async fn a_new_kid_waits_for_one_fetch_and_passes() {
    let setup = Setup::warm(None).await;
    sleep(MINUTE).await;
    setup.issuer.rotate();
    let (open, gate) = watch::channel(false);
    setup.source.set(Fetch::Gate(keys(&setup.issuer), gate));
    let requests: Vec<_> = (0..MAX_PENDING_UNKNOWN_KEYS)
        .map(|_| {
            let (app, token) = (setup.app(), setup.token());
            tokio::spawn(async move { present(&app, &token).await })
        })
        .collect();
    settle().await;
    assert!(requests.iter().all(|request| !request.is_finished()));
    open.send(true).unwrap();
    for request in requests {
        request.await.unwrap().assert_ok();
    }
    assert_eq!(setup.source.fetches(), 2);
}

/// Row I11.
#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_refused_after_the_refresh() {
    let setup = Setup::warm(None).await;
    let withdrawn = setup.token();
    setup.issuer.rotate();
    setup.publish_current();
    sleep(DEFAULT_LIFETIME.mul_f64(0.69)).await;
    present(&setup.app(), &withdrawn).await.assert_ok();
    sleep(DEFAULT_LIFETIME.mul_f64(0.22)).await;
    present(&setup.app(), &withdrawn).await.assert_invalid_token();
    present(&setup.app(), &setup.token()).await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_is_not_refused_while_the_issuer_is_unreachable() {
    let setup = Setup::warm(None).await;
    sleep(MINUTE).await;
    setup.issuer.rotate();
    setup.source.set(Fetch::Fail);
    for _ in 0..5 {
        present(&setup.app(), &setup.token()).await.assert_keys_unavailable();
    }
    assert_eq!(
        setup.source.fetches(),
        3,
        "a back-off of a second is waited for, and the next holds for unknown kids too"
    );
    setup.publish_current();
    sleep(5 * SECOND).await;
    present(&setup.app(), &setup.token()).await.assert_ok();
}

/// The panic's message on standard error belongs to this test.
#[tokio::test(start_paused = true)]
async fn a_source_that_panics_counts_as_a_failure() {
    let setup = Setup::new(|_| Fetch::Panic);
    present(&setup.app(), &setup.token()).await.assert_keys_unavailable();
    assert_unavailable(setup.verify().await);
    assert_eq!(setup.source.fetches(), 1, "and is backed off from");
    setup.publish_current();
    sleep(2 * SECOND).await;
    present(&setup.app(), &setup.token()).await.assert_ok();
    assert_eq!(setup.source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn disconnecting_clients_cancel_no_fetch() {
    let (open, gate) = watch::channel(false);
    let setup = Setup::new(|issuer| Fetch::Gate(keys(issuer), gate));
    let request = || {
        let (app, token) = (setup.app(), setup.token());
        tokio::spawn(async move { present(&app, &token).await })
    };
    let impatient: Vec<_> = (0..1000).map(|_| request()).collect();
    settle().await;
    assert_eq!(setup.source.fetches(), 1);
    let patient = request();
    settle().await;
    for request in impatient {
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
    }
    open.send(true).unwrap();
    patient.await.unwrap().assert_ok();
    assert_eq!(setup.source.fetches(), 1);
}

/// Even if no request is left.
#[tokio::test(start_paused = true)]
async fn a_fetch_outlives_the_request_that_started_it() {
    let (open, gate) = watch::channel(false);
    let setup = Setup::new(|issuer| Fetch::Gate(keys(issuer), gate));
    let token = setup.token();
    {
        let request = std::pin::pin!(setup.api.verify(&token));
        let none = tokio::time::timeout(Duration::from_millis(1), request).await;
        assert!(none.is_err());
    }
    open.send(true).unwrap();
    settle().await;
    setup.try_verify().unwrap();
    assert_eq!(setup.source.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_and_its_waiters_time_out_after_5_seconds() {
    let setup = Setup::new(|_| Fetch::Hang);
    let started = Instant::now();
    present(&setup.app(), &setup.token()).await.assert_keys_unavailable();
    let waited = started.elapsed();
    assert!((5 * SECOND..=6 * SECOND).contains(&waited), "{waited:?}");
    assert_eq!(setup.source.fetches(), 1);
    setup.publish_current();
    sleep(2 * SECOND).await;
    setup.verify().await.unwrap();
}

/// The fetch for the third unknown kid may begin only after a while, and then hangs.
#[tokio::test(start_paused = true)]
async fn no_request_waits_longer_than_6_seconds() {
    let setup = Setup::warm(None).await;
    sleep(MINUTE).await;
    for kid in ["bogus-1", "bogus-2"] {
        sleep(INSTANT).await;
        assert_unknown_key(&setup.api.verify(&setup.token_by(kid)).await);
    }
    setup.source.set(Fetch::Hang);
    sleep(INSTANT).await;
    assert_too_many(&setup.api.verify(&setup.token_by("third")).await);
    sleep(Duration::from_millis(4_100)).await;
    let started = Instant::now();
    present(&setup.app(), &setup.token_by("third")).await.assert_keys_unavailable();
    let waited = started.elapsed();
    assert!((6 * SECOND..6 * SECOND + Duration::from_millis(10)).contains(&waited), "{waited:?}");
    present(&setup.app(), &setup.token()).await.assert_ok();
}

#[test]
fn try_verify_needs_no_runtime() {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), None));
    for _ in 0..10 {
        assert_unavailable(setup.try_verify());
    }
    assert_eq!(setup.source.fetches(), 0, "there was no runtime to run a fetch");
    let runtime = current_thread_runtime();
    runtime.block_on(setup.verify()).unwrap();
    drop(runtime);
    assert_eq!(setup.source.fetches(), 1);
    setup.try_verify().unwrap();

    // A refresh is due, and again there is no runtime: the keys are good for their lifetime, and nothing shows that the issuer cannot
    // be reached.
    setup.clock.advance(DEFAULT_LIFETIME.saturating_sub(SECOND));
    setup.try_verify().unwrap();
    assert_unavailable(setup.api.try_verify(&setup.token_by("unknown")));
    setup.clock.advance(SECOND);
    assert_unavailable(setup.try_verify());
    assert_eq!(setup.source.fetches(), 1);
}

/// Other requests use the result of the fetch.
#[tokio::test(start_paused = true)]
async fn try_verify_starts_a_fetch_without_waiting_for_it() {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), None));
    assert_eq!(assert_unavailable(setup.try_verify()), SECOND);
    settle().await;
    setup.try_verify().unwrap();
    assert_eq!(setup.source.fetches(), 1);
}

/// Row C14.
#[tokio::test(start_paused = true)]
async fn issuers_share_neither_outages_nor_keys() {
    let (good_one, bad_one) = (small_issuer(), small_issuer());
    let down = Source::new(Fetch::Fail);
    let api = ResourceServer::builder(AUDIENCE)
        .trust(Issuer::keys(bad_one.url(), down.clone()).unwrap())
        .trust(Issuer::keys(good_one.url(), keys(&good_one)).unwrap())
        .build()
        .unwrap();
    let app = app(&api);
    for _ in 0..3 {
        present(&app, &good(&bad_one).sign()).await.assert_keys_unavailable();
        present(&app, &good(&good_one).sign()).await.assert_ok();
        // Both have a key of the same name.
        present(&app, &good(&good_one).signed_by(&bad_one).sign()).await.assert_invalid_token();
    }
    assert_eq!(down.fetches(), 1);
}
