//! One claim of a token, at a place and as a type that a handler names.

use axum::Router;
use axum::routing::get;
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;
use tower_bearer::AccessToken;
use tower_bearer::token::ClaimError;

use crate::harness::{good, request, server, small_issuer};

#[tokio::test]
async fn a_handler_reads_a_claim_of_its_own_type_or_learns_what_is_there() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let handler = async |token: AccessToken| {
        let tenant: Result<Option<u64>, ClaimError> = token.claim("/tenant/id");
        match tenant {
            Ok(Some(7)) => "7".to_owned(),
            Ok(Some(other)) => format!("another: {other}"),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    };
    let app = Router::new().route("/", get(handler)).layer(api.layer());
    let wrong = |found: &str| format!(r#"expected a claim of the type u64, found {found} at "/tenant/id""#);
    for (claim, expected) in [
        (json!({ "id": 7 }), "7".to_owned()),
        (json!({ "id": null }), "none".to_owned()),
        (json!({}), "none".to_owned()),
        (json!([]), "none".to_owned()),
        (json!("id"), "none".to_owned()),
        (json!({ "id": "secret" }), wrong("a string")),
        (json!({ "id": -7 }), wrong("a number")),
        (json!({ "id": ["secret"] }), wrong("an array")),
    ] {
        let token = good(&issuer).claim("tenant", claim.clone()).sign();
        // The third time it is remembered.
        for _ in 0..3 {
            let response = app.clone().oneshot(request(Some(&token))).await.unwrap();
            let answer = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(answer, expected, "{claim}");
        }
    }
}
