//! The token and revocation endpoints.

use http::StatusCode;

use super::{Answer, CHALLENGE, Demo, SERVICE, SERVICE_REDIRECT_URI, VERIFIER, claims, parameter};

#[tokio::test]
async fn a_wrong_verifier_consumes_the_code() {
    let wrong = VERIFIER.replace('d', "e");
    // The challenge is what an eavesdropper of the request has.
    for verifier in ["", "short", CHALLENGE, &wrong] {
        let mut demo = Demo::start();
        let code = demo.code(&[]).await;
        demo.redeem(&code, &[("code_verifier", verifier)]).await.assert_refused("invalid_grant");
        demo.redeem(&code, &[]).await.assert_refused("invalid_grant");
    }
}

#[tokio::test]
async fn a_replayed_code_revokes_the_tokens_of_its_first_use() {
    let mut demo = Demo::start();
    let code = demo.code(&[]).await;
    let first = demo.redeem(&code, &[]).await;
    let refreshed = demo.refresh(first.member("refresh_token")).await;
    demo.redeem(&code, &[]).await.assert_refused("invalid_grant");
    demo.refresh(refreshed.member("refresh_token")).await.assert_refused("invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let mut demo = Demo::start();
    let code = demo.code(&[]).await;
    let first = demo.redeem(&code, &[]).await;
    let second = demo.refresh(first.member("refresh_token")).await;
    assert_ne!(first.member("refresh_token"), second.member("refresh_token"));
    demo.refresh(first.member("refresh_token")).await.assert_refused("invalid_grant");
    demo.refresh(second.member("refresh_token")).await.assert_refused("invalid_grant");
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let mut demo = Demo::start();
    let code = demo.code(&[("scope", "read:me")]).await;
    let tokens = demo.redeem(&code, &[]).await;
    assert!(tokens.body.get("refresh_token").is_none() && tokens.body.get("id_token").is_none());
    assert_eq!(tokens.member("scope"), "read:me");
}

#[tokio::test]
async fn a_confidential_client_authenticates_with_its_secret() {
    let mut demo = Demo::start();
    let own = async |form: &[(&str, &str)]| {
        let form = [&[("grant_type", "client_credentials"), ("scope", "read:me")], form].concat();
        Answer::to(demo.post("/token", &form)).await
    };
    assert_eq!(own(&SERVICE).await.status, StatusCode::OK);
    own(&[SERVICE[0], ("client_secret", "wrong")]).await.assert_refused("invalid_client");
    own(&[SERVICE[0]]).await.assert_refused("invalid_client");
    own(&[("client_id", "nobody"), SERVICE[1]]).await.assert_refused("invalid_client");
    own(&[("client_id", "demo-app"), SERVICE[1]]).await.assert_refused("invalid_client");
    own(&[("client_id", "demo-app")]).await.assert_refused("unauthorized_client");
    own(&[]).await.assert_refused("invalid_client");

    let basic = async |secret: &str, form: &[(&str, &str)]| {
        let form = [&[("grant_type", "client_credentials"), ("scope", "read:me")], form].concat();
        Answer::to(demo.post("/token", &form).basic_auth(SERVICE[0].1, Some(secret))).await
    };
    assert_eq!(basic(SERVICE[1].1, &[]).await.status, StatusCode::OK);
    basic("wrong", &[]).await.assert_refused("invalid_client");
    basic(SERVICE[1].1, &SERVICE).await.assert_refused("invalid_request");
    basic(SERVICE[1].1, &[("client_id", "demo-app")]).await.assert_refused("invalid_request");
    let stranger = demo.post("/token", &[]).bearer_auth("x").send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    assert!(stranger.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));

    // Its code needs its secret and the verifier.
    let uri = ("redirect_uri", SERVICE_REDIRECT_URI);
    for (changed, error) in [
        (vec![uri, SERVICE[0]], "invalid_client"),
        (vec![uri, SERVICE[0], SERVICE[1], ("code_verifier", "")], "invalid_grant"),
        (vec![uri], "invalid_grant"),
    ] {
        let mut demo = Demo::start();
        let code = demo.code(&[uri, SERVICE[0]]).await;
        demo.redeem(&code, &changed).await.assert_refused(error);
    }
    let code = demo.code(&[uri, SERVICE[0]]).await;
    assert_eq!(demo.redeem(&code, &[uri, SERVICE[0], SERVICE[1]]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_of_a_confidential_client_needs_secret_and_verifier() {
    let uri = ("redirect_uri", SERVICE_REDIRECT_URI);
    let wrong_secret = ("client_secret", "a-guess");
    let wrong_verifier = VERIFIER.replace('d', "e");
    let wrong_verifier = ("code_verifier", &*wrong_verifier);
    let mut demo = Demo::start();

    // A client without the secret does not even consume the code.
    let code = demo.code(&[uri, SERVICE[0]]).await;
    demo.redeem(&code, &[uri, SERVICE[0], wrong_secret]).await.assert_refused("invalid_client");
    demo.redeem(&code, &[uri, SERVICE[0], wrong_secret, wrong_verifier]).await.assert_refused("invalid_client");
    let tokens = demo.redeem(&code, &[uri, SERVICE[0], SERVICE[1]]).await;
    let claims = claims(tokens.member("access_token"));
    assert_eq!([&claims["sub"], &claims["client_id"]], ["alice", "demo-service"]);

    // With the secret, a wrong verifier consumes the code.
    let answer = demo.open(&[uri, SERVICE[0]]).await.elsewhere().unwrap();
    let code = parameter(&answer, "code").unwrap();
    demo.redeem(&code, &[uri, SERVICE[0], SERVICE[1], wrong_verifier]).await.assert_refused("invalid_grant");
    demo.redeem(&code, &[uri, SERVICE[0], SERVICE[1]]).await.assert_refused("invalid_grant");
}

#[tokio::test]
async fn client_credentials_grant_no_scope_of_a_user() {
    let demo = Demo::start();
    for scope in ["openid", "read:me offline_access", "admin", ""] {
        let form = [&[("grant_type", "client_credentials"), ("scope", scope)], &SERVICE[..]].concat();
        Answer::to(demo.post("/token", &form)).await.assert_refused("invalid_scope");
    }
    for (grant_type, error) in [("password", "unsupported_grant_type"), ("", "invalid_request")] {
        let form = [&[("grant_type", grant_type)], &SERVICE[..]].concat();
        Answer::to(demo.post("/token", &form)).await.assert_refused(error);
    }
    let twice = [&[("grant_type", "client_credentials"); 2], &SERVICE[..]].concat();
    Answer::to(demo.post("/token", &twice)).await.assert_refused("invalid_request");
}

#[tokio::test]
async fn a_client_revokes_only_its_own_refresh_tokens() {
    let mut demo = Demo::start();
    let code = demo.code(&[]).await;
    let tokens = demo.redeem(&code, &[]).await;
    let token = ("token", tokens.member("refresh_token"));
    let app = ("client_id", "demo-app");
    let revoke = async |form: &[(&str, &str)]| demo.post("/revoke", form).send().await.unwrap().status();

    assert_eq!(revoke(&[token, SERVICE[0], SERVICE[1]]).await, StatusCode::OK, "it is not told whose it is");
    assert_eq!(revoke(&[token, SERVICE[0]]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(revoke(&[("token", "unknown"), app]).await, StatusCode::OK);
    assert_eq!(revoke(&[app]).await, StatusCode::BAD_REQUEST);
    let access = [("token", tokens.member("access_token")), app];
    Answer::to(demo.post("/revoke", &access)).await.assert_refused("unsupported_token_type");

    let next = demo.refresh(token.1).await;
    let next = ("token", next.member("refresh_token"));
    assert_eq!(revoke(&[next, app]).await, StatusCode::OK);
    demo.refresh(next.1).await.assert_refused("invalid_grant");
}
