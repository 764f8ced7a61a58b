//! Token sources beside the `Authorization` header: only those that are configured, and one token per request.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, LOCATION, VARY};
use http::request;
use http::{Request, StatusCode};
use tower::ServiceExt;
use tower_bearer::Require;
use tower_bearer::credentials::TokenSource;
use tower_bearer::jose::JwsError;
use tower_bearer::layer::ProtectLayer;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::VerifyError;

use crate::harness::{Answer, good, send_with as ask, server, small_issuer};

struct Fixture {
    issuer: TestIssuer,
}

impl Fixture {
    fn new() -> Self {
        Self { issuer: small_issuer() }
    }

    fn token(&self) -> String {
        good(&self.issuer).sign()
    }

    fn app(&self, sources: impl IntoIterator<Item = TokenSource>) -> Router {
        let layer = sources.into_iter().fold(server(&self.issuer).layer(), ProtectLayer::token_from);
        Router::new().route("/me", get(async || "me")).layer(layer)
    }
}

fn assertion() -> TokenSource {
    TokenSource::header(HeaderName::from_static("cf-access-jwt-assertion"))
}

/// Rows A11, A13.
#[tokio::test]
async fn only_authorization_is_read_by_default() {
    let fixture = Fixture::new();
    let app = fixture.app([]);
    let token = fixture.token();
    let headers = [
        ("cookie", format!("access_token={token}")),
        ("proxy-authorization", format!("Bearer {token}")),
        ("x-authorization", format!("Bearer {token}")),
        ("cf-access-jwt-assertion", token.clone()),
        ("sec-websocket-protocol", format!("chat, bearer.{token}")),
        ("sec-websocket-protocol", format!("bearer, {token}")),
        ("sec-websocket-protocol", format!("base64url.bearer.authorization.k8s.io.{}", URL_SAFE_NO_PAD.encode(&token))),
    ];
    for header in headers {
        ask(&app, "/me", &[header]).await.assert_bare();
    }
    let query = format!("/me?access_token={token}");
    ask(&app, &query, &[]).await.assert_bare();
    ask(&app, &query, &[("authorization", format!("Bearer {token}"))]).await.assert_ok();
}

#[tokio::test]
async fn each_configured_source_is_read() {
    let fixture = Fixture::new();
    let token = fixture.token();
    let cookie = || fixture.app([TokenSource::cookie("__Host-token")]);
    let live = || fixture.app([TokenSource::websocket_protocol("bearer")]);
    let header = || fixture.app([assertion()]);
    for (app, headers) in [
        (header(), vec![("cf-access-jwt-assertion", token.clone())]),
        (header(), vec![("cf-access-jwt-assertion", format!(" {token}\t"))]),
        (header(), vec![("authorization", format!("Bearer {token}"))]),
        (cookie(), vec![("cookie", format!("__Host-token={token}"))]),
        (cookie(), vec![("cookie", format!("a=b; __Host-token={token}; __Host-token2=x"))]),
        (cookie(), vec![("cookie", "a=b".into()), ("cookie", format!("__Host-token={token}"))]),
        (live(), vec![("sec-websocket-protocol", format!("chat, bearer.{token}"))]),
        (
            live(),
            vec![("sec-websocket-protocol", "chat".into()), ("sec-websocket-protocol", format!("bearer.{token}"))],
        ),
        // A scheme that is none of ours is no second token.
        (cookie(), vec![("cookie", format!("__Host-token={token}")), ("authorization", "Basic dTpw".into())]),
    ] {
        ask(&app, "/me", &headers).await.assert_ok();
    }
    let query = fixture.app([TokenSource::query()]);
    ask(&query, &format!("/me?a=b&access_token={token}&c"), &[]).await.assert_ok();
    let encoded = token.replace('.', "%2E");
    ask(&query, &format!("/me?%61ccess_token={encoded}"), &[]).await.assert_ok();
}

