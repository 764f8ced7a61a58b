//! Opaque access tokens, and the endpoint where the API asks about them (RFC 7662).

use http::StatusCode;
use serde_json::json;

use super::{Answer, Demo, SERVICE, claims};

const API: (&str, &str) = ("demo-api", "the-secret-of-an-api-that-everybody-knows");

/// What the API is told about the token.
async fn asked(demo: &Demo, token: &str) -> Answer {
    Answer::to(demo.post("/introspect", &[("token", token)]).basic_auth(API.0, Some(API.1))).await
}

async fn is_active(demo: &Demo, token: &str) -> bool {
    let answer = asked(demo, token).await;
    assert_eq!(answer.status, StatusCode::OK);
    let is_active = answer.body["active"].as_bool().unwrap();
    // Nothing is said of other tokens (RFC 7662 §2.2).
    assert!(is_active || answer.body == json!({ "active": false }), "{}", answer.body);
    is_active
}

async fn revoke(demo: &Demo, client: &[(&str, &str)], token: &str) {
    let request = demo.post("/revoke", &[client, &[("token", token)]].concat());
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn the_answer_has_the_claims_and_only_the_access_token_is_active() {
    let mut demo = Demo::with_flags(&["--opaque"]);
    let code = demo.code(&[]).await;
    let tokens = demo.redeem(&code, &[]).await;
    let answer = asked(&demo, tokens.member("access_token")).await;
    let told = ["active", "iss", "aud", "sub", "client_id", "scope"].map(|name| &answer.body[name]);
    let expected = [
        &json!(true),
        &json!(demo.issuer()),
        &json!("https://api.example.test"),
        &json!("alice"),
        &json!("demo-app"),
        &json!(super::SCOPE),
    ];
    assert_eq!(told, expected);
    let lifetime = answer.body["exp"].as_u64().unwrap() - answer.body["iat"].as_u64().unwrap();
    assert_eq!(lifetime, tokens.body["expires_in"].as_u64().unwrap());
    // It says nothing to its client. The ID token is for the client, and stays a JWT.
    assert!(!tokens.member("access_token").contains('.'));
    assert_eq!(claims(tokens.member("id_token"))["sub"], "alice");
    for other in ["refresh_token", "id_token"] {
        assert!(!is_active(&demo, tokens.member(other)).await, "{other}");
    }
    assert!(!is_active(&demo, "unknown").await);
}

#[tokio::test]
async fn an_access_token_ends_with_its_grant_or_by_itself() {
    let mut demo = Demo::with_flags(&["--opaque"]);
    let app = [("client_id", "demo-app")];
    let code = demo.code(&[]).await;
    let first = demo.redeem(&code, &[]).await;
    let second = demo.refresh(first.member("refresh_token")).await;
    let [one, other] = [&first, &second].map(|tokens| tokens.member("access_token"));
    assert!(is_active(&demo, one).await && is_active(&demo, other).await);
    // Another client cannot end it.
    revoke(&demo, &SERVICE, one).await;
    revoke(&demo, &SERVICE, second.member("refresh_token")).await;
    assert!(is_active(&demo, one).await && is_active(&demo, other).await);
    revoke(&demo, &app, one).await;
    assert!(!is_active(&demo, one).await && is_active(&demo, other).await);
    revoke(&demo, &app, second.member("refresh_token")).await;
    assert!(!is_active(&demo, other).await);

    // A refresh token that is used twice was stolen.
    let answer = demo.open(&[]).await.elsewhere().unwrap();
    let first = demo.redeem(&super::parameter(&answer, "code").unwrap(), &[]).await;
    let second = demo.refresh(first.member("refresh_token")).await;
    assert!(is_active(&demo, second.member("access_token")).await);
    demo.refresh(first.member("refresh_token")).await.assert_refused("invalid_grant");
    assert!(!is_active(&demo, second.member("access_token")).await);
}

/// Otherwise a client learns what its token says, and a stranger tries out tokens (RFC 7662 §4).
#[tokio::test]
async fn nobody_but_the_api_may_ask() {
    let demo = Demo::with_flags(&["--opaque"]);
    let own = [&[("grant_type", "client_credentials"), ("scope", "read:me")], &SERVICE[..]].concat();
    let own = Answer::to(demo.post("/token", &own)).await;
    let token = ("token", own.member("access_token"));
    let ask = async |form: &[(&str, &str)]| Answer::to(demo.post("/introspect", form)).await;
    ask(&[token]).await.assert_refused("invalid_client");
    ask(&[token, ("client_id", API.0)]).await.assert_refused("invalid_client");
    ask(&[token, ("client_id", API.0), ("client_secret", "a-guess")]).await.assert_refused("invalid_client");
    ask(&[token, ("client_id", "demo-app")]).await.assert_refused("unauthorized_client");
    ask(&[token, SERVICE[0], SERVICE[1]]).await.assert_refused("unauthorized_client");
    let api = [("client_id", API.0), ("client_secret", API.1)];
    ask(&api).await.assert_refused("invalid_request");
    ask(&[&api[..], &[token, token]].concat()).await.assert_refused("invalid_request");
    assert_eq!(ask(&[&api[..], &[token]].concat()).await.body["sub"], "demo-service");
}

#[tokio::test]
async fn without_the_flag_there_is_no_introspection() {
    let demo = Demo::start();
    asked(&demo, "x").await.assert_refused("unauthorized_client");
    for (demo, endpoint) in [(demo, serde_json::Value::Null), (Demo::with_flags(&["--opaque"]), json!("/introspect"))] {
        let url = format!("{}/.well-known/oauth-authorization-server", demo.issuer());
        let metadata: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        let found = metadata["introspection_endpoint"].as_str().map(|url| url.strip_prefix(demo.issuer()).unwrap());
        assert_eq!(json!(found), endpoint);
    }
}
