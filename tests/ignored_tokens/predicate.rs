//! How often the application is asked, what it sees, and what happens if it panics.

use std::sync::{Arc, Mutex};

use http::header::AUTHORIZATION;
use tower_bearer::Require;
use tower_bearer::layer::ProtectLayer;
use tower_bearer::testing::{Endpoint, Fault};

use super::{ApiKey, KEY, Rig, answer, checked, request, unknown, with, with_key};
use crate::harness::good;

/// The layer, and the texts that its predicate has seen.
fn recording(rig: &Rig) -> (ProtectLayer, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let layer = rig.api.layer().require(with_key(Require::token())).ignore_tokens({
        let seen = Arc::clone(&seen);
        move |text| {
            seen.lock().unwrap().push(text.to_owned());
            true
        }
    });
    (layer, seen)
}

#[tokio::test]
async fn it_is_called_once_for_each_request_with_a_credential() {
    let rig = Rig::new();
    let (layer, seen) = recording(&rig);
    let app = rig.app(layer);
    let take = || std::mem::take(&mut *seen.lock().unwrap());
    let token = good(&rig.issuer).sign();
    // The first waits for the keys, the third is cached.
    for _ in 0..3 {
        answer(&app, unknown(&token)).await.assert_ok();
        assert_eq!(take(), [&*token]);
    }
    for request in [checked(KEY), unknown(KEY)] {
        answer(&app, request).await;
        assert_eq!(take(), [KEY]);
    }
    answer(&app, request(&[])).await.assert_bare();
    answer(&app, request(&[(AUTHORIZATION, "Basic ak_live_7")])).await.assert_bare();
    let two = format!("Bearer {KEY}");
    answer(&app, request(&[(AUTHORIZATION, &two), (AUTHORIZATION, &two)])).await.assert_invalid_request();
    assert_eq!(take(), [""; 0]);
}

/// At most 16 KiB, and only characters of a Bearer token.
#[tokio::test]
async fn it_sees_nothing_that_could_not_be_a_token() {
    const LIMIT: usize = 16 * 1024;
    let rig = Rig::new();
    let (layer, seen) = recording(&rig);
    let app = rig.app(layer);
    rig.assert_passes(&app, checked(&"a".repeat(LIMIT))).await;
    assert_eq!(seen.lock().unwrap().drain(..).map(|text| text.len()).collect::<Vec<_>>(), [LIMIT]);
    rig.assert_refused(&app, checked(&"a".repeat(LIMIT + 1))).await;
    for malformed in ["ak_live_7,ak_live_8", "ak live", "\"ak_live_7\"", "ak:7", "ak=7", "ak_\u{e9}"] {
        answer(&app, checked(malformed)).await.assert_invalid_request();
    }
    answer(&app, with(request(&[(AUTHORIZATION, "Bearer")]), ApiKey)).await.assert_invalid_request();
    assert_eq!((seen.lock().unwrap().len(), rig.reached()), (0, 0));
}

#[tokio::test]
async fn a_panic_in_it_grants_nothing() {
    let rig = Rig::new();
    let layer = rig.api.layer().require(with_key(Require::token())).ignore_tokens(|text| {
        assert!(text != "ak_panic", "as expected");
        true
    });
    let app = rig.app(layer);
    for request in [checked("ak_panic"), unknown("ak_panic")] {
        let app = app.clone();
        let outcome = tokio::spawn(async move { answer(&app, request).await }).await;
        assert!(outcome.unwrap_err().is_panic());
        assert_eq!(rig.reached(), 0);
    }
    rig.assert_passes(&app, checked(KEY)).await;
    rig.assert_passes(&app, unknown(&good(&rig.issuer).sign())).await;
}

#[tokio::test]
async fn two_predicates_ignore_what_either_does() {
    let rig = Rig::new();
    let layer = rig.layer().ignore_tokens(|text| text.starts_with("pat_")).require(with_key(Require::token()));
    let app = rig.app(layer);
    rig.assert_passes(&app, checked(KEY)).await;
    rig.assert_passes(&app, checked("pat_1")).await;
    rig.assert_refused(&app, checked("other")).await;
    rig.assert_refused(&app, checked("AK_live_7")).await;
}

/// The application answers for its own keys, also while no issuer does.
#[tokio::test]
async fn an_outage_of_the_issuer_does_not_concern_it() {
    let rig = Rig::new();
    rig.issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let app = rig.app(rig.layer().require(with_key(Require::token())));
    rig.assert_passes(&app, checked(KEY)).await;
    rig.assert_refused(&app, unknown(KEY)).await;
    assert_eq!(crate::harness::fetches(&rig.issuer), (0, 0), "an ignored credential causes no fetch");
    answer(&app, unknown(&good(&rig.issuer).sign())).await.assert_keys_unavailable();
}