#[tokio::test]
async fn empty_sources_count_as_no_credentials() {
    let fixture = Fixture::new();
    let app = fixture.app([
        assertion(),
        TokenSource::cookie("token"),
        TokenSource::websocket_protocol("bearer"),
        TokenSource::query(),
    ]);
    ask(&app, "/me?x=y", &[]).await.assert_bare();
    for header in [
        ("cookie", "a=b; other=c; tokens=x; xtoken=y"),
        ("cookie", "token="),
        ("cookie", "token"),
        ("sec-websocket-protocol", "chat, bearer"),
        ("authorization", "Basic dTpw"),
    ] {
        ask(&app, "/me", &[(header.0, header.1.into())]).await.assert_bare();
    }
}

/// Rows A5, A10.
#[tokio::test]
async fn two_tokens_or_a_malformed_one_are_refused() {
    let fixture = Fixture::new();
    let token = fixture.token();
    let app = fixture.app([
        assertion(),
        TokenSource::cookie("token"),
        TokenSource::websocket_protocol("bearer"),
        TokenSource::query(),
    ]);
    let places = [
        ("authorization", format!("Bearer {token}")),
        ("cf-access-jwt-assertion", token.clone()),
        ("cookie", format!("token={token}")),
        ("sec-websocket-protocol", format!("bearer.{token}")),
    ];
    for (at, one) in places.iter().enumerate() {
        ask(&app, "/me", std::slice::from_ref(one)).await.assert_ok();
        ask(&app, &format!("/me?access_token={token}"), std::slice::from_ref(one)).await.assert_invalid_request();
        for other in &places[at..] {
            ask(&app, "/me", &[one.clone(), other.clone()]).await.assert_invalid_request();
        }
        // A bad one beside a good one does not count for nothing either.
        let mut bad = one.clone();
        bad.1 = bad.1.replace(&token, "x.y.z");
        ask(&app, &format!("/me?access_token={token}"), &[bad]).await.assert_invalid_request();
    }
    ask(&app, &format!("/me?access_token={token}&access_token={token}"), &[]).await.assert_invalid_request();
    for query in ["access_token=", "access_token", "access_token=a%20b", "access_token=%22", "access_token=%ff"] {
        ask(&app, &format!("/me?{query}"), &[]).await.assert_invalid_request();
    }
    for (name, value) in [
        ("cookie", format!("token=\"{token}\"")),
        ("cookie", format!("token={token}; token={token}")),
        ("cookie", format!("token={token},")),
        ("cookie", "token=a b".into()),
        ("cf-access-jwt-assertion", format!("Bearer {token}")),
        ("cf-access-jwt-assertion", String::new()),
        ("sec-websocket-protocol", format!("bearer.{token}, bearer.{token}")),
        ("sec-websocket-protocol", "bearer.".into()),
    ] {
        ask(&app, "/me", &[(name, value)]).await.assert_invalid_request();
    }
    for (name, value) in
        [("cookie", "token=x"), ("cf-access-jwt-assertion", "x"), ("sec-websocket-protocol", "bearer.x")]
    {
        ask(&app, "/me", &[(name, value.into())]).await.assert_invalid_token();
    }
}

