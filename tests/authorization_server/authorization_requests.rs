//! Authorization requests, and the redirect that answers them.

use http::StatusCode;
use url::Url;

use super::{CHALLENGE, Demo, SERVICE_REDIRECT_URI, VERIFIER, assert_error, parameter};

#[tokio::test]
async fn a_request_without_an_s256_challenge_gets_no_code() {
    let mut demo = Demo::start();
    for changed in [
        [("code_challenge", ""), ("code_challenge_method", "")],
        [("code_challenge", ""), ("code_challenge_method", "S256")],
        [("code_challenge", CHALLENGE), ("code_challenge_method", "")],
        [("code_challenge", VERIFIER), ("code_challenge_method", "plain")],
        [("code_challenge", CHALLENGE), ("code_challenge_method", "s256")],
        [("code_challenge", "short"), ("code_challenge_method", "S256")],
    ] {
        let arrival = demo.open(&changed).await;
        assert_error(&demo, arrival, "invalid_request");
    }
    // Nor for a client that has a secret as well.
    let service = [("client_id", "demo-service"), ("redirect_uri", SERVICE_REDIRECT_URI), ("code_challenge", "")];
    let answer = demo.open(&service).await.elsewhere().unwrap();
    assert_eq!(parameter(&answer, "error").as_deref(), Some("invalid_request"));
    assert_eq!(parameter(&answer, "code"), None);
}

#[tokio::test]
async fn only_the_registered_redirect_uri_is_accepted() {
    let demo = Demo::start();
    let app = demo.app().to_owned();
    let altered = [
        String::new(),
        app.trim_end_matches('/').to_owned(),
        format!("{app}more"),
        format!("{app}../"),
        format!("{app}?a=b"),
        format!("{app}#a"),
        app.replace("127.0.0.1", "localhost"),
        app.replace("http:", "https:"),
        app.replace("http://", "http://x@"),
        app.replace("127.0.0.1", "127.0.0.1.attacker.example.test"),
        "https://attacker.example.test/".to_owned(),
        "//attacker.example.test/".to_owned(),
        SERVICE_REDIRECT_URI.to_owned(),
    ];
    for uri in &altered {
        // A request that would be an error all the same must not redirect either.
        for response_type in ["code", "token"] {
            let request = demo.request(&[("redirect_uri", uri), ("response_type", response_type)]);
            assert_no_redirect(&demo, &request).await;
        }
        let mut other = Demo::start();
        let code = other.code(&[]).await;
        let uri = if *uri == app { "" } else { uri };
        other.redeem(&code, &[("redirect_uri", uri)]).await.assert_refused("invalid_grant");
    }
    let mut twice = demo.request(&[]);
    twice.query_pairs_mut().append_pair("redirect_uri", "https://attacker.example.test/");
    assert_no_redirect(&demo, &twice).await;
}

#[tokio::test]
async fn a_request_of_an_unknown_client_is_not_redirected() {
    let demo = Demo::start();
    for client in ["", "nobody", "DEMO-APP", "demo-app "] {
        assert_no_redirect(&demo, &demo.request(&[("client_id", client)])).await;
    }
}

async fn assert_no_redirect(demo: &Demo, request: &Url) {
    let response = demo.http.get(request.clone()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{request}");
    assert!(!response.headers().contains_key("location"), "{request}");
    let page = response.text().await.unwrap();
    assert!(!page.contains("attacker"), "{page}");
}

#[tokio::test]
async fn an_unsupported_request_gets_its_error_at_the_redirect_uri() {
    let mut demo = Demo::start();
    for (name, value, error) in [
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("response_mode", "fragment", "invalid_request"),
        ("request", "e30.e30.", "request_not_supported"),
        ("request_uri", "https://attacker.example.test/", "request_uri_not_supported"),
        ("scope", "", "invalid_scope"),
        ("scope", "admin", "invalid_scope"),
        ("scope", "read:me\"", "invalid_scope"),
        ("max_age", "-1", "invalid_request"),
        ("acr_values", "urn:example:unheard-of", "unmet_authentication_requirements"),
        ("prompt", "none", "login_required"),
        ("prompt", "none login", "invalid_request"),
        ("prompt", "create", "invalid_request"),
    ] {
        let arrival = demo.open(&[(name, value)]).await;
        assert_error(&demo, arrival, error);
    }
}

#[tokio::test]
async fn state_is_returned_unchanged() {
    let mut demo = Demo::start();
    let state = "a b&code=evil&iss=https://attacker.example.test#é%00";
    let page = demo.log_in(&[("state", state)]).await;
    let answer = demo.browser.submit(&page, &[("decision", "allow")]).await.unwrap().elsewhere().unwrap();
    assert_eq!(parameter(&answer, "state").as_deref(), Some(state));
    assert_eq!(parameter(&answer, "iss").as_deref(), Some(demo.issuer()));
    assert_eq!(answer.query_pairs().count(), 3);
    assert_eq!(answer.fragment(), None);
}
