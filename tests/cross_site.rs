//! Cross-site request forgery: requests that other sites cause carry the cookie with the token, and unsafe ones are refused.

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{HeaderName, Method, Request, Response, StatusCode, Version};
use tower::ServiceExt;
use tower_bearer::credentials::TokenSource;
use tower_bearer::dpop::{Dpop, PublicUrl};
use tower_bearer::rejection::RejectionKind;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, Rejection};

use crate::harness::{builder_with_keys, good, server, small_issuer};

const HOST: &str = "api.example.com";
const OWN: &str = "https://api.example.com";
const OTHER: &str = "https://attacker.example.test";

struct Fixture {
    issuer: TestIssuer,
    app: Router,
}

impl Fixture {
    fn new(source: TokenSource) -> Self {
        let issuer = small_issuer();
        let caller = async |token: Option<AccessToken>| if token.is_some() { "somebody" } else { "nobody" };
        let app = Router::new().route("/", any(caller)).layer(server(&issuer).layer().optional().token_from(source));
        Self { issuer, app }
    }

    fn cookie() -> Self {
        Self::new(TokenSource::cookie("token"))
    }

    async fn ask(&self, method: Method, headers: &[(&str, &str)]) -> Response<Body> {
        let cookie = format!("token={}", good(&self.issuer).sign());
        let mut request = Request::builder().method(method).uri("/").header("host", HOST).header("cookie", cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn status(&self, method: Method, headers: &[(&str, &str)]) -> StatusCode {
        self.ask(method, headers).await.status()
    }
}

#[tokio::test]
async fn an_unsafe_request_from_another_site_is_refused() {
    let fixture = Fixture::cookie();
    for (headers, passes) in [
        // What browsers of today say.
        (&[("sec-fetch-site", "same-origin")][..], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "cross-site"), ("origin", OWN)], false),
        (&[("sec-fetch-site", "same-origin"), ("origin", OTHER)], true),
        // What is none of it.
        (&[("sec-fetch-site", "")], false),
        (&[("sec-fetch-site", "Same-Origin")], false),
        (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
        // What older browsers say, and all of them over plain http.
        (&[("origin", OWN)], true),
        (&[("origin", "http://api.example.com")], true),
        (&[("origin", "https://API.example.com")], true),
        (&[("origin", "https://api.example.com:443")], true),
        (&[("origin", "https://api.example.com:8443")], false),
        (&[("origin", "http://api.example.com:443")], false),
        (&[("origin", OTHER)], false),
        (&[("origin", "https://example.com")], false),
        (&[("origin", "https://www.api.example.com")], false),
        (&[("origin", "https://api.example.com.attacker.example.test")], false),
        (&[("origin", "https://api.example.com@attacker.example.test")], false),
        (&[("origin", "https://attacker.example.test/api.example.com")], false),
        (&[("origin", "chrome-extension://api.example.com")], false),
        (&[("origin", "api.example.com")], false),
        (&[("origin", "null")], false),
        (&[("origin", "")], false),
        (&[("origin", OWN), ("origin", OTHER)], false),
        // No browser of today.
        (&[], true),
        (&[("referer", "https://attacker.example.test/")], true),
    ] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, "PURGE".parse().unwrap()] {
            let expected = if passes { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(fixture.status(method, headers).await, expected, "{headers:?}");
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert_eq!(fixture.status(method, headers).await, StatusCode::OK, "{headers:?}");
        }
    }
}

/// A page opens a WebSocket to any host, with the cookies of that host (cross-site WebSocket hijacking).
#[tokio::test]
async fn a_websocket_handshake_from_another_site_is_refused() {
    let fixture = Fixture::cookie();
    for upgrade in ["websocket", "WebSocket", "h2c, websocket", "websocket/13"] {
        let from = async |origin| fixture.status(Method::GET, &[("upgrade", upgrade), ("origin", origin)]).await;
        assert_eq!((from(OWN).await, from(OTHER).await), (StatusCode::OK, StatusCode::FORBIDDEN), "{upgrade}");
    }
    // RFC 8441: over HTTP/2 it is a CONNECT.
    assert_eq!(fixture.status(Method::CONNECT, &[("origin", OTHER)]).await, StatusCode::FORBIDDEN);
    let no_handshake = [("upgrade", "h2c"), ("origin", OTHER)];
    assert_eq!(fixture.status(Method::GET, &no_handshake).await, StatusCode::OK);
}

