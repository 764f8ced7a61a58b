//! Outages: the keys of a failing issuer are used for another hour, and it is asked about once a minute.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};
use tower_bearer::ResourceServer;
use tower_bearer::jose::JwkSetError;
use tower_bearer::keys::{DiscoveryError, FetchError};
use tower_bearer::testing::{Endpoint, Fault, TestClock, TestIssuer};

use crate::harness::memory_source::{Fetch, HOUR, SECOND, Setup};
use crate::harness::{AUDIENCE, app, good, present, small_issuer};

/// The default lifetime and the hour on top.
const USABLE: Duration = Duration::from_secs(70 * 60);

#[tokio::test(start_paused = true)]
async fn an_hour_of_outage_causes_50_to_120_attempts_and_ends_within_66_seconds() {
    for down in [Fetch::Fail, Fetch::Hang] {
        for is_busy in [false, true] {
            let setup = Setup::warm(None).await;
            setup.source.set(down.clone());
            while setup.api.status()[0].failures == 0 {
                sleep(SECOND).await;
            }
            let (started, before) = (Instant::now(), setup.source.fetches());
            while started.elapsed() < HOUR {
                sleep(SECOND).await;
                if is_busy {
                    for _ in 0..10 {
                        setup.try_verify().unwrap();
                    }
                }
            }
            let attempts = setup.source.fetches() - before;
            assert!((50..=120).contains(&attempts), "{attempts}");

            sleep(USABLE.saturating_sub(HOUR)).await;
            present(&setup.app(), &setup.token()).await.assert_keys_unavailable();
            setup.publish_current();
            sleep(66 * SECOND).await;
            setup.try_verify().unwrap();
        }
    }
}

/// Every way in which a fetch can fail. The clock is the test's, so requests start the refresh.
#[tokio::test]
async fn good_tokens_pass_during_every_kind_of_failure_until_the_keys_expire() {
    type Expected = fn(&FetchError) -> bool;
    let elsewhere = small_issuer();
    let jwks = |count: usize| json!({ "keys": vec![json!({ "kty": "x" }); count] }).to_string().into_bytes();
    let status: Expected = |error| matches!(error, FetchError::Status { .. });
    let request: Expected = |error| matches!(error, FetchError::Request { .. });
    let not_a_set: Expected = |error| matches!(error, FetchError::Keys { reason: JwkSetError::NotAJwkSet, .. });
    let faults = [
        (Fault::Status(500), status),
        (Fault::Disconnect, request),
        (Fault::Truncate, request),
        (Fault::Body(b"<html>".to_vec()), not_a_set),
        (Fault::Body(vec![b' '; 10_000_000]), |error| matches!(error, FetchError::TooLarge { .. })),
        (Fault::Body(jwks(1000)), |error| {
            matches!(error, FetchError::Keys { reason: JwkSetError::TooManyKeys { found: 1000 }, .. })
        }),
        (Fault::Redirect(elsewhere.jwks_url()), status),
    ];
    for (fault, expected) in faults {
        let (issuer, clock) = (small_issuer(), TestClock::new());
        let api = at_clock(&issuer, &clock);
        let (app, token) = (app(&api), good(&issuer).expires_in(24 * HOUR).sign());
        present(&app, &token).await.assert_ok();

        issuer.fail(Endpoint::Jwks, fault.clone());
        clock.advance(USABLE.saturating_sub(SECOND));
        present(&app, &token).await.assert_ok();
        while api.status()[0].failures == 0 {
            tokio::task::yield_now().await;
        }
        let status = api.status().remove(0);
        assert!(status.last_error.as_ref().is_some_and(expected), "{fault:?}: {status:?}");
        assert!(status.is_usable);
        clock.advance(SECOND);
        present(&app, &token).await.assert_keys_unavailable();
        assert!(!api.status()[0].is_usable);

        issuer.recover();
        clock.advance(66 * SECOND);
        present(&app, &token).await.assert_ok();
        assert_eq!(api.status()[0].last_error, None);
    }
    assert_eq!(elsewhere.requests(Endpoint::Jwks), 0);
}

#[tokio::test]
async fn metadata_of_another_issuer_provides_no_keys() {
    let (issuer, clock) = (small_issuer(), TestClock::new());
    let api = at_clock(&issuer, &clock);
    let (app, token, right) = (app(&api), good(&issuer).sign(), issuer.metadata());
    issuer.set_metadata(json!({ "issuer": "https://other.example.test", "jwks_uri": issuer.jwks_url() }));
    present(&app, &token).await.assert_keys_unavailable();
    let attempts = ["oauth-authorization-server", "openid-configuration"].map(|place| FetchError::Metadata {
        url: format!("{}/.well-known/{place}", issuer.url()).into(),
        reason: DiscoveryError::Issuer { found: "https://other.example.test".into() },
    });
    assert_eq!(api.status()[0].last_error, Some(FetchError::Discovery { attempts: attempts.into() }));
    issuer.set_metadata(right);
    clock.advance(SECOND);
    present(&app, &token).await.assert_ok();
}

fn at_clock(issuer: &TestIssuer, clock: &TestClock) -> ResourceServer {
    ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).clock(clock.clone()).build().unwrap()
}
