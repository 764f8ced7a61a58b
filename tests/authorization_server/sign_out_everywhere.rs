//! The end of all sessions and grants of a user, of which the API is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use tower_bearer::testing::push_request;

use super::browser::{Arrival, Browser, Page};
use super::{ALICE, Answer, Demo, SERVICE, parameter};

impl Demo {
    /// The page that asks whether the user means it.
    async fn open_sign_out(&mut self, query: &str) -> Page {
        let url = format!("{}/sign-out-everywhere{query}", self.issuer()).parse().unwrap();
        self.browser.open(&url).await.unwrap().page().unwrap()
    }

    async fn sign_out_everywhere(&mut self) {
        let page = self.open_sign_out("").await;
        let done = self.browser.submit(&page, &[("decision", "sign-out")]).await.unwrap().page().unwrap();
        assert!(done.has("signed-out-everywhere"), "{}", done.html);
    }

    async fn status_at_api(&self, access_token: &str) -> StatusCode {
        self.http.get(self.api()).bearer_auth(access_token).send().await.unwrap().status()
    }
}

/// Access tokens have an `iat` in whole seconds, and what is issued in the second of the sign-out is refused.
async fn next_second() {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    tokio::time::sleep(Duration::from_secs(since.as_secs() + 1).saturating_sub(since)).await;
}

#[tokio::test]
async fn it_ends_every_session_every_grant_and_every_access_token_of_the_user() {
    for (flags, scope) in [
        (&[][..], "openid offline_access read:me"),
        (&["--opaque"], "openid offline_access read:me"),
        // Without a refresh token that would end with it.
        (&["--opaque"], "openid read:me"),
    ] {
        let mut demo = Demo::with_flags(flags);
        let code = demo.code(&[("scope", scope)]).await;
        let here = demo.redeem(&code, &[]).await;
        let signed_in_here = std::mem::replace(&mut demo.browser, Browser::new().unwrap());
        let code = demo.code(&[("scope", scope)]).await;
        let elsewhere = demo.redeem(&code, &[]).await;
        let unredeemed = demo.open(&[("scope", scope)]).await.elsewhere().unwrap();
        let service = [&[("grant_type", "client_credentials"), ("scope", "read:me")], &SERVICE[..]].concat();
        let service = Answer::to(demo.post("/token", &service)).await;
        let all = [&here, &elsewhere, &service].map(|tokens| tokens.member("access_token").to_owned());
        for token in &all {
            assert_eq!(demo.status_at_api(token).await, StatusCode::OK);
        }

        let signed_in_elsewhere = std::mem::replace(&mut demo.browser, signed_in_here);
        demo.sign_out_everywhere().await;
        let statuses = [demo.status_at_api(&all[0]).await, demo.status_at_api(&all[1]).await];
        assert_eq!(statuses, [StatusCode::UNAUTHORIZED; 2], "{flags:?}");
        assert_eq!(demo.status_at_api(&all[2]).await, StatusCode::OK, "a service is another subject");
        for tokens in [&here, &elsewhere] {
            if let Some(refresh_token) = tokens.body["refresh_token"].as_str() {
                demo.refresh(refresh_token).await.assert_refused("invalid_grant");
            }
        }
        demo.redeem(&parameter(&unredeemed, "code").unwrap(), &[]).await.assert_refused("invalid_grant");
        for mut browser in [std::mem::replace(&mut demo.browser, Browser::new().unwrap()), signed_in_elsewhere] {
            assert!(browser.open(&demo.request(&[])).await.unwrap().page().unwrap().has("username"));
        }

        next_second().await;
        let code = demo.code(&[("scope", scope)]).await;
        let again = demo.redeem(&code, &[]).await;
        assert_eq!(demo.status_at_api(again.member("access_token")).await, StatusCode::OK, "{flags:?}");
    }
}

