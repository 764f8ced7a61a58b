//! The client app of `examples/me` with `--dpop`: whose key its tokens are bound to, and what becomes of a bad proof.

use reqwest::StatusCode;
use serde_json::Value;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{ProofBuilder, TestClient};

use crate::authorization_server::proofs::proof;
use crate::authorization_server::{Demo, claims};
use crate::client_app::app_page::{AppPage, Reply};
use crate::client_app::{answer, assert_refused, begin, open, return_with};

const NOTHING: Value = Value::Null;

fn new_key() -> TestClient {
    TestClient::new(Algorithm::ES256)
}

/// A page whose next requests have a proof by this key, with this nonce if there is one.
fn prove(demo: &Demo, page: &mut AppPage, key: &TestClient, nonce: Option<&str>) {
    let good = nonce.into_iter().fold(proof(demo, key), ProofBuilder::nonce);
    page.proof = Some(good.sign());
}

async fn sign_in(demo: &mut Demo, page: &mut AppPage, key: &TestClient) -> Reply {
    let url = begin(page).await;
    let answer = answer(demo, &url).await;
    prove(demo, page, key, None);
    return_with(page, &answer).await.unwrap()
}

fn key_of(reply: &Reply) -> Option<String> {
    let token = reply.text("access_token").unwrap_or_else(|| panic!("no token: {}", reply.body));
    claims(token)["cnf"]["jkt"].as_str().map(ToOwned::to_owned)
}

fn nonce_of(reply: &Reply) -> Option<&str> {
    reply.headers.get("dpop-nonce").map(|nonce| nonce.to_str().unwrap())
}

