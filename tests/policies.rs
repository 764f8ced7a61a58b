//! Several policies side by side and nested, preflights, and responses that outlive their request.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_bearer::testing::TestClock;
use tower_bearer::{AccessToken, Require, ResourceServer};
use tower_http::cors::CorsLayer;

use crate::harness::{AUDIENCE, good, present, send, server, small_issuer};

#[tokio::test]
async fn routers_side_by_side_have_their_own_issuers_and_audiences() {
    let (staff, public) = (small_issuer(), small_issuer());
    let other = "https://admin.example.test";
    let admin = ResourceServer::builder(other).trust(staff.issuer()).build().unwrap();
    let open = ResourceServer::builder(AUDIENCE).trust(public.issuer()).trust(staff.issuer()).build().unwrap();
    let app = Router::new()
        .route("/admin", get(async || ()))
        .route_layer(admin.layer())
        .merge(Router::new().route("/me", get(async || ())).route_layer(open.layer()));
    let ask = async |path, token: &str| send(&app, path, [format!("Bearer {token}").as_bytes()]).await.status.as_u16();
    for (token, statuses) in [
        (good(&staff).audience(other), [200, 401]),
        (good(&staff), [401, 200]),
        (good(&public), [401, 200]),
        (good(&public).audience(other), [401, 401]),
        (good(&staff).claim("aud", [AUDIENCE, other]), [200, 200]),
    ] {
        let token = token.sign();
        assert_eq!([ask("/admin", &token).await, ask("/me", &token).await], statuses);
    }
}

#[tokio::test]
async fn nested_layers_must_both_be_satisfied() {
    let issuer = small_issuer();
    let inner = ResourceServer::builder("inner").trust(issuer.issuer()).build().unwrap();
    let app = Router::new()
        .route("/me", get(async |token: AccessToken| token.subject().to_owned()))
        .layer(inner.layer())
        .layer(server(&issuer).layer());
    present(&app, &good(&issuer).claim("aud", ["inner", AUDIENCE]).sign()).await.assert_ok();
    assert_eq!(present(&app, &good(&issuer).audience("inner").sign()).await.status, 401);
    assert_eq!(present(&app, &good(&issuer).sign()).await.status, 401);

    // What an optional outer layer let pass is not what the inner one lets pass.
    let app =
        Router::new().route("/me", get(async || ())).layer(inner.layer()).layer(server(&issuer).layer().optional());
    assert_eq!(send(&app, "/me", []).await.status, 401);
    // And a token that the outer one accepted does not serve behind an inner one that does not.
    let app = Router::new()
        .route("/me", get(async |_: AccessToken| ()))
        .layer(inner.layer().optional())
        .layer(server(&issuer).layer());
    assert_eq!(present(&app, &good(&issuer).sign()).await.status, 401);
}

/// Browsers send no credentials with a preflight, so a CORS layer outside answers it, and pages can read refusals. `OPTIONS`
/// itself opens nothing, also not a handler for any method.
/// Row B7.
#[tokio::test]
async fn an_outer_cors_layer_answers_preflights_and_nothing_else_passes() {
    let issuer = small_issuer();
    let cors = CorsLayer::new()
        .allow_origin("https://app.example.com".parse::<HeaderValue>().unwrap())
        .allow_methods([Method::GET])
        .allow_headers([AUTHORIZATION])
        .expose_headers([WWW_AUTHENTICATE]);
    let handler = || any(async || "reached");
    let routes = || {
        let required = handler().layer(Require::scope("read:me"));
        Router::new().route("/me", handler()).route("/required", required)
    };
    let layer = || server(&issuer).layer();
    let (plain, outside, within) =
        (routes().layer(layer()), routes().layer(layer()).layer(cors.clone()), routes().layer(cors).layer(layer()));
    let own_requirement = routes().layer(layer().require(Require::scope("read:me")));
    let ask = async |app: &Router, method: Method, path: &str, headers: &[(&str, &str)]| {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let preflight = [
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ];
    for path in ["/me", "/required"] {
        let answer = ask(&outside, Method::OPTIONS, path, &preflight).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["access-control-allow-origin"], "https://app.example.com");
        assert_eq!(answer.headers()["access-control-allow-headers"], "authorization");
        assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty(), "no handler was reached");

        let refused = ask(&outside, Method::GET, path, &preflight[..1]).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(refused.headers()["access-control-expose-headers"], "www-authenticate");
        assert_eq!(refused.headers()["access-control-allow-origin"], "https://app.example.com");

        for headers in [&preflight[..], &preflight[..1], &[]] {
            for app in [&plain, &within, &own_requirement] {
                let refused = ask(app, Method::OPTIONS, path, headers).await;
                assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{headers:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_token_expires() {
    let issuer = small_issuer();
    let clock = TestClock::new();
    let api = crate::harness::builder_with_keys(issuer.url(), &issuer.jwks()).clock(clock.clone()).build().unwrap();
    let token = api.verify(&good(&issuer).expires_in(Duration::from_secs(300)).sign()).await.unwrap();
    let expired = tokio::spawn(token.expires());
    // It has gone to sleep before the clock jumps.
    tokio::task::yield_now().await;
    // The token says 300 seconds, to the second; the leeway is 30.
    for (advance, done) in [(299, false), (30, false), (2, true)] {
        clock.advance(Duration::from_secs(advance));
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(expired.is_finished(), done, "{advance}");
    }
    token.expires().await;
}
