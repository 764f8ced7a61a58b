//! The resource that a token is for (RFC 8707): the one API, or none.

use http::StatusCode;

use super::{Answer, Demo, SERVICE, assert_error, claims};

const API: &str = "https://api.example.test";
/// The URL of an origin has a path, which clients write or leave out; scheme and host are compared without case.
const SAME: [&str; 3] = [API, "https://api.example.test/", "HTTPS://API.example.test"];
const OTHERS: [&str; 9] = [
    "https://other.example.test",
    "https://api.example.test/files",
    "https://api.example.test:8443",
    "https://api.example.test?a=b",
    "https://api.example.test#a",
    "http://api.example.test",
    "https://api.example.test.attacker.example.test",
    "api.example.test",
    " ",
];

#[tokio::test]
async fn a_request_for_another_resource_gets_no_code() {
    let mut demo = Demo::start();
    for resource in OTHERS {
        let arrival = demo.open(&[("resource", resource)]).await;
        assert_error(&demo, arrival, "invalid_target");
    }
    for resource in SAME {
        assert!(demo.open(&[("resource", resource)]).await.page().is_ok(), "{resource}");
    }
    // Two are not supported, and it is not decided which counts.
    let mut twice = demo.request(&[("resource", API)]);
    twice.query_pairs_mut().append_pair("resource", OTHERS[0]);
    let response = demo.http.get(twice).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(!response.headers().contains_key("location"));
}

#[tokio::test]
async fn the_audience_is_the_resource_that_was_named() {
    let mut demo = Demo::start();
    let code = demo.code(&[("resource", API)]).await;
    let tokens = demo.redeem(&code, &[("resource", SAME[1])]).await;
    assert_eq!(claims(tokens.member("access_token"))["aud"], API);
    let again = demo.open(&[]).await.elsewhere().unwrap();
    let code = super::parameter(&again, "code").unwrap();
    let tokens = demo.redeem(&code, &[]).await;
    assert_eq!(claims(tokens.member("access_token"))["aud"], API, "there is no other API");
}

#[tokio::test]
async fn a_token_request_for_another_resource_is_refused_and_consumes_nothing() {
    let mut demo = Demo::start();
    let code = demo.code(&[("resource", API)]).await;
    for resource in OTHERS {
        demo.redeem(&code, &[("resource", resource)]).await.assert_refused("invalid_target");
    }
    let tokens = demo.redeem(&code, &[("resource", API)]).await;
    let refresh = async |token: &str, resource: &str| {
        let form = [("grant_type", "refresh_token"), ("client_id", "demo-app"), ("refresh_token", token)];
        Answer::to(demo.post("/token", &[&form[..], &[("resource", resource)]].concat())).await
    };
    for resource in OTHERS {
        refresh(tokens.member("refresh_token"), resource).await.assert_refused("invalid_target");
        let own = [("grant_type", "client_credentials"), ("scope", "read:me"), ("resource", resource)];
        Answer::to(demo.post("/token", &[&own[..], &SERVICE].concat())).await.assert_refused("invalid_target");
    }
    let next = refresh(tokens.member("refresh_token"), API).await;
    assert_eq!(claims(next.member("access_token"))["aud"], API);
}
