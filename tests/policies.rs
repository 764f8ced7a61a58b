//! Several policies side by side and within one another, preflights, and what outlives its request.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use http::{Method, Request, StatusCode};
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
async fn within_one_another_both_have_to_be_satisfied() {
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

async fn preflight(app: &Router, headers: &[(&str, &str)]) -> StatusCode {
    let mut request = Request::builder().method(Method::OPTIONS).uri("/me");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
}

#[tokio::test]
async fn b7_preflights_pass_where_they_are_let_through() {
    let issuer = small_issuer();
    let cors = || CorsLayer::new().allow_origin(tower_http::cors::Any);
    let asking = [("origin", "https://app.example.com"), ("access-control-request-method", "GET")];
    let within = |layer| Router::new().route("/me", get(async || ())).layer(cors()).layer(layer);

    let closed = within(server(&issuer).layer());
    assert_eq!(preflight(&closed, &asking).await, StatusCode::UNAUTHORIZED);
    let open = within(server(&issuer).layer().allow_preflight());
    assert_eq!(preflight(&open, &asking).await, StatusCode::OK);
    // What is no preflight is judged.
    assert_eq!(preflight(&open, &asking[..1]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(preflight(&open, &asking[1..]).await, StatusCode::UNAUTHORIZED);
    let with_token = [asking[0], asking[1], ("authorization", "Bearer x")];
    assert_eq!(preflight(&open, &with_token).await, StatusCode::UNAUTHORIZED);
    let get_with_its_headers = Request::get("/me").header(asking[0].0, asking[0].1).header(asking[1].0, asking[1].1);
    let response = open.oneshot(get_with_its_headers.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);

    // Further within it is a request without credentials.
    let layer = server(&issuer).layer().allow_preflight();
    for handler in [any(async || ()).layer(Require::scope("read:me")), any(async |_: AccessToken| ())] {
        let app = Router::new().route("/me", handler).layer(layer.clone());
        assert_eq!(preflight(&app, &asking).await, StatusCode::UNAUTHORIZED);
    }
    let app = Router::new().route("/me", any(async || ())).layer(layer.require(Require::scope("read:me")));
    assert_eq!(preflight(&app, &asking).await, StatusCode::OK, "also where a requirement is told to the layer itself");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_token() {
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
