//! Clients that register themselves (RFC 7591), and what they can do then.

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Demo, claims, parameter};

const REDIRECT_URI: &str = "http://127.0.0.1:3000/callback";

async fn register(demo: &Demo, metadata: impl ToString) -> Response {
    let request = demo.http.post(format!("{}/register", demo.issuer())).header(CONTENT_TYPE, "application/json");
    request.body(metadata.to_string()).send().await.unwrap()
}

/// The identifier of a new client with these redirect URIs.
async fn registered(demo: &Demo, redirect_uris: &[&str]) -> String {
    let response =
        register(demo, json!({ "redirect_uris": redirect_uris, "client_name": "A <b>bold</b> client" })).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    response.json::<Value>().await.unwrap()["client_id"].as_str().unwrap().to_owned()
}

async fn assert_refused(demo: &Demo, metadata: impl ToString, error: &str) {
    let text = metadata.to_string();
    let response = register(demo, metadata).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{text}");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"], error, "{text}");
    assert!(body["error_description"].is_string() && body.get("client_id").is_none(), "{body}");
}

#[tokio::test]
async fn a_client_learns_what_is_registered() {
    let demo = Demo::start();
    let issuer = demo.issuer();
    let metadata = reqwest::get(format!("{issuer}/.well-known/oauth-authorization-server")).await.unwrap();
    let metadata: Value = metadata.json().await.unwrap();
    assert_eq!(metadata["registration_endpoint"], format!("{issuer}/register"));

    let wanted = json!({
        "redirect_uris": [REDIRECT_URI, "https://app.example.test/callback"],
        "client_name": "An agent",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "urn:example:unheard-of"],
        "response_types": ["code"],
        "scope": "read:me",
        "application_type": "native",
        "unheard_of": { "of": 1 },
    });
    let response = register(&demo, &wanted).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: Value = response.json().await.unwrap();
    for member in ["redirect_uris", "client_name", "token_endpoint_auth_method", "response_types"] {
        assert_eq!(body[member], wanted[member]);
    }
    assert_eq!(body["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert!(body["client_id_issued_at"].is_u64() && body.get("client_secret").is_none());
    // Nobody can choose the identifier, or have another client's.
    let [one, other] = [registered(&demo, &[REDIRECT_URI]).await, registered(&demo, &[REDIRECT_URI]).await];
    assert!(one.len() == 43 && one != other);
}

#[tokio::test]
async fn only_redirect_uris_that_nobody_else_can_read_are_registered() {
    let demo = Demo::start();
    for good in [
        "http://127.0.0.1:3000/",
        "http://127.0.0.2:3000/a?b=c",
        "http://[::1]:3000/callback",
        "http://localhost:3000/callback",
        "http://LOCALHOST/callback",
        "https://app.example.test/callback",
    ] {
        registered(&demo, &[good]).await;
    }
    let long = format!("https://app.example.test/{}", "a".repeat(2000));
    for bad in [
        "",
        "/callback",
        "callback",
        "http://app.example.test/callback",
        "http://localhost.example.test/callback",
        "http://127.0.0.1.example.test/callback",
        "http://127.0.0.1@attacker.example.test/",
        "http://user@127.0.0.1:3000/",
        "http://:password@127.0.0.1:3000/",
        "http://10.0.0.1/callback",
        "http://0.0.0.0/callback",
        "http://[::]/callback",
        "http://127.0.0.1:3000/#fragment",
        "http://127.0.0.1:3000/#",
        "http://127.0.0.1:3000\\@attacker.example.test/",
        " http://127.0.0.1:3000/",
        "http://127.0.0.1:3000/\n",
        "http://127.0.0.1:3000/é",
        "javascript:alert(1)",
        "data:text/html,a",
        "file:///etc/passwd",
        "com.example.app:/callback",
        "https://app.example.test;sandbox/callback",
        "https://app.example.test,sandbox/callback",
        "https://*.example.test/callback\\",
        &long,
    ] {
        for uris in [&[bad][..], &[REDIRECT_URI, bad]] {
            assert_refused(&demo, json!({ "redirect_uris": uris }), "invalid_redirect_uri").await;
        }
    }
    assert_refused(&demo, json!({ "redirect_uris": [] }), "invalid_redirect_uri").await;
    assert_refused(&demo, json!({}), "invalid_redirect_uri").await;
    assert_refused(&demo, json!({ "redirect_uris": vec![REDIRECT_URI; 11] }), "invalid_redirect_uri").await;
}

#[tokio::test]
async fn other_metadata_than_those_of_a_public_client_are_refused() {
    let demo = Demo::start();
    for (name, value) in [
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("token_endpoint_auth_method", json!("")),
        ("grant_types", json!(["client_credentials"])),
        ("grant_types", json!([])),
        ("response_types", json!(["token"])),
        ("response_types", json!("code")),
        ("client_name", json!("")),
        ("client_name", json!("n".repeat(101))),
        ("client_name", json!(7)),
        ("redirect_uris", json!(REDIRECT_URI)),
    ] {
        let mut metadata = json!({ "redirect_uris": [REDIRECT_URI] });
        metadata[name] = value;
        assert_refused(&demo, metadata, "invalid_client_metadata").await;
    }
    for body in ["", "null", "[]", "{", r#"{"redirect_uris":["http://127.0.0.1/"],"redirect_uris":[]}"#] {
        assert_refused(&demo, body, "invalid_client_metadata").await;
    }
    let response = reqwest::get(format!("{}/register", demo.issuer())).await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_registered_client_gets_tokens_for_the_user_alone() {
    let mut demo = Demo::start();
    let id = registered(&demo, &[REDIRECT_URI, "http://127.0.0.1:3000/other"]).await;
    let client = [("client_id", &*id), ("redirect_uri", REDIRECT_URI)];

    // The user is told that it has registered itself, and where it is.
    let page = demo.log_in(&client).await;
    assert_eq!(page.text_of("client-origin"), Some("http://127.0.0.1:3000"));
    assert!(page.html.contains("A &lt;b&gt;bold&lt;/b&gt; client") && !page.html.contains("<b>"));
    let answer = demo.browser.submit(&page, &[("decision", "allow")]).await.unwrap().elsewhere().unwrap();
    assert!(answer.as_str().starts_with(&format!("{REDIRECT_URI}?")), "{answer}");
    let code = parameter(&answer, "code").unwrap();
    let tokens = demo.redeem(&code, &client).await;
    let token = claims(tokens.member("access_token"));
    assert_eq!([&token["sub"], &token["client_id"]], ["alice", &*id]);

    // Refresh tokens rotate, and are this client's.
    let refresh = async |token: &str, id: &str| {
        let form = [("grant_type", "refresh_token"), ("client_id", id), ("refresh_token", token)];
        Answer::to(demo.post("/token", &form)).await
    };
    let next = refresh(tokens.member("refresh_token"), &id).await;
    refresh(tokens.member("refresh_token"), &id).await.assert_refused("invalid_grant");
    refresh(next.member("refresh_token"), &id).await.assert_refused("invalid_grant");

    // It has no secret, so it cannot act for itself, nor show one.
    let own = [("grant_type", "client_credentials"), ("client_id", &*id), ("scope", "read:me")];
    Answer::to(demo.post("/token", &own)).await.assert_refused("unauthorized_client");
    let secret = [&own[..], &[("client_secret", "a-guess")]].concat();
    Answer::to(demo.post("/token", &secret)).await.assert_refused("invalid_client");
}

#[tokio::test]
async fn a_redirect_uri_is_exactly_one_that_the_client_has_registered() {
    let mut demo = Demo::start();
    let [id, neighbour] =
        [registered(&demo, &[REDIRECT_URI]).await, registered(&demo, &["http://127.0.0.1:3001/"]).await];
    for uri in [
        "http://127.0.0.1:3001/",
        "http://127.0.0.1:3001/callback",
        "http://127.0.0.1:3000/callback/",
        "http://127.0.0.1:3000/",
        "http://localhost:3000/callback",
        "http://127.0.0.1:3000/callback?a=b",
        "",
    ] {
        let request = demo.request(&[("client_id", &id), ("redirect_uri", uri)]);
        let response = demo.http.get(request).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{uri}");
        assert!(!response.headers().contains_key("location"));
    }
    // A code belongs to the client and the redirect URI of its request, and PKCE is required.
    let code = demo.code(&[("client_id", &id), ("redirect_uri", REDIRECT_URI)]).await;
    let other = [("client_id", &*neighbour), ("redirect_uri", REDIRECT_URI)];
    demo.redeem(&code, &other).await.assert_refused("invalid_grant");
    let request = [("client_id", &*id), ("redirect_uri", REDIRECT_URI), ("code_challenge", "")];
    let answer = demo.open(&request).await.elsewhere().unwrap();
    assert_eq!(parameter(&answer, "error").as_deref(), Some("invalid_request"));
    let answer = demo.open(&[("client_id", &*id), ("redirect_uri", REDIRECT_URI)]).await.elsewhere().unwrap();
    let code = parameter(&answer, "code").unwrap();
    let elsewhere = [("client_id", &*id), ("redirect_uri", "http://127.0.0.1:3000/")];
    demo.redeem(&code, &elsewhere).await.assert_refused("invalid_grant");
}

#[tokio::test]
async fn pages_of_other_origins_cannot_read_the_answer() {
    let demo = Demo::start();
    for (origin, may_read) in [(demo.app().trim_end_matches('/'), true), ("https://attacker.example.test", false)] {
        let request = demo.http.post(format!("{}/register", demo.issuer())).header("origin", origin);
        let response = request.body(json!({ "redirect_uris": [REDIRECT_URI] }).to_string()).send().await.unwrap();
        let allowed = response.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|allowed| allowed.to_str().unwrap());
        assert_eq!(allowed == Some(origin), may_read, "{allowed:?}");
    }
}
