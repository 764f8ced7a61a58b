//! When a token is valid, and how much clocks may differ.

use std::time::Duration;

use axum::Router;
use tower_bearer::ResourceServer;
use tower_bearer::jose::Algorithm;
use tower_bearer::server::ConfigError;
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::validation::Profile;

use crate::harness::{AUDIENCE, app, assert_accepted, assert_refused, clock_at, good, present};

/// 2030-01-01, when the tests about time take place.
const NOW: u32 = 1_893_456_000;

fn clock() -> TestClock {
    clock_at(NOW.into())
}

/// An API that allows for this much of a difference between clocks.
fn with_leeway(issuer: &TestIssuer, clock: &TestClock, leeway: u64) -> Router {
    let leeway = Duration::from_secs(leeway);
    let server = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).clock(clock.clone()).leeway(leeway);
    app(&server.build().unwrap())
}

/// A date so many seconds after [`NOW`].
fn at(offset: f64) -> f64 {
    f64::from(NOW) + offset
}

fn timed_issuer(clock: &TestClock) -> TestIssuer {
    TestIssuer::builder().algorithms([Algorithm::ES256]).clock(clock.clone()).start()
}

/// Rows C8, E27, G2.
#[tokio::test]
async fn a_token_expires_at_exp_plus_leeway() {
    let clock = clock();
    let issuer = timed_issuer(&clock);
    for leeway in [0_u8, 1, 30, 60] {
        let api = with_leeway(&issuer, &clock, leeway.into());
        let exp = |offset: f64| (format!("{leeway}: {offset}"), good(&issuer).claim("exp", at(offset)).sign());
        let end = -f64::from(leeway);
        assert_accepted(&api, [0.001, 0.5, 1.0, 300.0].map(|later| exp(end + later))).await;
        assert_refused(&api, [0.0, -0.001, -1.0, -90.0, -1e9].map(|later| exp(end + later))).await;
    }
}

/// Row C8.
#[tokio::test]
async fn times_are_checked_on_every_request() {
    let clock = clock();
    let issuer = timed_issuer(&clock);
    let (api, token) = (with_leeway(&issuer, &clock, 30), good(&issuer).expires_in(Duration::from_secs(60)).sign());
    let not_yet = good(&issuer).claim("nbf", at(120.0)).sign();
    present(&api, &token).await.assert_ok();
    present(&api, &not_yet).await.assert_invalid_token();
    clock.advance(Duration::from_millis(89_999));
    present(&api, &token).await.assert_ok();
    clock.advance(Duration::from_millis(1));
    present(&api, &token).await.assert_invalid_token();
    present(&api, &not_yet).await.assert_ok();
}

/// Rows E27, G1.
#[tokio::test]
async fn nbf_and_iat_may_be_ahead_by_the_leeway() {
    let clock = clock();
    let issuer = timed_issuer(&clock);
    for name in ["nbf", "iat"] {
        for leeway in [0_u8, 1, 30, 60] {
            let api = with_leeway(&issuer, &clock, leeway.into());
            let ahead =
                |offset: f64| (format!("{name}, {leeway}: {offset}"), good(&issuer).claim(name, at(offset)).sign());
            let limit = f64::from(leeway);
            assert_accepted(&api, [0.0, -0.001, -1.0].map(|later| ahead(limit + later))).await;
            assert_refused(&api, [0.001, 1.0, 61.0, 3600.0].map(|later| ahead(limit + later))).await;
        }
    }
}

/// Rows G1, G2, G3.
#[tokio::test]
async fn the_default_leeway_is_30_seconds() {
    let clock = clock();
    let issuer = timed_issuer(&clock);
    for profile in [Profile::Generic, Profile::Rfc9068] {
        let server = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).clock(clock.clone()).profile(profile);
        let api = app(&server.build().unwrap());
        let dated =
            |(name, offset): (&str, f64)| (format!("{name}: {offset}"), good(&issuer).claim(name, at(offset)).sign());
        let good = [("exp", -5.0), ("exp", -29.999), ("nbf", 5.0), ("nbf", 30.0), ("iat", 5.0), ("iat", 30.0)];
        assert_accepted(&api, good.map(dated)).await;
        let bad = [("exp", -30.0), ("exp", -90.0), ("nbf", 30.001), ("nbf", 120.0), ("iat", 30.001), ("iat", 120.0)];
        assert_refused(&api, bad.map(dated)).await;
        // However long ago: how old a token may be is for `exp` to say.
        assert_accepted(&api, [("iat", -3600.0), ("iat", -3e8), ("nbf", -3e8)].map(dated)).await;
    }
}

/// Row G2.
#[test]
fn a_leeway_over_60_seconds_is_a_configuration_error() {
    let build = |leeway| {
        let issuer = tower_bearer::Issuer::discover("https://issuer.example.test").unwrap();
        ResourceServer::builder(AUDIENCE).trust(issuer).leeway(leeway).build()
    };
    assert!(build(Duration::ZERO).is_ok());
    assert!(build(Duration::from_secs(60)).is_ok());
    for value in [Duration::from_nanos(60_000_000_001), Duration::from_secs(61), Duration::MAX] {
        assert_eq!(build(value).err(), Some(ConfigError::Leeway { value }));
    }
}
