//! A cached token is refused when its key is withdrawn or replaced.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use serde::{Deserialize, Deserializer};
use tokio::time::sleep;
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;
use tower_bearer::{Issuer, ResourceServer};

use super::{assert_refused, remember, status};
use crate::harness::memory_source::{Fetch, HOUR, MINUTE, SECOND, Setup, Source, keys, old_and_new};
use crate::harness::{AUDIENCE, good, present, small_issuer};

#[tokio::test(start_paused = true)]
async fn a_cached_token_is_refused_when_its_key_is_withdrawn() {
    let setup = Setup::warm(None).await;
    let token = setup.token();
    remember(&setup.api, &token);
    setup.issuer.rotate();
    setup.publish_current();
    sleep(5 * MINUTE).await;
    remember(&setup.api, &token);
    sleep(5 * MINUTE).await;
    assert_eq!(setup.source.fetches(), 2, "in the background");
    assert_refused(setup.api.try_verify(&token).map_err(unknown), |error| {
        matches!(error, TokenError::UnknownKey { .. })
    });
    assert_refused(setup.api.verify(&token).await, |error| matches!(error, TokenError::UnknownKey { .. }));
    present(&setup.app(), &token).await.assert_invalid_token();
    assert_eq!(status(&setup.api).entries, 0, "and makes room");
}

/// An unknown kid is fetched before it is refused, so `try_verify` answers "unavailable".
fn unknown(error: VerifyError) -> VerifyError {
    match error {
        VerifyError::KeysUnavailable { .. } => VerifyError::Token(TokenError::UnknownKey { kid: None }),
        other => other,
    }
}

/// Claims whose parsing lasts until the test continues it: after the signature check and before the token is cached.
struct Slow;

static HOLD: Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>> = Mutex::new(None);

impl<'de> Deserialize<'de> for Slow {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let hold = HOLD.lock().unwrap().take();
        if let Some((reached, go_on)) = hold {
            reached.send(()).unwrap();
            go_on.recv().unwrap();
        }
        serde::de::IgnoredAny::deserialize(json).map(|_| Self)
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_cached_after_its_key_was_withdrawn_is_refused() {
    let issuer = small_issuer();
    let source = Source::new(Fetch::Keys(keys(&issuer), None));
    let trusted = Issuer::keys(issuer.url(), source.clone()).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).claims::<Slow>().build().unwrap();
    let token = good(&issuer).expires_in(24 * HOUR).sign();
    api.verify(&token).await.unwrap();

    let (reached, wait_reached) = mpsc::channel();
    let (go_on, wait_go_on) = mpsc::channel();
    *HOLD.lock().unwrap() = Some((reached, wait_go_on));
    let late = {
        let (api, token, runtime) = (api.clone(), token.clone(), tokio::runtime::Handle::current());
        std::thread::spawn(move || {
            let _runtime = runtime.enter();
            api.try_verify(&token).map(drop)
        })
    };
    wait_reached.recv().unwrap();
    // Its signature has been verified; now the key goes.
    issuer.rotate();
    source.set(Fetch::Keys(keys(&issuer), None));
    sleep(10 * MINUTE).await;
    assert_eq!(source.fetches(), 2);
    go_on.send(()).unwrap();
    assert_eq!(late.join().unwrap(), Ok(()), "it was good when it was validated");
    assert_eq!(status(&api).entries, 1, "and is remembered although its key is gone");

    let verdict = api.verify(&token).await;
    assert_refused(verdict, |error| matches!(error, TokenError::UnknownKey { .. }));
    assert_eq!(status(&api).hits, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cached_token_is_refused_when_its_kid_gets_new_material() {
    let setup = Setup::warm(None).await;
    let token = setup.token();
    remember(&setup.api, &token);
    // Every issuer of this kind calls its first key the same.
    let renewed = small_issuer();
    let new = good(&setup.issuer).signed_by(&renewed).expires_in(24 * HOUR).sign();
    setup.source.set(Fetch::Keys(keys(&renewed), None));
    sleep(10 * MINUTE).await;
    assert_eq!(setup.source.fetches(), 2);
    assert_refused(setup.api.try_verify(&token), |error| *error == TokenError::Signature);
    remember(&setup.api, &new);
}

/// A key is identified by its material, not by its fetch or by the other keys of the set.
#[tokio::test(start_paused = true)]
async fn refetching_the_same_key_keeps_its_tokens() {
    let setup = Setup::warm(None).await;
    let token = setup.token();
    remember(&setup.api, &token);
    let misses = status(&setup.api).misses;
    let before = setup.issuer.jwks();
    setup.publish_current();
    sleep(10 * MINUTE).await;
    setup.issuer.rotate();
    setup.source.set(Fetch::Keys(old_and_new(&before, &setup.issuer), None));
    sleep(10 * MINUTE).await;
    assert!(setup.source.fetches() >= 3);
    setup.api.try_verify(&token).unwrap();
    assert_eq!(status(&setup.api).misses, misses);
}

/// A key that no longer allows the token's algorithm is a different key.
#[tokio::test(start_paused = true)]
async fn a_cached_token_is_refused_when_its_key_no_longer_serves_its_algorithm() {
    let issuer = TestIssuer::builder().algorithms([tower_bearer::jose::Algorithm::RS256]).start();
    let mut jwks = issuer.jwks();
    let source = Source::new(Fetch::Keys(keys(&issuer), None));
    let trusted = Issuer::keys(issuer.url(), source.clone()).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).build().unwrap();
    let token = good(&issuer).expires_in(24 * HOUR).sign();
    api.verify(&token).await.unwrap();
    remember(&api, &token);
    jwks["keys"][0]["alg"] = "RS512".into();
    let narrowed = tower_bearer::jose::JwkSet::from_json(jwks.to_string().as_bytes()).unwrap();
    source.set(Fetch::Keys(narrowed, None));
    sleep(10 * MINUTE).await;
    assert_refused(api.try_verify(&token), |error| matches!(error, TokenError::KeyMismatch { .. }));
}

/// Several threads validate one token while its key is withdrawn; in no order is an outdated verdict cached for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_survives_a_race_with_a_withdrawal() {
    let issuer = small_issuer();
    let clock = TestClock::new();
    let source = Source::new(Fetch::Keys(keys(&issuer), None));
    let trusted = Issuer::keys(issuer.url(), source.clone()).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap();
    api.ready().await;
    let token: Arc<str> = good(&issuer).expires_in(24 * HOUR).sign().into();
    let (passed, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let hammer: Vec<_> = (0..2)
        .map(|_| {
            let (api, token, passed, done) = (api.clone(), Arc::clone(&token), Arc::clone(&passed), Arc::clone(&done));
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    passed.fetch_add(usize::from(api.try_verify(&token).is_ok()), Ordering::Relaxed);
                }
            })
        })
        .collect();
    while passed.load(Ordering::Relaxed) < 1000 {
        tokio::task::yield_now().await;
    }
    issuer.rotate();
    source.set(Fetch::Keys(keys(&issuer), None));
    clock.advance(570 * SECOND);
    // Until it has ended; far more often than that takes, and not for ever.
    for _ in 0..1_000_000 {
        if api.try_verify(&token).is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let fetches = source.fetches();
    let refused = (0..100).all(|_| api.try_verify(&token).is_err());
    done.store(true, Ordering::Relaxed);
    for thread in hammer {
        tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    }
    assert_eq!((refused, api.try_verify(&token).is_ok()), (true, false));
    assert!(fetches >= 2);
}
