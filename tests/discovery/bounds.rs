//! Bounds of one fetch: size, redirects, origins, time.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tower_bearer::testing::{Endpoint, Fault};

use super::{MAX_DOCUMENT, OAUTH, OPENID, Page, Site, ask};
use crate::harness::{ISSUER, app, good, present, server, small_issuer};

/// Rows I6, I13.
#[tokio::test]
async fn documents_over_256_kib_are_refused() {
    let site = Site::start().await;
    let rows =
        [(MAX_DOCUMENT, MAX_DOCUMENT, true), (MAX_DOCUMENT + 1, 1 << 15, false), (1 << 15, MAX_DOCUMENT + 1, false)];
    for (metadata, jwks, fits) in rows {
        site.reset();
        site.put(OAUTH, site.metadata(&site.origin).padded_to(metadata));
        site.put("/jwks", Page::json(&ISSUER.jwks()).padded_to(jwks));
        let answer = ask(&site.origin).await;
        if fits {
            answer.assert_ok();
        } else {
            answer.assert_keys_unavailable();
        }
        assert_eq!(site.log().contains(&OPENID.to_owned()), metadata > MAX_DOCUMENT, "as after any answer of no use");
    }
}

/// Row I13.
#[tokio::test]
async fn redirects_within_the_origin_are_followed() {
    let site = Site::start().await;
    for status in [301, 302, 303, 307, 308] {
        for location in ["/moved".to_owned(), format!("{}/moved", site.origin)] {
            site.reset();
            site.put(OAUTH, Page { status, ..Page::redirect(&location) });
            site.put("/moved", site.metadata(&site.origin));
            ask(&site.origin).await.assert_ok();
            assert_eq!(site.log(), [OAUTH, "/moved", "/jwks"]);
        }
    }
}

/// Row I13.
#[tokio::test]
async fn at_most_three_redirects_are_followed() {
    let site = Site::start().await;
    for (hops, ends) in [(3, true), (4, false)] {
        site.reset();
        site.put(OAUTH, Page::redirect("/1"));
        for hop in 1..hops {
            site.put(&format!("/{hop}"), Page::redirect(&format!("/{}", hop + 1)));
        }
        site.put(&format!("/{hops}"), site.metadata(&site.origin));
        let answer = ask(&site.origin).await;
        if ends {
            answer.assert_ok();
        } else {
            answer.assert_keys_unavailable();
        }
    }
    site.reset();
    site.put(OAUTH, Page::redirect(OAUTH));
    ask(&site.origin).await.assert_keys_unavailable();
    assert_eq!(site.log(), [OAUTH, OAUTH, OAUTH, OAUTH, OPENID], "once, and three times again");
}

/// Rows I13, D16.
#[tokio::test]
async fn redirects_to_another_origin_are_refused() {
    let (site, other) = (Site::start().await, Site::start().await);
    let same_port = site.origin.replace("127.0.0.1", "localhost");
    let elsewhere = [other.origin.as_str(), &same_port, "https://127.0.0.1", "http://login.example", "file:///etc"];
    for elsewhere in elsewhere {
        for (page, trail) in [(OAUTH, &[OAUTH, OPENID][..]), ("/jwks", &[OAUTH, "/jwks"])] {
            for site in [&site, &other] {
                site.reset();
                site.put("/moved", site.metadata(&site.origin));
            }
            site.put(OAUTH, site.metadata(&site.origin));
            site.put(page, Page::redirect(&format!("{elsewhere}/moved")));
            ask(&site.origin).await.assert_keys_unavailable();
            assert_eq!(site.log(), trail, "{page} redirects to {elsewhere}");
            assert!(other.log().is_empty());
        }
    }
}

/// Row D16.
#[tokio::test]
async fn jwks_uri_may_name_another_host() {
    let (site, keys) = (Site::start().await, Site::start().await);
    keys.reset();
    site.put(OAUTH, Page::json(&json!({ "issuer": site.origin, "jwks_uri": format!("{}/jwks", keys.origin) })));
    ask(&site.origin).await.assert_ok();
    assert_eq!((site.log(), keys.log()), (vec![OAUTH.to_owned()], vec!["/jwks".to_owned()]));
}

/// Time is paused once the request has reached the issuer; from then on it advances only while all tasks wait.
/// Rows I6, I13.
#[tokio::test]
async fn a_hanging_issuer_times_out_after_5_seconds() {
    for endpoint in [Endpoint::OAuthMetadata, Endpoint::Jwks] {
        let issuer = small_issuer();
        issuer.fail(endpoint, Fault::Hang);
        let (app, token) = (app(&server(&issuer)), good(&issuer).sign());
        let started = Instant::now();
        let request = tokio::spawn(async move { present(&app, &token).await });
        while issuer.requests(endpoint) == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::pause();
        request.await.unwrap().assert_keys_unavailable();
        let waited = started.elapsed();
        assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&waited), "{waited:?}");
        tokio::time::resume();
        assert_eq!(issuer.requests(Endpoint::OpenIdMetadata), 0);
    }
}
