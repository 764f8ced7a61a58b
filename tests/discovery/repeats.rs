//! When metadata is read again: after failures, after an hour, for an unknown key.

use std::sync::LazyLock;
use std::time::{Duration, Instant as StdInstant};

use axum::Router;
use serde_json::json;
use tokio::time::Instant;
use tower_bearer::keys::{FetchRequest, KeySource, RemoteKeys};
use tower_bearer::testing::{Endpoint, Fault, TestClock};
use tower_bearer::{Issuer, ResourceServer};

use super::{DAY, MAX_DOCUMENT, OAUTH, OPENID, Page, Site};
use crate::harness::{AUDIENCE, ISSUER, app, good, present, small_issuer};

/// Row I6.
#[tokio::test]
async fn discovery_succeeds_again_when_the_issuer_recovers() {
    let faults = [
        Fault::Status(500),
        Fault::Status(404),
        Fault::Body(b"<html>".to_vec()),
        Fault::Body(vec![b' '; MAX_DOCUMENT + 1]),
        Fault::Redirect("https://login.example/".to_owned()),
        Fault::Disconnect,
    ];
    for fault in faults {
        for endpoint in [Endpoint::OAuthMetadata, Endpoint::Jwks] {
            let issuer = small_issuer();
            issuer.fail(endpoint, fault.clone());
            // The other place knows nothing either: what follows a 404 is tested above.
            issuer.fail(Endpoint::OpenIdMetadata, Fault::Status(404));
            let clock = TestClock::new();
            let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).clock(clock.clone()).build().unwrap();
            let (app, token) = (app(&api), good(&issuer).sign());
            present(&app, &token).await.assert_keys_unavailable();
            issuer.recover();
            clock.advance(Duration::from_secs(2));
            present(&app, &token).await.assert_ok();
        }
    }
}

/// A server with a clock of the test, and a token that outlives the test.
fn at_a_clock(issuer: &str) -> (Router, String, TestClock) {
    let clock = TestClock::new();
    let trusted = Issuer::discover(issuer).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap();
    (app(&api), good(&ISSUER).claim("iss", issuer).expires_in(DAY).sign(), clock)
}

#[tokio::test]
async fn metadata_is_read_again_after_two_failures() {
    let site = Site::start().await;
    let says =
        |place: &str| Page::json(&json!({ "issuer": site.origin, "jwks_uri": format!("{}{place}", site.origin) }));
    site.put(OAUTH, says("/old"));
    site.put("/new", Page::json(&ISSUER.jwks()));
    let (app, token, clock) = at_a_clock(&site.origin);

    present(&app, &token).await.assert_keys_unavailable();
    assert_eq!(site.log(), [OAUTH, "/old"]);
    site.put(OAUTH, says("/new"));
    clock.advance(Duration::from_secs(2));
    present(&app, &token).await.assert_keys_unavailable();
    assert_eq!(site.log(), ["/old"], "one failure may be an accident");
    clock.advance(Duration::from_secs(4));
    present(&app, &token).await.assert_ok();
    assert_eq!(site.log(), [OAUTH, "/new"]);

    // Far beyond any lifetime, so that somebody has to wait for the next fetch.
    clock.advance(Duration::from_secs(3 * 60 * 60));
    present(&app, &token).await.assert_ok();
    assert_eq!(site.log(), [OAUTH, "/new"], "where keys arrive from is remembered, and asked again after an hour");
}

/// Fetches as a server would after `later`. Returns whether it succeeded, and the requested paths.
async fn asked_by(site: &Site, keys: &RemoteKeys, later: Duration, bypass_caches: bool) -> (bool, Vec<String>) {
    static START: LazyLock<StdInstant> = LazyLock::new(StdInstant::now);
    let mut request = FetchRequest::new(*START + later);
    request.bypass_caches = bypass_caches;
    let fetched = keys.fetch(request).await;
    (fetched.is_ok(), site.log())
}

fn keys_at(site: &Site, place: &str) -> Page {
    Page::json(&json!({ "issuer": site.origin, "jwks_uri": format!("{}{place}", site.origin) }))
}

#[tokio::test]
async fn a_moved_jwks_uri_is_followed_within_an_hour() {
    let site = Site::start().await;
    // The location that answered is the one that is asked again.
    site.put(OPENID, keys_at(&site, "/old"));
    for place in ["/old", "/new"] {
        site.put(place, Page::json(&ISSUER.jwks()));
    }
    let keys = RemoteKeys::discover(&site.origin).unwrap();
    let asked = async |minutes: u64| asked_by(&site, &keys, Duration::from_secs(minutes * 60), false).await;
    let log = |places: &[&str]| (true, places.iter().map(|place| (*place).to_owned()).collect::<Vec<_>>());
    assert_eq!(asked(0).await, log(&[OAUTH, OPENID, "/old"]));
    site.put(OPENID, keys_at(&site, "/new"));
    assert_eq!(asked(59).await, log(&["/old"]));
    assert_eq!(asked(60).await, log(&[OPENID, "/new"]));
    assert_eq!(asked(61).await, log(&["/new"]));
    assert_eq!(asked(119).await, log(&["/new"]));
    assert_eq!(asked(120).await, log(&[OPENID, "/new"]));

    // No outage of the metadata is one of the keys, and none makes it be asked with every refresh.
    for nothing in [Page::status(404), Page::status(503), Page::ok("<html>"), site.metadata("https://other.example")] {
        let keys = RemoteKeys::discover(&site.origin).unwrap();
        let asked = async |minutes: u64| asked_by(&site, &keys, Duration::from_secs(minutes * 60), false).await;
        site.put(OPENID, keys_at(&site, "/new"));
        assert_eq!(asked(0).await, log(&[OAUTH, OPENID, "/new"]));
        site.put(OPENID, nothing);
        assert_eq!(asked(60).await, log(&[OPENID, "/new"]));
        assert_eq!(asked(64).await, log(&["/new"]));
        assert_eq!(asked(65).await, log(&[OPENID, "/new"]));
    }
}