/// An AWS load balancer adds two tokens: the access token of the provider as it is, and one of its own, whose parts are padded. A
/// pad in the middle is no credential at all, and one at the end makes a bad token.
/// Row E2.
#[tokio::test]
async fn of_the_tokens_of_a_load_balancer_only_the_access_token_is_valid() {
    let fixture = Fixture::new();
    let token = fixture.token();
    let access = fixture.app([TokenSource::header(HeaderName::from_static("x-amzn-oidc-accesstoken"))]);
    ask(&access, "/me", &[("x-amzn-oidc-accesstoken", token.clone())]).await.assert_ok();
    ask(&access, "/me", &[("x-amzn-oidc-data", token.clone())]).await.assert_bare();

    let data = fixture.app([TokenSource::header(HeaderName::from_static("x-amzn-oidc-data"))]);
    let own = |payload: &str| {
        let signed = fixture.issuer.token().raw_payload(payload).sign();
        let padded = signed.split('.').map(|part| URL_SAFE.encode(URL_SAFE_NO_PAD.decode(part).unwrap()));
        padded.collect::<Vec<_>>()
    };
    // Its length and that of the signature, of 64 bytes, leave a rest.
    let parts = own(r#"{"sub":"user-1","exp":4102444800,"iss":"https://login.example.com"}"#);
    assert!(parts[1].ends_with('=') && parts[2].ends_with("=="), "{parts:?}");
    ask(&data, "/me", &[("x-amzn-oidc-data", parts.join("."))]).await.assert_invalid_request();
    ask(&data, "/me", &[("authorization", format!("Bearer {}", parts.join(".")))]).await.assert_invalid_request();
    let [header, payload] = [&parts[0], &parts[1]].map(|part| part.trim_end_matches('='));
    let only_the_signature = format!("{header}.{payload}.{}", parts[2]);
    ask(&data, "/me", &[("x-amzn-oidc-data", only_the_signature.clone())]).await.assert_invalid_token();
    let malformed = Some(VerifyError::Token(JwsError::Encoding.into()));
    for padded in [parts.join("."), only_the_signature] {
        assert_eq!(server(&fixture.issuer).verify(&padded).await.err(), malformed, "{padded}");
    }
}

/// The handlers say different things to caches, with different statuses.
fn cached() -> Router {
    let with = |status: StatusCode, value: &'static str| {
        get(async move || (status, [(CACHE_CONTROL, HeaderValue::from_static(value))], "me"))
    };
    Router::new()
        .route("/plain", get(async || "me"))
        .route("/public", with(StatusCode::OK, "public, max-age=60"))
        .route("/shared", with(StatusCode::OK, "max-age=60, s-maxage=600"))
        .route("/no-cache", with(StatusCode::OK, "no-cache"))
        .route("/private", with(StatusCode::OK, "max-age=60, Private"))
        .route("/no-store", with(StatusCode::OK, "no-store"))
        .route("/unchanged", with(StatusCode::NOT_MODIFIED, "max-age=60"))
        .route("/moved", get(async || (StatusCode::MOVED_PERMANENTLY, [(LOCATION, "/users/7")])))
        .route("/missing", get(async || StatusCode::NOT_FOUND))
        .route("/forbidden", get(async || ()).layer(Require::scope("absent")))
}

fn said(answer: &Answer, name: &HeaderName) -> Vec<String> {
    answer.headers.get_all(name).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
}

/// Rows A11, B6.
#[tokio::test]
async fn answers_to_tokens_from_other_sources_are_private() {
    let fixture = Fixture::new();
    let token = fixture.token();
    let layer = server(&fixture.issuer)
        .layer()
        .token_from(TokenSource::cookie("token"))
        .token_from(assertion())
        .token_from(TokenSource::websocket_protocol("bearer"))
        .token_from(TokenSource::query());
    let app = cached().layer(layer);
    let by_query = format!("?access_token={token}");
    for (query, headers, varies) in [
        ("", vec![("cookie", format!("token={token}"))], vec!["cookie"]),
        ("", vec![("cf-access-jwt-assertion", token.clone())], vec!["cf-access-jwt-assertion"]),
        ("", vec![("sec-websocket-protocol", format!("bearer.{token}"))], vec!["sec-websocket-protocol"]),
        (&*by_query, vec![], vec![]),
    ] {
        for (path, expected) in [
            ("plain", "private"),
            ("public", "private, max-age=60"),
            ("shared", "private, max-age=60"),
            ("no-cache", "private, no-cache"),
            ("private", "max-age=60, Private"),
            ("no-store", "no-store"),
            ("unchanged", "private, max-age=60"),
            ("moved", "private"),
            ("missing", "private"),
        ] {
            let answer = ask(&app, &format!("/{path}{query}"), &headers).await;
            assert_eq!(said(&answer, &CACHE_CONTROL), [expected], "{path} by {headers:?}");
            assert_eq!(said(&answer, &VARY), varies, "{path} by {headers:?}");
        }
        let refused = ask(&app, &format!("/forbidden{query}"), &headers).await;
        assert_eq!(said(&refused, &CACHE_CONTROL), ["no-store"]);
    }
    for path in ["plain", "public"] {
        let answer = ask(&app, &format!("/{path}"), &[("authorization", format!("Bearer {token}"))]).await;
        let expected = if path == "public" { vec!["public, max-age=60"] } else { vec![] };
        assert_eq!(
            said(&answer, &CACHE_CONTROL),
            expected,
            "RFC 9111 §3.5 is enough, and the application may allow more"
        );
        assert_eq!(said(&answer, &VARY), [""; 0]);
    }
}

