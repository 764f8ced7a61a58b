//! Attacks on requirements, challenges, token sources and responders.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{any, get};
use http::header::COOKIE;
use http::{Method, Request, StatusCode, Version, request};
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;
use tower_bearer::credentials::TokenSource;
use tower_bearer::metadata::Metadata;
use tower_bearer::rejection::{Grpc, RejectionContext, RejectionKind, Respond};
use tower_bearer::require::{Lack, Shortfall};
use tower_bearer::server::ConfigError;
use tower_bearer::testing::TestClock;
use tower_bearer::{AccessToken, Claims, Rejection, Require, ResourceServer, Scope};

use crate::harness::{AUDIENCE, builder_with_keys, good, present, send, server, small_issuer, with_raw_member};

/// Validity is checked first, also by a late check: a connection can outlive the token of its first request.
/// Row J3.
#[tokio::test]
async fn a_late_check_refuses_a_token_that_has_expired_since() {
    let issuer = small_issuer();
    let clock = TestClock::new();
    let api = builder_with_keys(issuer.url(), &issuer.jwks()).clock(clock.clone()).build().unwrap();
    let token = good(&issuer).expires_in(Duration::from_secs(300));
    let token = api.verify(&token.sign()).await.unwrap();
    let requirement = Require::scope("read:me").or(Require::token());
    clock.advance(Duration::from_secs(300 + 28));
    assert!(api.check(&token, &requirement).is_ok(), "within the leeway");
    clock.advance(Duration::from_secs(3));
    let rejection = api.check(&token, &requirement).unwrap_err();
    assert_eq!((rejection.kind(), rejection.error()), (RejectionKind::InvalidToken, Some("invalid_token")));
    assert!(rejection.challenges().next().unwrap().to_str().unwrap().contains(r#"error="invalid_token""#));
    let shortfall = requirement.check(&token, SystemTime::now() + Duration::from_secs(3600)).unwrap_err();
    assert_eq!((shortfall.lack(), shortfall.scope()), (Lack::Freshness, None));
    // What it lacks besides is for later: the client has to get another token first.
    let shortfall = Require::scope("pay").and_acr("mfa").check(&token, SystemTime::now() + Duration::from_secs(3600));
    assert_eq!(shortfall.unwrap_err().lack(), Lack::Freshness);
}

/// gRPC over HTTP/2, "Requests": a client that sends anything else would take 200 for success. A page cannot send `te`, and
/// every proxy that speaks HTTP/1.1 to a server removes it.
#[tokio::test]
async fn only_grpc_requests_get_a_grpc_status_with_200() {
    const GRPC: &str = "application/grpc";
    let issuer = small_issuer();
    let api = server(&issuer);
    let late = async |State(api): State<ResourceServer>, token: AccessToken| -> Result<(), Rejection> {
        api.check(&token, &Require::scope("absent"))
    };
    let app = Router::new()
        .route("/me", any(async || ()).layer(Require::scope("absent")))
        .route("/late", any(late))
        .with_state(api.clone())
        .layer(api.layer().respond_with(Grpc));
    let ask = async |path: &str, token: &Option<String>, method, version, headers: &[(&str, &str)]| -> Response {
        let mut request = Request::builder().method(method).uri(path).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    for (path, token, status, code) in [
        ("/me", None, 401, "16"),
        ("/me", Some("x".to_owned()), 401, "16"),
        ("/me", Some(good(&issuer).sign()), 403, "7"),
        ("/late", Some(good(&issuer).sign()), 403, "7"),
    ] {
        for (method, version, headers) in [
            (Method::POST, Version::HTTP_2, &[("te", "trailers")][..]),
            (Method::POST, Version::HTTP_2, &[("te", "trailers"), ("content-type", "application/json")]),
            (Method::POST, Version::HTTP_2, &[("te", "trailers"), ("content-type", "application/grpcx")]),
            (
                Method::POST,
                Version::HTTP_2,
                &[("te", "trailers"), ("content-type", "text/html"), ("content-type", GRPC)],
            ),
            (Method::POST, Version::HTTP_2, &[("content-type", GRPC)]),
            (Method::POST, Version::HTTP_2, &[("content-type", GRPC), ("te", "gzip")]),
            (Method::POST, Version::HTTP_2, &[("content-type", GRPC), ("te", "trailersx")]),
            (Method::POST, Version::HTTP_2, &[("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1")]),
            (Method::POST, Version::HTTP_11, &[("content-type", GRPC), ("te", "trailers")]),
            (Method::POST, Version::HTTP_11, &[("content-type", "application/grpc-web"), ("te", "trailers")]),
            (Method::POST, Version::HTTP_10, &[("content-type", GRPC), ("te", "trailers")]),
            (Method::GET, Version::HTTP_2, &[("content-type", GRPC), ("te", "trailers")]),
            (Method::OPTIONS, Version::HTTP_2, &[("content-type", GRPC), ("te", "trailers")]),
            (Method::GET, Version::HTTP_11, &[]),
        ] {
            let response = ask(path, &token, method, version, headers).await;
            assert_eq!(response.status().as_u16(), status, "{version:?} {headers:?}");
            assert!(response.headers().contains_key("www-authenticate"));
        }
        for (content_type, te) in [
            (GRPC, "trailers"),
            ("application/grpc+proto", "trailers"),
            ("Application/gRPC;x=y", "Trailers"),
            ("application/grpc-web", "trailers"),
            (GRPC, "gzip, trailers"),
        ] {
            let headers = [("content-type", content_type), ("te", te)];
            let response = ask(path, &token, Method::POST, Version::HTTP_2, &headers).await;
            assert_eq!(response.status(), StatusCode::OK, "{content_type}");
            assert_eq!(response.headers()["grpc-status"], code);
            assert!(response.headers().contains_key("www-authenticate"));
        }
    }
}

/// The array holds values of other types too.
#[tokio::test]
async fn claim_contains_finds_a_number_among_other_values() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let seven = Require::token().and_claim_contains("/levels", 7);
    for (levels, holds) in [
        (json!(["a", 7]), true),
        (json!([null, {"x": 7}, [7], 7]), true),
        (json!([1.5, 7]), true),
        (json!(7), true),
        (json!([-7, 70, 7.5, "7", [7], {"7": 7}]), false),
        (json!(["7"]), false),
        (json!("7"), false),
        (json!({"7": 7}), false),
        (json!(77), false),
        (json!([]), false),
        (json!(null), false),
    ] {
        let token = api.verify(&good(&issuer).claim("levels", &levels).sign()).await.unwrap();
        assert_eq!(api.check(&token, &seven).is_ok(), holds, "{levels}");
        // The value alone, and of its type.
        let is_seven = Require::token().and_claim_equals("/levels", 7);
        assert_eq!(api.check(&token, &is_seven).is_ok(), levels == json!(7), "{levels}");
        let mixed = good(&issuer).claim("outer", json!({"before": "x", "levels": levels, "after": ["y"]}));
        let token = api.verify(&mixed.sign()).await.unwrap();
        let nested = Require::token().and_claim_contains("/outer/levels", 7);
        assert_eq!(api.check(&token, &nested).is_ok(), holds, "{levels}");
    }
}

/// A challenge for Entra ID names one context. It must be a missing one, or the client would be sent for the same one again and
/// again.
#[tokio::test]
async fn the_challenge_names_the_auth_context_that_is_missing() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let both = Require::token().and_auth_context("c1").and_auth_context("c2");
    for (has, lacks) in [(json!([]), "c1"), (json!(["c1"]), "c2"), (json!(["c2"]), "c1")] {
        let token = api.verify(&good(&issuer).claim("acrs", &has).sign()).await.unwrap();
        let shortfall = both.check(&token, SystemTime::now()).unwrap_err();
        assert_eq!(shortfall.auth_context(), Some(lacks), "{has}");
    }
    // One that is there is not asked for where something else is lacking.
    let token = api.verify(&good(&issuer).claim("acrs", ["c1"]).sign()).await.unwrap();
    let recent = Require::token().and_auth_context("c1").and_max_age(Duration::from_secs(300));
    let rejection = api.check(&token, &recent).unwrap_err();
    assert_eq!(rejection.error(), Some("insufficient_user_authentication"));
    let rejection = api.check(&token, &Require::scope("pay").and_auth_context("c1")).unwrap_err();
    assert_eq!((rejection.kind(), rejection.error()), (RejectionKind::InsufficientScope, Some("insufficient_scope")));
}

/// A rule that answers differently each time refuses the token, but does not replace what a client can act on.
#[tokio::test]
async fn an_inconsistent_custom_rule_does_not_hide_a_missing_scope() {
    let issuer = small_issuer();
    let token = server(&issuer).verify(&good(&issuer).sign()).await.unwrap();
    let asked = AtomicUsize::new(0);
    let fickle = Require::token().and_custom(move |_, _| match asked.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => Err(Shortfall::denied("no")),
        _ => Ok(()),
    });
    let delegating = Require::token().and_custom(move |token, now| fickle.check(token, now));
    let shortfall = delegating.or(Require::scope("pay")).check(&token, SystemTime::now()).unwrap_err();
    assert_eq!(shortfall.scope().map(Scope::as_str), Some("pay"));
}