#[tokio::test]
async fn a_moved_jwks_uri_is_followed_for_an_unknown_key() {
    let site = Site::start().await;
    site.put(OAUTH, keys_at(&site, "/old"));
    for place in ["/old", "/new"] {
        site.put(place, Page::json(&ISSUER.jwks()));
    }
    let keys = RemoteKeys::discover(&site.origin).unwrap();
    let asked = async |seconds: u64| asked_by(&site, &keys, Duration::from_secs(seconds), true).await;
    let log = |places: &[&str]| (true, places.iter().map(|place| (*place).to_owned()).collect::<Vec<_>>());
    assert_eq!(asked(0).await, log(&[OAUTH, "/old"]));
    site.put(OAUTH, keys_at(&site, "/new"));
    assert_eq!(asked(1).await, log(&[OAUTH, "/new"]));
    for seconds in [2, 30, 300] {
        assert_eq!(asked(seconds).await, log(&["/new"]), "after {seconds} s");
    }
    assert_eq!(asked(301).await, log(&[OAUTH, "/new"]));
    assert_eq!(asked(302).await, log(&["/new"]));
}

/// The issuer may have moved because the old location is no longer under its control.
#[tokio::test]
async fn the_old_jwks_uri_is_not_used_when_the_new_one_fails() {
    let site = Site::start().await;
    site.put(OAUTH, keys_at(&site, "/old"));
    site.put("/old", Page::json(&ISSUER.jwks()));
    let keys = RemoteKeys::discover(&site.origin).unwrap();
    let asked = async |minutes: u64| asked_by(&site, &keys, Duration::from_secs(minutes * 60), false).await;
    assert!(asked(0).await.0);
    site.put(OAUTH, keys_at(&site, "/new"));
    assert_eq!(asked(60).await, (false, vec![OAUTH.to_owned(), "/new".to_owned()]));
    assert_eq!(asked(61).await, (false, vec!["/new".to_owned()]));
    // What was a mistake is corrected as any other place without keys is.
    site.put(OAUTH, keys_at(&site, "/old"));
    assert_eq!(asked(65).await, (true, vec![OAUTH.to_owned(), "/old".to_owned()]));
}

/// A request that waits for keys at a known URL does not run out of time on the metadata.
#[tokio::test]
async fn hanging_metadata_leaves_time_to_fetch_the_keys() {
    let issuer = small_issuer();
    let keys = RemoteKeys::discover(issuer.url()).unwrap();
    let start = StdInstant::now();
    keys.fetch(FetchRequest::new(start)).await.unwrap();
    issuer.fail(Endpoint::OAuthMetadata, Fault::Hang);
    let began = Instant::now();
    keys.fetch(FetchRequest::new(start + Duration::from_secs(60 * 60))).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!((issuer.requests(Endpoint::OAuthMetadata), issuer.requests(Endpoint::Jwks)), (2, 2));
}

#[tokio::test]
async fn discovery_is_repeated_at_most_every_5_minutes() {
    let site = Site::start().await;
    site.put(OAUTH, Page::json(&json!({ "issuer": site.origin, "jwks_uri": format!("{}/gone", site.origin) })));
    let (app, token, clock) = at_a_clock(&site.origin);
    // Each time a little more than the longest back-off later: 10 attempts within 9 minutes and a bit.
    for _ in 0..10 {
        present(&app, &token).await.assert_keys_unavailable();
        clock.advance(Duration::from_secs(61));
    }
    let log = site.log();
    let of = |path: &str| log.iter().filter(|asked| *asked == path).count();
    assert_eq!(of("/gone"), 10, "{log:?}");
    assert!((2..=3).contains(&of(OAUTH)), "once, and again at most twice: {log:?}");
}

/// The `jwks_uri` is still known, so an outage of the metadata must not prevent the fetch of the keys.
/// Row I10.
#[tokio::test]
async fn a_failed_search_keeps_the_known_jwks_uri() {
    let site = Site::start().await;
    site.put(OAUTH, site.metadata(&site.origin));
    let (app, token, clock) = at_a_clock(&site.origin);
    for _ in 0..2 {
        present(&app, &token).await.assert_keys_unavailable();
        clock.advance(Duration::from_secs(61));
    }
    site.put(OAUTH, Page::status(500));
    site.put("/jwks", Page::json(&ISSUER.jwks()));
    // The first of these attempts may go to the metadata.
    for _ in 0..2 {
        present(&app, &token).await;
        clock.advance(Duration::from_secs(61));
    }
    present(&app, &token).await.assert_ok();
}