/// nginx and Traefik ask with `GET` about a request of any method, and drop `Upgrade`.
#[tokio::test]
async fn the_method_that_a_proxy_names_counts_too() {
    const METHOD: &str = "x-original-method";
    let fixture = Fixture::new(TokenSource::cookie("token").method_from(HeaderName::from_static(METHOD)));
    for (method, named, is_safe) in [
        (Method::GET, &["GET"][..], true),
        (Method::GET, &["HEAD"], true),
        (Method::HEAD, &["OPTIONS"], true),
        (Method::GET, &["POST"], false),
        (Method::GET, &["DELETE"], false),
        (Method::GET, &["get"], false),
        (Method::GET, &[""], false),
        (Method::GET, &["GET, GET"], false),
        (Method::GET, &["GET", "GET"], false),
        (Method::GET, &["GET", "POST"], false),
        (Method::GET, &[], false),
        (Method::POST, &["GET"], false),
    ] {
        for (site, passes) in [("cross-site", is_safe), ("same-origin", true)] {
            let named = named.iter().map(|named| (METHOD, *named));
            let headers: Vec<_> = named.chain([("sec-fetch-site", site)]).collect();
            let expected = if passes { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(fixture.status(method.clone(), &headers).await, expected, "{method} {headers:?}");
        }
    }
    let handshake = [(METHOD, "GET"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("origin", OTHER)];
    assert_eq!(fixture.status(Method::GET, &handshake).await, StatusCode::FORBIDDEN);
}

/// Even if nobody has said which header holds the method.
#[tokio::test]
async fn a_server_that_proxies_ask_takes_no_method_for_safe_by_itself() {
    let [target, method] = ["x-original-uri", "x-original-method"].map(HeaderName::from_static);
    let url = PublicUrl::new(OWN).unwrap().forward_auth(["127.0.0.1"], target, method.clone()).unwrap();
    for (source, passes) in [
        (TokenSource::cookie("token"), false),
        (TokenSource::cookie("token").method_from(method), true),
        (TokenSource::cookie("token").insecure_allow_cross_site(), true),
    ] {
        let issuer = small_issuer();
        let api = builder_with_keys(issuer.url(), &issuer.jwks()).dpop(Dpop::at_url(url.clone())).build().unwrap();
        let app = Router::new().route("/", any("")).layer(api.layer().token_from(source.clone()));
        let fixture = Fixture { issuer, app };
        for (site, passes) in [("cross-site", passes), ("same-origin", true)] {
            let headers = [("x-original-method", "GET"), ("sec-fetch-site", site)];
            let expected = if passes { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(fixture.status(Method::GET, &headers).await, expected, "{source:?}, {site}");
        }
    }
}

#[tokio::test]
async fn a_refusal_does_not_tell_the_client_the_reason() {
    let response = Fixture::cookie().ask(Method::POST, &[("sec-fetch-site", "cross-site")]).await;
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!((rejection.kind(), rejection.kind().name()), (RejectionKind::CrossSite, "cross_site"));
    assert_eq!((rejection.challenges().next(), rejection.error(), rejection.description()), (None, None, None));
    assert!(!response.headers().contains_key("www-authenticate"));
    assert_eq!(response.headers()["cache-control"], "no-store");
}

/// The request names its own host in `:authority`, or in the target, and that counts before `Host` (RFC 9112 §3.2.2).
#[tokio::test]
async fn the_request_target_counts_before_the_host_header() {
    let fixture = Fixture::cookie();
    let cookie = || format!("token={}", good(&fixture.issuer).sign());
    for (uri, hosts, origin, passes) in [
        ("/", &["api.example.com"][..], OWN, true),
        ("/", &["api.example.com:443"], OWN, true),
        ("/", &["api.example.com:8443"], "https://api.example.com:8443", true),
        ("/", &["api.example.com:8443"], OWN, false),
        ("/", &["[::1]:3000"], "http://[::1]:3000", true),
        ("https://api.example.com/", &[], OWN, true),
        ("https://api.example.com/", &["attacker.example.test"], OWN, true),
        ("https://api.example.com/", &["attacker.example.test"], OTHER, false),
        ("/", &[], OWN, false),
        ("/", &["api.example.com", "attacker.example.test"], OWN, false),
        ("/", &["not a host"], OWN, false),
    ] {
        let mut request =
            Request::post(uri).version(Version::HTTP_2).header("origin", origin).header("cookie", cookie());
        for host in hosts {
            request = request.header("host", *host);
        }
        let response = fixture.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status() == StatusCode::OK, passes, "{origin} at {uri}, {hosts:?}");
    }
}

/// A browser sends no other source by itself, and a request without a token has no identity to abuse.
#[tokio::test]
async fn only_requests_with_a_token_cookie_are_checked() {
    let fixture = Fixture::cookie();
    let request = || Request::post("/").header("host", HOST).header("origin", OTHER);
    let bearer = format!("Bearer {}", good(&fixture.issuer).sign());
    let by_header = request().header("authorization", bearer).header("cookie", "other=x").body(Body::empty()).unwrap();
    assert_eq!(fixture.send(by_header).await.status(), StatusCode::OK);
    assert_eq!(fixture.send(request().body(Body::empty()).unwrap()).await.status(), StatusCode::OK);
    // What is malformed is so from every site.
    let malformed = request().header("cookie", "token=\"x\"").body(Body::empty()).unwrap();
    assert_eq!(fixture.send(malformed).await.status(), StatusCode::BAD_REQUEST);
    // Nor does a bad token get a verdict.
    let forged = request().header("cookie", "token=x.y.z").body(Body::empty()).unwrap();
    assert_eq!(fixture.send(forged).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn only_listed_origins_are_allowed() {
    let app = "https://app.example.com";
    let fixture = Fixture::new(TokenSource::cookie("token").allow_origin(app).allow_origin("http://localhost:5173/"));
    for (headers, passes) in [
        (&[("sec-fetch-site", "same-site"), ("origin", app)][..], true),
        (&[("sec-fetch-site", "cross-site"), ("origin", app)], true),
        (&[("origin", app)], true),
        (&[("origin", "http://localhost:5173")], true),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("origin", OWN)], true),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "cross-site"), ("origin", OTHER)], false),
        (&[("origin", "http://app.example.com")], false),
        (&[("origin", "https://app.example.com:8443")], false),
        (&[("origin", "https://app.example.com"), ("origin", OTHER)], false),
        (&[("origin", "null")], false),
    ] {
        let expected = if passes { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(fixture.status(Method::POST, headers).await, expected, "{headers:?}");
    }
}

