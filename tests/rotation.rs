//! Key rotation: no good token is refused, announced or not, and a new key under an old kid is found.

use std::time::Duration;

use tokio::time::sleep;
use tower_bearer::keys::MAX_PENDING_UNKNOWN_KEYS;
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;

use crate::harness::memory_source::{Fetch, MINUTE, SECOND, Setup, keys, old_and_new, settle};
use crate::harness::{good, present, small_issuer};

const FETCH: Duration = Duration::from_millis(50);

/// Sends 10,000 requests: one half with the old token, all at once, the other with the new one, by as many clients as may wait for
/// an unknown key.
async fn ten_thousand_pass(setup: &Setup, old: &str, new: &str) {
    const CLIENTS: usize = MAX_PENDING_UNKNOWN_KEYS;
    let app = setup.app();
    let send = |token: &str, count: usize| {
        let (app, token) = (app.clone(), token.to_owned());
        tokio::spawn(async move {
            for _ in 0..count {
                present(&app, &token).await.assert_ok();
            }
            count
        })
    };
    let clients: Vec<_> =
        (0..CLIENTS).map(|client| send(new, 5_000 / CLIENTS + usize::from(client < 5_000 % CLIENTS))).collect();
    let requests: Vec<_> = (0..5_000).map(|_| send(old, 1)).collect();
    let mut passed = 0;
    for request in clients.into_iter().chain(requests) {
        passed += request.await.unwrap();
    }
    assert_eq!(passed, 10_000);
}

#[tokio::test(start_paused = true)]
async fn an_announced_rotation_refuses_no_token_and_causes_no_extra_fetch() {
    let setup = Setup::warm(None).await;
    let (old, before) = (setup.token(), setup.issuer.jwks());
    setup.issuer.rotate();
    setup.source.set(Fetch::Late(old_and_new(&before, &setup.issuer), FETCH));
    sleep(10 * MINUTE).await;
    let fetches = setup.source.fetches();
    ten_thousand_pass(&setup, &old, &setup.token()).await;
    assert_eq!(setup.source.fetches(), fetches);
}

#[tokio::test(start_paused = true)]
async fn an_unannounced_rotation_refuses_no_token_and_causes_one_fetch() {
    let setup = Setup::warm(None).await;
    let (old, before) = (setup.token(), setup.issuer.jwks());
    sleep(MINUTE).await;
    setup.issuer.rotate();
    setup.source.set(Fetch::Late(old_and_new(&before, &setup.issuer), FETCH));
    ten_thousand_pass(&setup, &old, &setup.token()).await;
    assert_eq!(setup.source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_under_an_old_kid_is_found_by_a_refetch() {
    let setup = Setup::warm(None).await;
    sleep(MINUTE).await;
    // Every issuer of this kind calls its first key the same.
    let renewed = small_issuer();
    let token = good(&setup.issuer).signed_by(&renewed).sign();
    setup.source.set(Fetch::Late(keys(&renewed), FETCH));

    let verdict = setup.api.try_verify(&token);
    assert_eq!(verdict.unwrap_err(), VerifyError::Token(TokenError::Signature), "at once");
    sleep(2 * FETCH).await;
    setup.api.try_verify(&token).unwrap();
    assert!(setup.try_verify().is_err(), "the old key is gone");
    assert_eq!(setup.source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn bad_signatures_cause_at_most_one_refetch_a_minute() {
    let setup = Setup::warm(None).await;
    let forger = small_issuer();
    let token = good(&setup.issuer).signed_by(&forger).sign();
    for minute in 0..5 {
        for _ in 0..60 {
            assert!(setup.api.try_verify(&token).is_err());
            setup.try_verify().unwrap();
            settle().await;
            sleep(SECOND).await;
        }
        let fetches = setup.source.fetches() - 1;
        assert!((minute..=minute + 1).contains(&fetches), "{fetches} after {minute} minutes");
    }
}
