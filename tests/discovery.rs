//! From an issuer's name to its keys: where they are looked for, and what stops the search.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant as StdInstant};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::LOCATION;
use http::{StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tower_bearer::keys::{FetchRequest, KeySource, RemoteKeys};
use tower_bearer::server::ConfigError;
use tower_bearer::testing::{Endpoint, Fault, TestClock, TestIssuer};
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::{AUDIENCE, Answer, ISSUER, app, fetches, good, present, server, small_issuer};

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";
/// The most that is read of a document.
const MAX_DOCUMENT: usize = 256 * 1024;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A web site of a few pages that writes down what it is asked for: `TestIssuer` has one counter for two of the places.
struct Site {
    origin: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    pages: HashMap<String, Page>,
    log: Vec<String>,
}

#[derive(Clone)]
struct Page {
    status: u16,
    location: Option<String>,
    body: Vec<u8>,
}

impl Page {
    fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, location: None, body: body.into() }
    }

    fn json(body: &Value) -> Self {
        Self::ok(body.to_string())
    }

    fn status(status: u16) -> Self {
        Self { status, location: None, body: Vec::new() }
    }

    fn redirect(location: &str) -> Self {
        Self { status: 307, location: Some(location.to_owned()), body: Vec::new() }
    }

    /// White space around JSON means nothing.
    fn padded_to(mut self, length: usize) -> Self {
        self.body.resize(length, b' ');
        self
    }
}

impl Site {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        let pages = Arc::clone(&state);
        let answer = move |uri: Uri| {
            let mut state = pages.lock().unwrap();
            let asked = uri.path_and_query().unwrap().to_string();
            let page = state.pages.get(&asked).cloned().unwrap_or_else(|| Page::status(404));
            state.log.push(asked);
            let response = Response::builder().status(page.status);
            let response = page.location.iter().fold(response, |response, to| response.header(LOCATION, to));
            std::future::ready(response.body(Body::from(page.body)).unwrap())
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        Self { origin, state }
    }

    /// The key set of [`ISSUER`] at `/jwks`, and nothing else.
    fn reset(&self) {
        *self.state.lock().unwrap() = State::default();
        self.put("/jwks", Page::json(&ISSUER.jwks()));
    }

    fn put(&self, path: &str, page: Page) {
        self.state.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    /// What was asked for since the last call, in order.
    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().log)
    }

    /// The metadata of `issuer`, whose keys are here.
    fn metadata(&self, issuer: &str) -> Page {
        Page::json(&json!({ "issuer": issuer, "jwks_uri": format!("{}/jwks", self.origin) }))
    }
}

fn discovering(issuer: &str) -> ResourceServer {
    ResourceServer::builder(AUDIENCE).trust(Issuer::discover(issuer).unwrap()).build().unwrap()
}

/// A server that knows `issuer` by name only is shown a token of its.
async fn ask(issuer: &str) -> Answer {
    present(&app(&discovering(issuer)), &good(&ISSUER).claim("iss", issuer).sign()).await
}

/// The paths at which the metadata of an issuer with this path may be.
fn places(path: &str) -> Vec<String> {
    match path.trim_end_matches('/') {
        "" => vec![OAUTH.to_owned(), OPENID.to_owned()],
        path => vec![format!("{OAUTH}{path}"), format!("{OPENID}{path}"), format!("{path}{OPENID}")],
    }
}