/// If a source is configured twice, the last rule counts.
#[tokio::test]
async fn the_check_can_be_switched_off() {
    let issuer = small_issuer();
    for (source, expected) in [
        (TokenSource::cookie("token").insecure_allow_cross_site(), StatusCode::OK),
        (TokenSource::cookie("token").insecure_allow_cross_site().refuse_cross_site(), StatusCode::FORBIDDEN),
    ] {
        let layer = server(&issuer).layer().token_from(TokenSource::cookie("token")).token_from(source);
        let app = Router::new().route("/", any(async || ())).layer(layer);
        let cookie = format!("token={}", good(&issuer).sign());
        let request = Request::post("/").header("origin", OTHER).header("cookie", cookie).body(Body::empty()).unwrap();
        assert_eq!(app.oneshot(request).await.unwrap().status(), expected);
    }
}

/// A proxy may copy a cookie into the header.
#[tokio::test]
async fn the_check_can_be_switched_on_for_a_header() {
    let issuer = small_issuer();
    let source = || TokenSource::header(HeaderName::from_static("x-token"));
    for (source, expected) in [(source(), StatusCode::OK), (source().refuse_cross_site(), StatusCode::FORBIDDEN)] {
        let app = Router::new().route("/", any(async || ())).layer(server(&issuer).layer().token_from(source));
        let request = Request::post("/").header("sec-fetch-site", "cross-site").header("x-token", good(&issuer).sign());
        assert_eq!(app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status(), expected);
    }
}

#[test]
#[should_panic(expected = r#"expected an origin such as "https://app.example.com", found "*""#)]
fn a_wildcard_is_no_origin() {
    let _ = TokenSource::cookie("token").allow_origin("*");
}
