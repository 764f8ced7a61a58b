//! Where metadata is looked for, in which order, and what ends the search.

use std::time::{Duration, Instant as StdInstant};

use http::StatusCode;
use serde_json::json;
use tower_bearer::keys::{FetchRequest, KeySource, RemoteKeys};
use tower_bearer::testing::{Endpoint, Fault, TestClock, TestIssuer};
use tower_bearer::{Issuer, ResourceServer};

use super::{DAY, MAX_DOCUMENT, OAUTH, OPENID, Page, Site, ask, discovering, places};
use crate::harness::{AUDIENCE, ISSUER, app, fetches, good, present, server, small_issuer};

/// Rows I2, I3, I4.
#[tokio::test]
async fn metadata_locations_are_tried_in_order() {
    let site = Site::start().await;
    for path in ["", "/", "/t1", "/t1/", "/a/b"] {
        let issuer = format!("{}{path}", site.origin);
        let places = places(path);
        for (last, place) in places.iter().enumerate() {
            for nothing_here in [404, 410] {
                site.reset();
                for earlier in &places[..last] {
                    site.put(earlier, Page::status(nothing_here));
                }
                site.put(place, site.metadata(&issuer));
                ask(&issuer).await.assert_ok();
                assert_eq!(site.log(), [&places[..=last], &["/jwks".to_owned()]].concat());
            }
        }
        site.reset();
        ask(&issuer).await.assert_keys_unavailable();
        assert_eq!(site.log(), places, "nothing anywhere");
    }
}

/// Some issuers answer unknown paths with errors, so the other locations are not requested at all.
/// Rows I1, I3.
#[tokio::test]
async fn discover_openid_tries_only_the_openid_location() {
    let site = Site::start().await;
    for path in ["", "/", "/t1", "/t1/"] {
        let issuer = format!("{}{path}", site.origin);
        let place = format!("{}{OPENID}", path.trim_end_matches('/'));
        let keys = || RemoteKeys::discover_openid(&issuer).unwrap();
        let api = || {
            let trusted = Issuer::keys(&issuer, keys()).unwrap();
            app(&ResourceServer::builder(AUDIENCE).trust(trusted).build().unwrap())
        };
        let token = || good(&ISSUER).claim("iss", &issuer).sign();
        for unknown in [400, 401, 403, 404] {
            site.reset();
            for other in places(path).iter().filter(|other| **other != place) {
                site.put(other, Page::status(unknown));
            }
            site.put(&place, site.metadata(&issuer));
            present(&api(), &token()).await.assert_ok();
            assert_eq!(site.log(), [place.clone(), "/jwks".to_owned()]);
        }
        // The document must be the issuer's own, there as anywhere.
        for other in [format!("{issuer}x"), format!("{}/{{tenantid}}/v2.0", site.origin)] {
            site.put(&place, site.metadata(&other));
            present(&api(), &token()).await.assert_keys_unavailable();
            assert_eq!(site.log().concat(), place);
        }
        site.reset();
        for other in places(path).iter().filter(|other| **other != place) {
            site.put(other, site.metadata(&issuer));
        }
        present(&api(), &token()).await.assert_keys_unavailable();
        assert_eq!(site.log(), [place]);
    }
}

/// Rows I2, I3.
#[tokio::test]
async fn the_test_issuer_with_a_path_is_discovered() {
    let issuer = TestIssuer::builder().algorithms([tower_bearer::jose::Algorithm::ES256]).path("/t1").start();
    let app = app(&server(&issuer));
    present(&app, &good(&issuer).sign()).await.assert_ok();
    assert_eq!(fetches(&issuer), (1, 1));

    let fallback = crate::harness::app(&server(&issuer));
    issuer.fail(Endpoint::OAuthMetadata, Fault::Status(404));
    present(&fallback, &good(&issuer).sign()).await.assert_ok();
    assert_eq!((issuer.requests(Endpoint::OpenIdMetadata), issuer.requests(Endpoint::Jwks)), (1, 2));
}

