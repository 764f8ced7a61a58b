//! Where the endpoint is, as the issuer's metadata says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::stub::{answer, ok};
use super::*;
use crate::keys::{DiscoveryError, FetchError, UrlError};

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// An issuer on this machine: its metadata in both places, and its endpoint at `/introspect`, which has moved from `/old`.
struct Issuer {
    stub: Stub,
    has_moved: Arc<AtomicBool>,
}

impl Issuer {
    fn start() -> Self {
        let has_moved = Arc::new(AtomicBool::new(false));
        let moved = Arc::clone(&has_moved);
        let stub = Stub::start(move |exchange| match (exchange.path(), moved.load(Ordering::SeqCst)) {
            (OAUTH, has_moved) => {
                let endpoint = if has_moved { "/introspect" } else { "/old" };
                let metadata = metadata(&host_of(exchange.request), endpoint);
                exchange.send(&ok(&metadata));
            }
            ("/introspect", true) | ("/old", false) => exchange.send(&ok("{}")),
            _ => exchange.send(&answer("404 Not Found", "text/plain", "")),
        });
        Self { stub, has_moved }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::discovered(&self.stub.url(""), basic(), Encryption::Required).unwrap()
    }

    /// The paths that were asked for since the last time.
    fn paths(&self, seen: &mut usize) -> Vec<String> {
        let requests = self.stub.requests();
        let new = requests[*seen..].iter().map(|request| request.split(' ').nth(1).unwrap().to_owned());
        *seen = requests.len();
        new.collect()
    }
}

fn host_of(request: &str) -> String {
    let (_, rest) = request.split_once("host: ").unwrap();
    rest.split_once("\r\n").unwrap().0.to_owned()
}