/// A client compares the document's `resource` with its own URL, which would never equal a repaired one.
/// Row K4.
#[test]
fn a_resource_url_that_a_parser_would_repair_is_refused() {
    let issuer = small_issuer();
    for bad in [
        "https:api.example.com",
        "https:\\\\api.example.com",
        " https://api.example.com",
        "https://api.example.com/a b",
        "https://api.exa\tmple.com",
        "HTTPS://api.example.com\n",
    ] {
        let metadata = Metadata::new().resource(bad);
        let refused = ResourceServer::builder("a").trust(issuer.issuer()).metadata(metadata).build().unwrap_err();
        assert!(matches!(refused, ConfigError::Resource { .. }), "{bad:?}");
    }
}

/// A value that cannot be written in a header and read back is left out of the challenge.
#[tokio::test]
async fn every_challenge_parses_back_to_its_values() {
    let issuer = small_issuer();
    let (realm, resource) = (r#"a "b", Bearer error=\"x\" \ ="#, r#"https://api.example.com/%22,"x"?q="a\b"#);
    let api = ResourceServer::builder(AUDIENCE)
        .trust(issuer.issuer())
        .realm(realm)
        .metadata(Metadata::new().resource(resource))
        .build()
        .unwrap();
    let metadata = api.metadata().unwrap().url().to_owned();
    let odd = r"!#$%&'()*+,-./:;<=>?@[]^_`{|}~";
    let requirement = Require::scope(odd).and_acr(odd).and_max_age(Duration::MAX).and_auth_context("\"\r\n\u{e9}");
    let app = Router::new().route("/me", get(async || ())).layer(api.layer().require(requirement));
    for (answer, names) in [
        (send(&app, "/me", []).await, &["realm", "resource_metadata", "scope"][..]),
        (
            present(&app, &good(&issuer).sign()).await,
            &["realm", "resource_metadata", "error", "error_description", "acr_values", "max_age", "claims", "scope"],
        ),
    ] {
        let challenges = http_auth::parse_challenges(answer.challenge().unwrap()).unwrap();
        assert_eq!((challenges.len(), challenges[0].scheme), (1, "Bearer"));
        let read: Vec<_> = challenges[0].params.iter().map(|(name, _)| *name).collect();
        assert_eq!(read, names);
        for (name, value) in &challenges[0].params {
            let expected = match *name {
                "realm" => realm,
                "resource_metadata" => &metadata,
                "acr_values" | "scope" => odd,
                "max_age" => "18446744073709551615",
                _ => continue,
            };
            assert_eq!(value.to_unescaped(), expected, "{name}");
        }
    }
}

/// The challenge for several rules of one kind names what satisfies all of them, and nothing that is not required.
#[tokio::test]
async fn rules_of_one_kind_are_combined_in_the_challenge() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let age = Duration::from_secs;
    let token = api.verify(&good(&issuer).sign()).await.unwrap();
    let told = |requirement: Require| requirement.check(&token, SystemTime::now()).unwrap_err();
    for (one, other) in [(60, 300), (300, 60)] {
        assert_eq!(told(Require::token().and_max_age(age(one)).and_max_age(age(other))).max_age(), Some(age(60)));
    }
    assert_eq!(told(Require::token().and_acr("a b c").and_acr("c b")).acr_values().unwrap().as_str(), "b c");
    let denied = |words| move |_: &AccessToken, _: SystemTime| Err(Shortfall::denied(words));
    let twice = Require::token().and_custom(denied("first")).and_custom(denied("second"));
    assert_eq!(told(twice.clone()).description(), Some("first"));

    // A reason of the application's own is not the reason to authenticate again.
    let rejection = api.check(&token, &twice.and_acr("mfa")).unwrap_err();
    assert_eq!(rejection.description(), Some("The request needs a stronger or more recent authentication"));
    assert!(!rejection.challenges().next().unwrap().to_str().unwrap().contains("first"));

    // And a token that a refreshed one replaces is no reason to go anywhere.
    let old = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() - 100;
    let old = api.verify(&good(&issuer).claim("iat", old).sign()).await.unwrap();
    let all =
        Require::scope("pay").and_acr("mfa").and_max_age(age(1)).and_auth_context("c1").and_max_token_age(age(60));
    let rejection = api.check(&old, &all).unwrap_err();
    let shortfall = rejection.shortfall().unwrap();
    assert_eq!((shortfall.scope(), shortfall.acr_values(), shortfall.max_age()), (None, None, None));
    assert_eq!(shortfall.auth_context(), None);
    let challenges = http_auth::parse_challenges(rejection.challenges().next().unwrap().to_str().unwrap()).unwrap();
    let names: Vec<_> = challenges[0].params.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["realm", "error", "error_description"]);
}