/// Gateways and providers answer anything where they have no metadata. Every location is on the issuer's own host, and every
/// document must name the issuer.
/// Rows I1, I4, I6, D16.
#[tokio::test]
async fn an_unusable_answer_leads_to_the_next_location() {
    let site = Site::start().await;
    let issuer = format!("{}/t1", site.origin);
    let statuses = [201, 204, 206, 301, 304, 400, 401, 403, 405, 406, 410, 500, 502, 504].map(|status| {
        let mut page = site.metadata(&issuer);
        page.status = status;
        page
    });
    let documents = [
        Page::ok("<!doctype html><title>Sign in</title>"),
        Page::ok(""),
        Page::json(&json!(null)),
        Page::json(&json!([])),
        Page::json(&json!({})),
        Page::json(&json!({ "issuer": issuer })),
        Page::json(&json!({ "jwks_uri": format!("{}/jwks", site.origin) })),
        Page::json(&json!({ "issuer": issuer, "jwks_uri": null })),
        Page::json(&json!({ "issuer": [issuer], "jwks_uri": format!("{}/jwks", site.origin) })),
        site.metadata("https://other.example"),
        site.metadata(&format!("{issuer}/")),
        site.metadata(&issuer).padded_to(MAX_DOCUMENT + 1),
        Page::redirect("https://login.example/"),
    ];
    let jwks_uris = [
        "/jwks",
        "jwks",
        "",
        "file:///etc/passwd",
        "ftp://127.0.0.1/jwks",
        "http://keys.example/jwks",
        "http://127.0.0.1.keys.example/jwks",
        "http://user:password@127.0.0.1/jwks",
        "http://127.0.0.1/jwks#keys",
    ]
    .map(|jwks_uri| Page::json(&json!({ "issuer": issuer, "jwks_uri": jwks_uri })));
    for page in [&statuses[..], &documents, &jwks_uris].concat() {
        site.reset();
        for place in places("/t1") {
            site.put(&place, site.metadata(&issuer));
        }
        let shown = format!("{} {:.100}", page.status, page.body.escape_ascii());
        site.put(&places("/t1")[0], page.clone());
        assert_eq!(ask(&issuer).await.status, StatusCode::OK, "{shown}");
        assert_eq!(site.log(), [&places("/t1")[..2], &["/jwks".to_owned()]].concat(), "{shown}");
        // And at no location does such a document lead to keys.
        for place in places("/t1") {
            site.put(&place, page.clone());
        }
        ask(&issuer).await.assert_keys_unavailable();
        assert_eq!(site.log(), places("/t1"), "{shown}");
    }
}

/// A host that cannot answer at one location is not asked at the next: all are on the same host.
/// Rows I1, I4.
#[tokio::test]
async fn an_overloaded_or_unreachable_issuer_ends_the_search() {
    let site = Site::start().await;
    let issuer = format!("{}/t1", site.origin);
    for status in [429, 503] {
        site.reset();
        for place in places("/t1") {
            site.put(&place, site.metadata(&issuer));
        }
        site.put(&places("/t1")[0], Page::status(status));
        ask(&issuer).await.assert_keys_unavailable();
        assert_eq!(site.log(), [places("/t1")[0].as_str()], "{status}");
    }
    for fault in [Fault::Disconnect, Fault::Truncate] {
        let issuer = small_issuer();
        issuer.fail(Endpoint::OAuthMetadata, fault);
        present(&app(&server(&issuer)), &good(&issuer).sign()).await.assert_keys_unavailable();
        assert_eq!((issuer.requests(Endpoint::OAuthMetadata), issuer.requests(Endpoint::OpenIdMetadata)), (1, 0));
    }
}

#[tokio::test]
async fn a_failed_search_reports_every_url_with_its_reason() {
    let site = Site::start().await;
    let issuer = format!("{}/t1", site.origin);
    let [oauth, inserted, appended] = &places("/t1")[..] else { panic!("three locations") };
    let origin = &site.origin;
    site.put(oauth, Page::ok("<!doctype html>"));
    site.put(inserted, Page::status(403));
    site.put(appended, site.metadata("https://other.example"));
    let keys = RemoteKeys::discover(&issuer).unwrap();
    let error = keys.fetch(FetchRequest::new(StdInstant::now())).await.unwrap_err();
    let expected = format!(
        "no usable metadata was found: {origin}{oauth}: the document is not a JSON object with the strings issuer and jwks_uri; \
         {origin}{inserted}: answered 403 Forbidden; \
         {origin}{appended}: the metadata is for another issuer: \"https://other.example\""
    );
    assert_eq!(error.to_string(), expected);

    // What another issuer's document holds may have any length, and what a URL holds is not for logs.
    site.put(oauth, site.metadata(&"x".repeat(10_000)));
    let error = keys.fetch(FetchRequest::new(StdInstant::now())).await.unwrap_err();
    assert!(error.to_string().len() < 1000, "{error}");
    site.put(oauth, Page::json(&json!({ "issuer": issuer, "jwks_uri": format!("{origin}/none?key=secret") })));
    let error = keys.fetch(FetchRequest::new(StdInstant::now())).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{origin}/none?key=…: answered 404 Not Found"));
    site.put("/none?key=secret", Page::ok("{}"));
    let error = keys.fetch(FetchRequest::new(StdInstant::now())).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("{origin}/none?key=…: ")), "{error}");
    assert!(!format!("{error:?} {keys:?}").contains("secret"), "{error:?} {keys:?}");
}

