//! What a handler gets of a request with an ignored credential: no token, and not the look of an anonymous request.

use axum::Router;
use axum::extract::Extension;
use axum::routing::get;
use serde::Deserialize;
use tower_bearer::{AccessToken, Claims, Require, ResourceServer};

use super::{ApiKey, KEY, Rig, answer, checked, request, text, unknown, with_key};
use crate::harness::{AUDIENCE, good};

#[derive(Deserialize)]
struct Tenant {}

fn rig() -> Rig {
    Rig::with(|issuer| ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).claims::<Tenant>().build().unwrap())
}

#[tokio::test]
async fn extractors_of_a_token_refuse_an_ignored_credential() {
    let rig = rig();
    let app = Router::new()
        .route("/me", get(async |_: AccessToken| ()).post(async |_: Claims<Tenant>| ()))
        .layer(rig.layer().require(with_key(Require::token())));
    answer(&app, checked(KEY)).await.assert_invalid_token();
    let mut claims = checked(KEY);
    *claims.method_mut() = http::Method::POST;
    answer(&app, claims).await.assert_invalid_token();
    answer(&app, unknown(&good(&rig.issuer).sign())).await.assert_ok();
}

#[tokio::test]
async fn a_handler_of_both_kinds_takes_options() {
    let rig = rig();
    let who = async |token: Option<AccessToken>, claims: Option<Claims<Tenant>>, key: Option<Extension<ApiKey>>| {
        format!("{} {} {}", token.is_some(), claims.is_some(), key.is_some())
    };
    let app = Router::new().route("/me", get(who)).layer(rig.layer().require(with_key(Require::scope("read:me"))));
    assert_eq!(text(&app, checked(KEY)).await, "false false true");
    assert_eq!(text(&app, unknown(&good(&rig.issuer).sign())).await, "true true false");
    answer(&app, unknown(KEY)).await.assert_invalid_token();
    answer(&app, request(&[])).await.assert_bare_with_scope("read:me");
}

/// An anonymous request passes an optional layer. A client that sends a key wants it to count.
#[tokio::test]
async fn an_optional_layer_takes_no_ignored_credential_for_anonymous() {
    let rig = rig();
    let who = async |token: Option<AccessToken>| format!("{}", token.is_some());
    let app = Router::new().route("/me", get(who)).layer(rig.layer().optional());
    assert_eq!(text(&app, request(&[])).await, "false");
    for refused in [unknown(KEY), checked(KEY)] {
        answer(&app, refused).await.assert_invalid_token();
    }
    // With a requirement, it refuses anonymous requests as ever, and a key passes by its extension.
    let app = rig.app(rig.layer().optional().require(with_key(Require::scope("read:me"))));
    answer(&app, request(&[])).await.assert_bare_with_scope("read:me");
    rig.assert_passes(&app, checked(KEY)).await;
    rig.assert_refused(&app, unknown(KEY)).await;
}
