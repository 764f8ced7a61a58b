//! Login, second factor and consent.

use http::StatusCode;

use super::browser::{Browser, Page};
use super::{ALICE, Demo, assert_error, claims, parameter};

#[tokio::test]
async fn consent_can_be_denied() {
    let mut demo = Demo::start();
    let page = demo.log_in(&[]).await;
    // Whatever is not a clear yes.
    let arrival = demo.browser.submit(&page, &[("decision", "deny")]).await.unwrap();
    assert_error(&demo, arrival, "access_denied");
    let arrival = demo.open(&[("prompt", "none")]).await;
    assert_error(&demo, arrival, "consent_required");
}

#[tokio::test]
async fn a_form_without_the_csrf_token_is_refused() {
    let mut demo = Demo::start();
    let mut attacker = Browser::new().unwrap();
    let theirs = attacker.open(&demo.request(&[])).await.unwrap().page().unwrap();
    let page = demo.open(&[]).await.page().unwrap();
    let foreign_token = theirs.html.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let without = ALICE.to_vec();
    let with_foreign = [&ALICE[..], &[("csrf", foreign_token)]].concat();
    let twice = [&ALICE[..], &[("csrf", ""), ("csrf", "")]].concat();
    for (fields, status) in
        [(without, StatusCode::FORBIDDEN), (with_foreign, StatusCode::FORBIDDEN), (twice, StatusCode::BAD_REQUEST)]
    {
        let refused = demo.browser.send(&page, &fields).await.unwrap().page().unwrap();
        assert_eq!(refused.status, status);
        let still = demo.browser.open(&page.url).await.unwrap().page().unwrap();
        assert!(still.has("username"));
    }
    let page = demo.browser.submit(&page, &ALICE).await.unwrap().page().unwrap();
    let refused = demo.browser.send(&page, &[("decision", "allow")]).await.unwrap().page().unwrap();
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_sign_in_continues_only_in_the_browser_that_began_it() {
    let mut demo = Demo::start();
    let page = demo.open(&[]).await.page().unwrap();
    let before = demo.browser.cookie.clone();
    for mut other in [Browser::new().unwrap(), with_session_of_its_own(&demo).await] {
        for arrival in [other.open(&page.url).await, other.submit(&page, &ALICE).await] {
            let status = arrival.unwrap().page().unwrap().status;
            assert!([StatusCode::NOT_FOUND, StatusCode::FORBIDDEN].contains(&status), "{status}");
        }
    }
    // An attacker who put a cookie into the browser does not know the cookie that the user is signed in with.
    demo.browser.submit(&page, &ALICE).await.unwrap().page().unwrap();
    assert_ne!(demo.browser.cookie, before);
    let mut fixed = Browser::new().unwrap();
    fixed.cookie = before;
    assert!(fixed.open(&demo.request(&[])).await.unwrap().page().unwrap().has("username"));
}

async fn with_session_of_its_own(demo: &Demo) -> Browser {
    let mut browser = Browser::new().unwrap();
    browser.open(&demo.request(&[])).await.unwrap();
    browser
}

#[tokio::test]
async fn no_step_of_a_sign_in_can_be_skipped() {
    let mut demo = Demo::start();
    let page = demo.open(&[("acr_values", "urn:example:mfa")]).await.page().unwrap();
    let straight_to = |step: &str| {
        let html = page.html.replace("/login\"", &format!("/{step}\""));
        Page { url: page.url.clone(), status: page.status, html }
    };
    for (step, fields) in [("consent", ("decision", "allow")), ("second-factor", ("otp", "")), ("done", ("x", "y"))] {
        let arrival = demo.browser.submit(&straight_to(step), &[fields]).await.unwrap();
        assert!(arrival.page().unwrap().has("username"), "{step}");
    }
    let wrong = demo.browser.submit(&page, &[("username", "alice"), ("password", "wrong")]).await.unwrap();
    let wrong = wrong.page().unwrap();
    assert!(wrong.has("username") && wrong.html.contains("role=\"alert\""));

    let page = demo.browser.submit(&page, &ALICE).await.unwrap().page().unwrap();
    let code = page.text_of("otp-hint").unwrap();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let again = demo.browser.submit(&page, &[("otp", wrong)]).await.unwrap().page().unwrap();
    // The old code was for one attempt.
    let again = demo.browser.submit(&again, &[("otp", code)]).await.unwrap().page().unwrap();
    let next = again.text_of("otp-hint").unwrap();
    assert!(again.has("otp") && next != code);

    // The consent that was sent before its time counts for nothing.
    let page = demo.browser.submit(&again, &[("otp", next)]).await.unwrap().page().unwrap();
    assert!(page.has("consent-allow"));
}

#[tokio::test]
async fn a_second_sign_in_asks_only_for_what_is_missing() {
    let mut demo = Demo::start();
    let code = demo.code(&[]).await;
    let first = claims(demo.redeem(&code, &[]).await.member("access_token"));
    assert_eq!(first["acr"], "urn:example:pwd");

    assert!(demo.open(&[]).await.elsewhere().is_ok(), "the session is still there");
    assert!(demo.open(&[("prompt", "none")]).await.elsewhere().is_ok());
    assert!(demo.open(&[("max_age", "300")]).await.elsewhere().is_ok());
    assert!(demo.open(&[("prompt", "consent")]).await.page().unwrap().has("consent-allow"));
    assert!(demo.open(&[("prompt", "login")]).await.page().unwrap().has("username"));
    assert!(demo.open(&[("max_age", "0")]).await.page().unwrap().has("username"));

    let stronger = [("acr_values", "urn:example:unheard-of urn:example:mfa"), ("nonce", "of-the-app")];
    let page = demo.open(&stronger).await.page().unwrap();
    let code = page.text_of("otp-hint").unwrap().to_owned();
    let answer = demo.browser.submit(&page, &[("otp", &code)]).await.unwrap().elsewhere().unwrap();
    let tokens = demo.redeem(&parameter(&answer, "code").unwrap(), &[]).await;
    let (access, id) = (claims(tokens.member("access_token")), claims(tokens.member("id_token")));
    assert_eq!([&access["acr"], &id["acr"]], ["urn:example:mfa"; 2]);
    assert!(access["auth_time"].as_u64() >= first["auth_time"].as_u64());
    assert_eq!([&id["aud"], &id["nonce"]], ["demo-app", "of-the-app"]);

    // Authenticated anew with a password alone: the second factor is a thing of the past.
    let page = demo.log_in(&[("prompt", "login"), ("acr_values", "urn:example:mfa")]).await;
    assert!(page.has("otp"));
}