fn metadata(host: &str, endpoint: &str) -> String {
    format!(r#"{{"issuer":"http://{host}","introspection_endpoint":"http://{host}{endpoint}"}}"#)
}

/// The error of the search for the endpoint with this metadata. In it `BASE` is the issuer.
async fn refused(metadata: &'static str) -> DiscoveryError {
    let stub = Stub::start(move |exchange| {
        let base = format!("http://{}", host_of(exchange.request));
        exchange.send(&ok(&metadata.replace("BASE", &base)));
    });
    let endpoint = Endpoint::discovered(&stub.url(""), basic(), Encryption::Required).unwrap();
    let error = endpoint.ask("t", &MovedClock::new()).await.unwrap_err();
    assert!(!error.is_outage(), "{error:?}");
    let IntrospectionError::Discovery { reason: FetchError::Discovery { attempts }, .. } = error else {
        panic!("{error:?}")
    };
    match &attempts[0] {
        FetchError::Metadata { reason, .. } => reason.clone(),
        other => panic!("{other:?}"),
    }
}

/// Rows I1, I6.
#[tokio::test]
async fn the_metadata_must_be_the_issuers_own_and_name_the_endpoint() {
    let missing = DiscoveryError::NoIntrospectionEndpoint;
    assert_eq!(refused(r#"{"issuer":"BASE","jwks_uri":"BASE/jwks"}"#).await, missing);
    assert_eq!(refused(r#"{"issuer":"BASE","introspection_endpoint":null}"#).await, missing);
    assert_eq!(refused("<html>").await, missing);
    let other = refused(r#"{"issuer":"BASE/","introspection_endpoint":"BASE/introspect"}"#).await;
    assert!(matches!(other, DiscoveryError::Issuer { .. }), "{other:?}");
    let plain = refused(r#"{"issuer":"BASE","introspection_endpoint":"http://h.example/introspect"}"#).await;
    assert_eq!(plain, DiscoveryError::IntrospectionEndpoint { reason: UrlError::Scheme });
}

#[tokio::test]
async fn the_endpoint_is_found_and_asked() {
    let issuer = Issuer::start();
    let (endpoint, clock, mut seen) = (issuer.endpoint(), MovedClock::new(), 0);
    for _ in 0..2 {
        json(endpoint.ask("t", &clock).await);
    }
    assert_eq!(issuer.paths(&mut seen), [OAUTH, "/old", "/old"], "the metadata is read once");
}

/// The metadata of RFC 8414 may lack the endpoint, and that of OpenID Connect have it.
#[tokio::test]
async fn the_search_goes_on_where_the_endpoint_is_not_named() {
    let stub = Stub::start(|exchange| {
        let host = host_of(exchange.request);
        match exchange.path() {
            OAUTH => exchange.send(&ok(&format!(r#"{{"issuer":"http://{host}"}}"#))),
            OPENID => exchange.send(&ok(&metadata(&host, "/introspect"))),
            _ => exchange.send(&ok("{}")),
        }
    });
    let endpoint = Endpoint::discovered(&stub.url(""), basic(), Encryption::Required).unwrap();
    json(endpoint.ask("t", &MovedClock::new()).await);
    assert_eq!(stub.requests().len(), 3);
}

#[tokio::test]
async fn a_thousand_first_requests_share_one_search() {
    let searches = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&searches);
    let stub = Stub::start(move |exchange| {
        if exchange.path() == OAUTH {
            counted.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(100));
        }
        exchange.send(&answer("503 Service Unavailable", "text/plain", ""));
    });
    let endpoint = Arc::new(Endpoint::discovered(&stub.url(""), basic(), Encryption::Required).unwrap());
    let clock = Arc::new(MovedClock::new());
    let asks: Vec<_> = (0..1000)
        .map(|_| {
            let (endpoint, clock) = (Arc::clone(&endpoint), Arc::clone(&clock));
            tokio::spawn(async move { endpoint.ask("t", &*clock).await.unwrap_err() })
        })
        .collect();
    for ask in asks {
        let error = ask.await.unwrap();
        assert!(matches!(error, IntrospectionError::Discovery { .. }) && error.is_outage(), "{error:?}");
        let retry_after = error.retry_after().unwrap();
        assert!((Duration::from_millis(800)..=Duration::from_secs(1)).contains(&retry_after), "{retry_after:?}");
    }
    assert_eq!(searches.load(Ordering::SeqCst), 1, "also after a failure");
    // 1 s, then 2 s, less up to a fifth each.
    for (seconds, expected) in [(0, 1), (1, 2), (1, 2), (1, 3)] {
        clock.advance(seconds);
        drop(endpoint.ask("t", &*clock).await);
        assert_eq!(searches.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test]
async fn an_endpoint_that_moves_is_found_within_an_hour() {
    let issuer = Issuer::start();
    let (endpoint, clock, mut seen) = (issuer.endpoint(), MovedClock::new(), 0);
    json(endpoint.ask("t", &clock).await);
    clock.advance(3599);
    json(endpoint.ask("t", &clock).await);
    assert_eq!(issuer.paths(&mut seen), [OAUTH, "/old", "/old"]);
    clock.advance(1);
    issuer.has_moved.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        json(endpoint.ask("t", &clock).await);
    }
    assert_eq!(issuer.paths(&mut seen), [OAUTH, "/introspect", "/introspect"]);
}

#[tokio::test]
async fn an_endpoint_that_has_moved_is_looked_for_after_two_failures_and_every_5_minutes() {
    let issuer = Issuer::start();
    let (endpoint, clock, mut seen) = (issuer.endpoint(), MovedClock::new(), 0);
    json(endpoint.ask("t", &clock).await);
    issuer.has_moved.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        endpoint.ask("t", &clock).await.unwrap_err();
    }
    assert_eq!(issuer.paths(&mut seen), [OAUTH, "/old", "/old", "/old"]);
    json(endpoint.ask("t", &clock).await);
    assert_eq!(issuer.paths(&mut seen), [OAUTH, "/introspect"]);

    issuer.has_moved.store(false, Ordering::SeqCst);
    clock.advance(299);
    for _ in 0..3 {
        endpoint.ask("t", &clock).await.unwrap_err();
    }
    assert_eq!(issuer.paths(&mut seen), ["/introspect"; 3], "not yet again");
    clock.advance(1);
    json(endpoint.ask("t", &clock).await);
    assert_eq!(issuer.paths(&mut seen), [OAUTH, "/old"]);
}

/// A good answer between two failures shows that the endpoint is where it was.
#[tokio::test]
async fn failures_count_in_a_row_only() {
    let stub = Stub::start(|exchange| {
        let host = host_of(exchange.request);
        match (exchange.path(), exchange.request.contains("token=odd")) {
            (OAUTH, _) => exchange.send(&ok(&metadata(&host, "/introspect"))),
            (_, true) => exchange.send(&answer("500 Internal Server Error", "text/plain", "")),
            _ => exchange.send(&ok("{}")),
        }
    });
    let endpoint = Endpoint::discovered(&stub.url(""), basic(), Encryption::Required).unwrap();
    let clock = MovedClock::new();
    for token in ["odd", "t", "odd", "t", "odd", "t"] {
        drop(endpoint.ask(token, &clock).await);
    }
    let searches = stub.requests().iter().filter(|request| request.starts_with("GET")).count();
    assert_eq!(searches, 1);
}

/// Time limits hold for the search too, also for those who only wait for it.
#[tokio::test]
async fn a_search_that_hangs_ends_at_the_time_limit() {
    let stub = Stub::start(|exchange| {
        thread::sleep(Duration::from_secs(6));
        exchange.close();
    });
    let endpoint = Endpoint::discovered(&stub.url(""), basic(), Encryption::Required).unwrap();
    let endpoint = endpoint.timeouts(Duration::from_millis(50), Duration::from_millis(200)).unwrap();
    let clock = MovedClock::new();
    let (a, b) = tokio::join!(endpoint.ask("a", &clock), endpoint.ask("b", &clock));
    for error in [a.unwrap_err(), b.unwrap_err()] {
        assert!(error.is_outage(), "{error:?}");
        assert!(error.to_string().contains("within 200ms"), "{error}");
    }
}

#[test]
fn which_urls_are_accepted() {
    let at = |url, encryption| Endpoint::at(url, ISSUER, basic(), encryption).err();
    assert_eq!(at("https://h.example/i?a=b", Encryption::Required), None);
    assert_eq!(at("http://127.0.0.1:1/i", Encryption::Required), None);
    assert_eq!(at("http://h.example/i", Encryption::Required), Some(UrlError::Scheme));
    assert_eq!(at("https://u:p@h.example/i", Encryption::Required), Some(UrlError::Credentials));
    assert_eq!(at("https://h.example/i#a", Encryption::Required), Some(UrlError::Fragment));
    let plain = Endpoint::at("http://h.example/i", ISSUER, basic(), Encryption::Optional).unwrap();
    assert_eq!(plain.plain_http().map(url::Url::as_str), Some("http://h.example/i"));
    let discovered = |issuer, encryption| Endpoint::discovered(issuer, basic(), encryption);
    assert_eq!(discovered("http://h.example", Encryption::Required).err(), Some(UrlError::Scheme));
    assert!(discovered("http://h.example", Encryption::Optional).unwrap().plain_http().is_some());
    assert!(discovered("http://127.0.0.1:1", Encryption::Required).unwrap().plain_http().is_none());
}