/// A request without a token is told the configured scope, whatever the route requires.
/// Row P3.
#[tokio::test]
async fn a_configured_challenge_scope_is_sent_without_credentials() {
    let issuer = small_issuer();
    let named = || server(&issuer).layer().challenge_scope("files:read files:list".parse().unwrap());
    let inner = Router::new().route("/me", get(async || ()).layer(Require::scope("read:me")));
    for layer in [named(), named().require(Require::scope("read:me"))] {
        let app = inner.clone().layer(layer);
        send(&app, "/me", []).await.assert_bare_with_scope("files:read files:list");
        present(&app, "x").await.assert_invalid_token();
        present(&app, &good(&issuer).scope("x").sign()).await.assert_insufficient_scope("read:me");
    }
}

/// A late refusal replaces the body, so headers that describe the old body are removed and the others stay.
#[tokio::test]
async fn a_late_refusal_drops_the_headers_of_the_old_body() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let late = async |State(api): State<ResourceServer>, token: AccessToken| {
        let rejection = api.check(&token, &Require::scope("absent")).unwrap_err();
        let described =
            [("content-type", "text/csv"), ("content-length", "5"), ("content-encoding", "gzip"), ("x-kept", "yes")];
        (StatusCode::OK, described, rejection)
    };
    let app = Router::new().route("/me", get(late)).with_state(api.clone()).layer(api.layer());
    let answer = present(&app, &good(&issuer).sign()).await;
    answer.assert_insufficient_scope("absent");
    assert_eq!(answer.headers["x-kept"], "yes");
    for gone in ["content-type", "content-encoding"] {
        assert!(!answer.headers.contains_key(gone), "{gone}");
    }
    assert!(answer.headers.get("content-length").is_none_or(|length| length == "0"));
}