/// Row I6.
#[tokio::test]
async fn an_array_is_not_accepted_as_metadata() {
    let site = Site::start().await;
    site.reset();
    site.put(OAUTH, Page::json(&json!([site.origin, format!("{}/jwks", site.origin)])));
    ask(&site.origin).await.assert_keys_unavailable();
}

/// Row I1.
#[tokio::test]
async fn metadata_of_another_issuer_is_not_used() {
    let site = Site::start().await;
    for path in ["", "/", "/t1", "/t1/"] {
        let issuer = format!("{}{path}", site.origin);
        let toggled = issuer.strip_suffix('/').map_or_else(|| format!("{issuer}/"), str::to_owned);
        let others = [
            toggled,
            issuer.to_uppercase(),
            issuer.replace("127.0.0.1", "localhost"),
            format!("{issuer} "),
            format!("{issuer}?"),
            "https://login.example".to_owned(),
            String::new(),
        ];
        for other in others {
            site.reset();
            for place in places(path) {
                site.put(&place, site.metadata(&other));
            }
            ask(&issuer).await.assert_keys_unavailable();
            assert_eq!(site.log(), places(path), "{other:?} for {issuer:?}");
        }
    }
}

/// A token causes no request to an issuer that is not trusted, however similar its identifier.
/// Rows I1, D12.
#[tokio::test]
async fn a_token_of_another_issuer_causes_no_request() {
    let site = Site::start().await;
    let issuer = format!("{}/t1", site.origin);
    site.reset();
    site.put(&places("/t1")[0], site.metadata(&issuer));
    let app = app(&discovering(&issuer));
    for other in [format!("{issuer}/"), issuer.to_uppercase(), issuer.replace("127.0.0.1", "localhost"), String::new()]
    {
        present(&app, &good(&ISSUER).claim("iss", other).sign()).await.assert_invalid_token();
    }
    assert!(site.log().is_empty());
}

#[tokio::test]
async fn a_fixed_jwks_url_needs_no_metadata() {
    let site = Site::start().await;
    let issuer = "https://login.example";
    let url = format!("{}/keys?tenant=1", site.origin);
    let clock = TestClock::new();
    let trusted = Issuer::jwks(issuer, &url).unwrap();
    let server = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap();
    let (app, token) = (app(&server), good(&ISSUER).claim("iss", issuer).expires_in(DAY).sign());
    for _ in 0..4 {
        present(&app, &token).await.assert_keys_unavailable();
        clock.advance(Duration::from_secs(61));
    }
    site.put("/keys?tenant=1", Page::json(&ISSUER.jwks()));
    present(&app, &token).await.assert_ok();
    assert_eq!(site.log(), ["/keys?tenant=1"; 5]);
}

/// Row I12.
#[tokio::test]
async fn nothing_is_fetched_before_a_token_needs_it() {
    let issuer = small_issuer();
    let app = app(&server(&issuer));
    crate::harness::send(&app, "/me", []).await.assert_bare();
    present(&app, "no-token").await.assert_invalid_token();
    present(&app, &good(&issuer).expired_for(Duration::from_secs(120)).sign()).await.assert_invalid_token();
    present(&app, &good(&issuer).audience("https://other.example").sign()).await.assert_invalid_token();
    assert_eq!(fetches(&issuer), (0, 0));
    assert_eq!(present(&app, &good(&issuer).sign()).await.status, StatusCode::OK);
    assert_eq!(fetches(&issuer), (1, 1));
}