#[tokio::test]
async fn access_tokens_are_bound_to_the_key_of_who_uses_them() {
    let mut demo = Demo::with_flags(&["--dpop", "required"]);
    let mut page = open(&demo);
    let (key, next) = (new_key(), new_key());
    let reply = sign_in(&mut demo, &mut page, &key).await;
    assert_eq!(key_of(&reply), Some(key.jkt()));

    // Alone it is worth nothing; with the key it is good.
    let token = reply.text("access_token").unwrap();
    let call = |scheme: &str| demo.http.get(demo.api()).header("authorization", format!("{scheme} {token}"));
    assert_eq!(call("Bearer").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(call("DPoP").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let proof = key.proof("GET", demo.api(), token).sign();
    assert_eq!(call("DPoP").header("dpop", proof).send().await.unwrap().status(), StatusCode::OK);

    // A browser that has lost its key makes another one and stays signed in: the refresh token is bound to none.
    prove(&demo, &mut page, &next, None);
    assert_eq!(key_of(&page.ask("refresh", &NOTHING).await.unwrap()), Some(next.jkt()));
    // The backend calls the API with a key of its own.
    let reply = page.ask("profile", &NOTHING).await.unwrap();
    assert_eq!(reply.body["profile"]["subject"], "alice", "{}", reply.body);
}

#[tokio::test]
async fn a_page_and_its_backend_that_refresh_at_once_each_get_a_token_for_their_key() {
    let mut demo = Demo::with_flags(&["--dpop"]);
    let mut page = open(&demo);
    let key = new_key();
    sign_in(&mut demo, &mut page, &key).await;
    let own = demo.app().trim_end_matches('/').to_owned();
    for _ in 0..5 {
        prove(&demo, &mut page, &key, None);
        let ask = |what| page.ask_from(Some(&own), what, &NOTHING);
        let (one, profile, other) = tokio::try_join!(ask("refresh"), ask("profile"), ask("refresh")).unwrap();
        for reply in [&one, &other] {
            assert_eq!(key_of(reply), Some(key.jkt()));
        }
        assert_eq!(profile.body["profile"]["subject"], "alice", "{}", profile.body);
        // Whichever cookie came last leads on.
        for reply in [one, profile, other] {
            let cookie = reply.set_cookies.iter().find_map(|cookie| cookie.strip_prefix("refresh=")).unwrap();
            page.cookies.insert("refresh".to_owned(), cookie.split(';').next().unwrap().to_owned());
        }
    }
    prove(&demo, &mut page, &key, None);
    assert_eq!(key_of(&page.ask("refresh", &NOTHING).await.unwrap()), Some(key.jkt()));
}

#[tokio::test]
async fn a_bad_proof_ends_neither_a_sign_in_nor_a_session() {
    let mut demo = Demo::with_flags(&["--dpop", "required"]);
    let mut page = open(&demo);
    let (key, thief) = (new_key(), new_key());
    let url = begin(&mut page).await;
    let answer = answer(&mut demo, &url).await;
    for bad in [None, Some(proof(&demo, &key).signed_by(&thief).sign())] {
        page.proof = bad;
        assert_refused(&return_with(&mut page, &answer).await.unwrap(), "DPoP proof");
        assert!(page.cookies.contains_key("flow"));
    }
    prove(&demo, &mut page, &key, None);
    assert_eq!(key_of(&return_with(&mut page, &answer).await.unwrap()), Some(key.jkt()));

    let before = page.cookies["refresh"].clone();
    for bad in [None, page.proof.clone()] {
        page.proof = bad;
        let reply = page.ask("refresh", &NOTHING).await.unwrap();
        assert_refused(&reply, "DPoP proof");
        assert_eq!((reply.text("error"), nonce_of(&reply)), (None, None));
        assert_eq!(page.cookies["refresh"], before);
    }
    prove(&demo, &mut page, &key, None);
    assert_eq!(key_of(&page.ask("refresh", &NOTHING).await.unwrap()), Some(key.jkt()));
}

#[tokio::test]
async fn the_page_gets_the_nonce_of_the_token_endpoint_and_can_try_again() {
    let mut demo = Demo::with_flags(&["--dpop", "required", "--dpop-nonce"]);
    let mut page = open(&demo);
    let key = new_key();
    let url = begin(&mut page).await;
    let answer = answer(&mut demo, &url).await;
    prove(&demo, &mut page, &key, None);
    let asked = return_with(&mut page, &answer).await.unwrap();
    assert_refused(&asked, "nonce");
    assert_eq!(asked.text("error"), Some("use_dpop_nonce"));
    let nonce = nonce_of(&asked);
    prove(&demo, &mut page, &key, nonce);
    let reply = return_with(&mut page, &answer).await.unwrap();
    assert_eq!((key_of(&reply), nonce_of(&reply)), (Some(key.jkt()), nonce));

    prove(&demo, &mut page, &key, None);
    let asked = page.ask("refresh", &NOTHING).await.unwrap();
    assert_eq!(asked.text("error"), Some("use_dpop_nonce"));
    prove(&demo, &mut page, &key, nonce_of(&asked));
    let reply = page.ask("refresh", &NOTHING).await.unwrap();
    assert_eq!((key_of(&reply), nonce_of(&reply)), (Some(key.jkt()), nonce));
    // For its own requests the backend looks after nonces itself.
    let reply = page.ask("profile", &NOTHING).await.unwrap();
    assert_eq!(reply.body["profile"]["subject"], "alice", "{}", reply.body);
}

#[tokio::test]
async fn a_page_that_has_proved_its_key_takes_no_token_that_would_do_without() {
    // This authorization server knows nothing of keys.
    let mut demo = Demo::start();
    let mut page = open(&demo);
    let reply = sign_in(&mut demo, &mut page, &new_key()).await;
    assert_refused(&reply, "no DPoP token");
    assert!(!page.cookies.contains_key("refresh"));
}

#[tokio::test]
async fn a_code_for_the_key_of_a_page_is_worth_nothing_to_another() {
    let mut demo = Demo::with_flags(&["--dpop"]);
    let mut page = open(&demo);
    let (key, other) = (new_key(), new_key());
    for (by, is_good) in [(&other, false), (&key, true)] {
        let wish = serde_json::json!({ "scope": crate::authorization_server::SCOPE, "dpop_jkt": key.jkt() });
        let reply = page.ask("authorize", &wish).await.unwrap();
        let url = url::Url::parse(reply.text("location").unwrap()).unwrap();
        let answer = answer(&mut demo, &url).await;
        prove(&demo, &mut page, by, None);
        let reply = return_with(&mut page, &answer).await.unwrap();
        if is_good {
            assert_eq!(key_of(&reply), Some(key.jkt()));
        } else {
            assert_refused(&reply, "bound to another key");
        }
    }
}