#[tokio::test]
async fn i2_i3_i4_the_places_are_tried_in_order() {
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

/// Some issuers refuse what they do not know, so for those the other places are not asked at all.
#[tokio::test]
async fn i1_i3_the_place_of_openid_alone() {
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

#[tokio::test]
async fn i2_i3_a_path_issuer_of_the_test_kit_is_found() {
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
#[tokio::test]
async fn i1_i4_i6_d16_the_search_goes_on_after_an_answer_of_no_use() {
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

/// Who cannot answer at one location is not asked at the next: all are on one host.
#[tokio::test]
async fn i1_i4_an_issuer_that_is_overloaded_or_out_of_reach_is_left_alone() {
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
async fn a_search_without_result_tells_every_url_and_its_reason() {
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
         {origin}{appended}: the metadata is of another issuer: \"https://other.example\""
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

#[tokio::test]
async fn i6_an_array_is_no_metadata() {
    let site = Site::start().await;
    site.reset();
    site.put(OAUTH, Page::json(&json!([site.origin, format!("{}/jwks", site.origin)])));
    ask(&site.origin).await.assert_keys_unavailable();
}

#[tokio::test]
async fn i1_another_issuers_metadata_is_of_no_use() {
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

/// D12: no token buys a request to an issuer that is not trusted, and none that almost bears a trusted name.
#[tokio::test]
async fn i1_d12_a_token_of_another_name_costs_no_request() {
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
async fn i6_i13_a_document_has_at_most_256_kib() {
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

#[tokio::test]
async fn i13_redirects_within_the_origin_are_followed() {
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

#[tokio::test]
async fn i13_redirects_come_to_an_end() {
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

#[tokio::test]
async fn i13_d16_redirects_to_another_origin_are_refused() {
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

#[tokio::test]
async fn d16_keys_may_be_on_another_host_if_the_metadata_says_so() {
    let (site, keys) = (Site::start().await, Site::start().await);
    keys.reset();
    site.put(OAUTH, Page::json(&json!({ "issuer": site.origin, "jwks_uri": format!("{}/jwks", keys.origin) })));
    ask(&site.origin).await.assert_ok();
    assert_eq!((site.log(), keys.log()), (vec![OAUTH.to_owned()], vec!["/jwks".to_owned()]));
}

#[tokio::test]
async fn a_fixed_jwks_url_makes_metadata_unnecessary() {
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

#[test]
fn i5_an_issuer_is_an_https_url_without_query_and_fragment() {
    let rows = [
        ("http://login.example", "the scheme is not https, and http is for this machine only"),
        ("http://127.0.0.1.login.example", "the scheme is not https, and http is for this machine only"),
        ("http://10.0.0.1", "the scheme is not https, and http is for this machine only"),
        ("ftp://login.example", "the scheme is not https, and http is for this machine only"),
        ("file:///etc/passwd", "the scheme is not https, and http is for this machine only"),
        ("https://login.example?tenant=1", "the URL has a query"),
        ("https://login.example/?", "the URL has a query"),
        ("https://login.example/#top", "the URL has a fragment"),
        ("https://user@login.example", "the URL has a user name or a password"),
        ("https://:secret@login.example", "the URL has a user name or a password"),
        ("login.example", "the text is not an absolute URL"),
        ("//login.example", "the text is not an absolute URL"),
        ("https://", "the text is not an absolute URL"),
        ("", "the text is not an absolute URL"),
    ];
    for (value, reason) in rows {
        let error = Issuer::discover(value).unwrap_err();
        assert_eq!(error.to_string(), format!("the issuer {:?}: {reason}", without_secrets(value)));
        assert!(matches!(error, ConfigError::Issuer { value: named, .. } if named == value));
    }
    for good in ["https://login.example", "https://login.example/", "https://login.example:8443/t/1", "http://[::1]:1"]
    {
        assert!(Issuer::discover(good).is_ok(), "{good}");
    }
}

/// As it is shown.
fn without_secrets(url: &str) -> &str {
    match url {
        "https://login.example?tenant=1" => "https://login.example?tenant=…",
        "https://login.example/#top" => "https://login.example/#…",
        "https://login.example/jwks#a" => "https://login.example/jwks#…",
        "https://user@login.example" | "https://:secret@login.example" => "https://…@login.example",
        "https://user:secret@login.example/jwks" => "https://…@login.example/jwks",
        plain => plain,
    }
}

#[test]
fn i5_a_jwks_url_is_an_https_url() {
    let rows = [
        ("http://login.example/jwks", "the scheme is not https, and http is for this machine only"),
        ("https://user:secret@login.example/jwks", "the URL has a user name or a password"),
        ("https://login.example/jwks#a", "the URL has a fragment"),
        ("/jwks", "the text is not an absolute URL"),
    ];
    for (value, reason) in rows {
        let error = Issuer::jwks("https://login.example", value).unwrap_err();
        assert_eq!(error.to_string(), format!("the JWKS URL {:?}: {reason}", without_secrets(value)));
    }
    // Unlike an issuer's identifier, it may have a query; and the identifier need not be a URL then.
    assert!(Issuer::jwks("login", "https://login.example/jwks?tenant=1").is_ok());
    assert_eq!(Issuer::jwks("", "https://login.example/jwks").unwrap_err(), ConfigError::EmptyIssuer);
}

#[tokio::test]
async fn i6_a_failure_is_forgotten_when_the_issuer_recovers() {
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

/// The request is at the issuer before time is stopped; from then on it runs only when nothing else can.
#[tokio::test]
async fn i6_i13_an_issuer_that_hangs_is_given_up_after_5_seconds() {
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

/// A server whose clock the test moves, and a token that outlives it all.
fn at_a_clock(issuer: &str) -> (Router, String, TestClock) {
    let clock = TestClock::new();
    let trusted = Issuer::discover(issuer).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap();
    (app(&api), good(&ISSUER).claim("iss", issuer).expires_in(DAY).sign(), clock)
}

#[tokio::test]
async fn after_two_failures_the_issuer_is_asked_again_where_its_keys_are() {
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

/// Fetches as a server would after `later`, and says what was asked.
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
async fn a_jwks_uri_that_has_moved_is_followed_within_an_hour() {
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
async fn a_jwks_uri_that_has_moved_is_followed_for_an_unknown_key() {
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

/// The issuer may have left the old place because its keys are in other hands.
#[tokio::test]
async fn keys_that_cannot_be_fetched_from_a_new_place_are_not_fetched_from_the_old_one() {
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

/// Whoever waits for keys whose place is known does not wait in vain for metadata.
#[tokio::test]
async fn metadata_that_hang_leave_time_for_the_keys() {
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

/// Where the keys were is still known: metadata that is down must not keep us from keys that are not.
#[tokio::test]
async fn i10_a_search_that_fails_does_not_forget_where_the_keys_were() {
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

#[tokio::test]
async fn i12_nothing_is_asked_before_a_token_needs_it() {
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