/// A source that is configured twice is one source, and inner layers do not print its value.
#[tokio::test]
async fn a_source_configured_twice_counts_as_one() {
    let issuer = small_issuer();
    let source = || TokenSource::websocket_protocol("bearer");
    let shown = async |parts: request::Parts| format!("{:?}", parts.headers);
    let layer = server(&issuer).layer().token_from(source()).token_from(source());
    let app = Router::new().route("/me", get(shown)).layer(layer);
    let offered = format!("chat, bearer.{}", good(&issuer).sign());
    let request = Request::get("/me").header("sec-websocket-protocol", offered).body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&body).contains("eyJ"));
}

#[test]
#[should_panic(expected = "expected the name of a header that holds only a token")]
fn the_cookie_header_cannot_be_a_header_source() {
    let _ = TokenSource::header(COOKIE);
}

/// gRPC over HTTP/2, "Responses": the message is percent-encoded.
#[tokio::test]
async fn a_grpc_message_decodes_to_the_description() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let token = api.verify(&good(&issuer).sign()).await.unwrap();
    let denied = Require::token().and_custom(|_, _| Err(Shortfall::denied("100 % é\r\nx")));
    let rejection = api.check(&token, &denied).unwrap_err();
    let response: Response = Grpc.respond(&rejection, &RejectionContext::of(&http::Request::new(())));
    assert_eq!(response.headers()["grpc-message"], "100 %25 %C3%A9%0D%0Ax");
    let status = tonic::Status::from_header_map(response.headers()).unwrap();
    assert_eq!((status.code(), status.message()), (tonic::Code::PermissionDenied, "100 % é\r\nx"));
}