#[tokio::test]
async fn another_site_cannot_sign_a_user_out() {
    let mut demo = Demo::start();
    let code = demo.code(&[]).await;
    let tokens = demo.redeem(&code, &[]).await;
    // What a link, a picture or a frame does.
    let page = demo.open_sign_out("").await;
    assert!(page.has("sign-out-confirm"));
    let raw = demo.http.get(page.url.clone()).header("cookie", demo.browser.cookie.clone().unwrap());
    let raw = raw.send().await.unwrap();
    assert_eq!(raw.headers()["x-frame-options"], "DENY");
    assert!(!raw.headers().contains_key("access-control-allow-origin"));

    // What a form does: the attacker has a session too, and its token.
    let mut attacker = Browser::new().unwrap();
    let theirs = attacker.open(&demo.request(&[])).await.unwrap().page().unwrap();
    let foreign_token = theirs.html.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let decision = ("decision", "sign-out");
    for fields in [&[decision][..], &[decision, ("csrf", foreign_token)], &[decision, ("csrf", "")]] {
        let refused = demo.browser.send(&page, fields).await.unwrap().page().unwrap();
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{fields:?}");
    }
    // Without the cookie, which a browser does not send with another site's form, the right token is worth nothing.
    let nobody = Browser::new().unwrap().submit(&page, &[decision]).await.unwrap().page().unwrap();
    assert_eq!(nobody.status, StatusCode::FORBIDDEN);
    // A session in which nobody has signed in says nothing about a user.
    let url = page.url.clone();
    assert_eq!(attacker.open(&url).await.unwrap().page().unwrap().status, StatusCode::FORBIDDEN);

    assert_eq!(demo.status_at_api(tokens.member("access_token")).await, StatusCode::OK);
    assert_eq!(demo.refresh(tokens.member("refresh_token")).await.status, StatusCode::OK);
    assert!(demo.open(&[]).await.elsewhere().is_ok(), "the session is still there");
}

#[tokio::test]
async fn only_the_authorization_server_may_push_to_the_api() {
    let mut demo = Demo::start();
    let code = demo.code(&[]).await;
    let tokens = demo.redeem(&code, &[]).await;
    let events = demo.api().replace("/api/me", "/ssf/events");
    for bearer in [None, Some("a-guess")] {
        let mut request = push_request(tokens.member("access_token"));
        *request.uri_mut() = events.parse().unwrap();
        if let Some(bearer) = bearer {
            request.headers_mut().insert("authorization", format!("Bearer {bearer}").parse().unwrap());
        }
        let refused = demo.http.execute(request.try_into().unwrap()).await.unwrap();
        assert!(refused.status().is_client_error(), "{}", refused.status());
        assert!(refused.text().await.unwrap().contains("authentication_failed"));
    }
    assert_eq!(demo.status_at_api(tokens.member("access_token")).await, StatusCode::OK);
}

#[tokio::test]
async fn users_return_to_where_a_client_is_registered_and_nowhere_else() {
    let mut demo = Demo::start();
    demo.code(&[]).await;
    let page = demo.open_sign_out("").await;
    let decision = ("decision", "sign-out");
    let other = ("redirect_uri", "https://attacker.example.test/");
    for changed in [
        &[("client_id", "demo-app"), other][..],
        &[("client_id", "demo-app")],
        &[("client_id", "nobody"), other],
        &[other],
        &[decision],
    ] {
        let query = url::form_urlencoded::Serializer::new("?".to_owned()).extend_pairs(changed).finish();
        if changed != [decision] {
            assert_eq!(demo.open_sign_out(&query).await.status, StatusCode::BAD_REQUEST, "{query}");
        }
        let fields = [&[decision], changed].concat();
        let refused = demo.browser.submit(&page, &fields).await.unwrap().page().unwrap();
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{fields:?}");
    }

    let app = demo.app().to_owned();
    let query = [("client_id", "demo-app"), ("redirect_uri", &*app)];
    let query = url::form_urlencoded::Serializer::new("?".to_owned()).extend_pairs(query).finish();
    let page = demo.open_sign_out(&query).await;
    let way_back = [("client_id", "demo-app"), ("redirect_uri", &*app)];
    let cancelled = demo.browser.submit(&page, &[&way_back, &[("decision", "cancel")][..]].concat()).await.unwrap();
    assert_eq!(cancelled.elsewhere().unwrap().as_str(), app);
    assert!(matches!(demo.open(&[]).await, Arrival::Elsewhere(_)), "the session is still there");
    let done = demo.browser.submit(&page, &[&way_back, &[decision][..]].concat()).await.unwrap();
    assert_eq!(done.elsewhere().unwrap().as_str(), format!("{app}?signed_out=everywhere"));
    let page = demo.open(&[]).await.page().unwrap();
    assert!(page.has("username"));
    assert!(demo.browser.submit(&page, &ALICE).await.unwrap().page().unwrap().has("consent-allow"));
}