/// A shared cache may store the answer, but must not serve it to requests with a token.
/// Row B6.
#[tokio::test]
async fn optional_answers_vary_by_the_header_of_the_source() {
    let fixture = Fixture::new();
    let layer = server(&fixture.issuer)
        .layer()
        .optional()
        .token_from(TokenSource::cookie("token"))
        .token_from(assertion())
        .token_from(TokenSource::query());
    let answer = ask(&cached().layer(layer), "/public", &[]).await;
    assert_eq!(said(&answer, &CACHE_CONTROL), ["public, max-age=60"]);
    assert_eq!(said(&answer, &VARY), ["authorization, cookie, cf-access-jwt-assertion"]);
}

/// A cache may store the answer to a request with a token, if the application allows it, but must not serve it to requests without one.
#[tokio::test]
async fn optional_answers_to_tokens_vary_by_the_header_of_each_source() {
    let fixture = Fixture::new();
    let layer = server(&fixture.issuer).layer().optional().token_from(TokenSource::cookie("token"));
    let app = cached().layer(layer);
    let token = fixture.token();
    let answer = ask(&app, "/public", &[("authorization", format!("Bearer {token}"))]).await;
    assert_eq!(said(&answer, &CACHE_CONTROL), ["public, max-age=60"]);
    assert_eq!(said(&answer, &VARY), ["authorization, cookie"]);
    let answer = ask(&app, "/public", &[("cookie", format!("token={token}"))]).await;
    assert_eq!(said(&answer, &CACHE_CONTROL), ["private, max-age=60"]);
    assert_eq!(said(&answer, &VARY), ["cookie"]);
}

/// Row B6.
///
/// A layer between the protecting one and the requirement may set fields that override `Cache-Control` for some caches.
#[tokio::test]
async fn no_cache_may_store_the_refusal_of_an_inner_layer() {
    const FIELDS: [&str; 4] = ["cdn-cache-control", "surrogate-control", "x-accel-expires", "edge-control"];
    let fixture = Fixture::new();
    let between = axum::middleware::map_response(async |mut response: axum::response::Response| {
        for name in FIELDS {
            response.headers_mut().insert(name, HeaderValue::from_static("600"));
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=600"));
        response
    });
    let app = Router::new().route("/", get(async || ())).layer(Require::scope("admin")).layer(between);
    let app = app.layer(server(&fixture.issuer).layer().token_from(TokenSource::cookie("token")));
    let refused = ask(&app, "/", &[("cookie", format!("token={}", fixture.token()))]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(said(&refused, &CACHE_CONTROL), ["no-store"]);
    assert!(FIELDS.iter().all(|name| !refused.headers.contains_key(*name)), "{:?}", refused.headers);
}

/// Row A20.
#[tokio::test]
async fn inner_layers_see_the_token_as_sensitive() {
    let fixture = Fixture::new();
    let token = fixture.token();
    let shown = async |parts: request::Parts| format!("{:?}", parts.headers);
    let layer = server(&fixture.issuer).layer().token_from(TokenSource::cookie("token")).token_from(assertion());
    let app = Router::new().route("/me", get(shown)).layer(layer);
    for (name, value) in [
        ("cookie", format!("token={token}")),
        ("cf-access-jwt-assertion", token.clone()),
        ("authorization", format!("Bearer {token}")),
    ] {
        let request = Request::get("/me").header(name, value).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let body = axum::body::to_bytes(response.into_body(), 65536).await.unwrap();
        let body = String::from_utf8_lossy(&body);
        assert!(body.contains("Sensitive") && !body.contains("eyJ"), "{body}");
    }
}

#[test]
#[should_panic(expected = "expected the name of a header that holds only a token")]
fn authorization_cannot_be_added_as_a_source() {
    let _ = TokenSource::header(http::header::AUTHORIZATION);
}

#[test]
#[should_panic(expected = "expected the name of a cookie")]
fn an_invalid_cookie_name_panics() {
    let _ = TokenSource::cookie("a b");
}