/// A mistake of the server is not reported as one of the client, in gRPC as little as in HTTP.
#[tokio::test]
async fn a_misconfigured_server_answers_grpc_internal() {
    let issuer = small_issuer();
    let handler = any(async |_: Claims<serde_json::Value>| ());
    let app = Router::new().route("/me", handler).layer(server(&issuer).layer().respond_with(Grpc));
    let bearer = format!("Bearer {}", good(&issuer).sign());
    let request = Request::post("/me").version(Version::HTTP_2).header("authorization", bearer);
    let request = request.header("content-type", "application/grpc").header("te", "trailers");
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "13");
}

/// Claims that are optional must be valid JSON without duplicate names too.
/// Rows E4, E29.
#[tokio::test]
async fn optional_claims_are_parsed_as_strictly_as_required_ones() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for name in ["acr", "auth_time"] {
        for (value, passes) in [
            (r#"{"a":1,"b":[{"a":1}]}"#.to_owned(), true),
            ("null".into(), true),
            ("[true, 1.5]".into(), true),
            (nested(31), true),
            (nested(32), false),
            (nested(10_000 / 2), false),
            (r#"{"a":1,"a":1}"#.into(), false),
            (r#"[{"b":{"a":1,"\u0061":1}}]"#.into(), false),
            (r#""\ud800""#.into(), false),
            ("01".into(), false),
            ("nul".into(), false),
            (format!(r#"1,"{name}":1"#), false),
        ] {
            let token = with_raw_member(&good(&issuer), &format!(r#""{name}":{value}"#));
            let verdict = api.verify(&token.sign()).await;
            assert_eq!(verdict.is_ok(), passes, "{name} {}", &value[..value.len().min(40)]);
            if let Ok(token) = verdict {
                assert!(api.check(&token, &Require::token().and_acr("a null").and_max_age(Duration::MAX)).is_err());
            }
        }
    }
}
