//! The token is the subprotocol after the one named `bearer`.

use http::StatusCode;

use super::{Fixture, encoded};

#[tokio::test]
async fn the_token_is_the_subprotocol_after_the_named_one() {
    let fixture = Fixture::after();
    let token = &fixture.token;
    for lines in [
        vec![format!("bearer, {token}")],
        vec![format!("bearer,{token}")],
        vec![format!("\tbearer ,\t {token} ")],
        vec![format!("chat, bearer, {token}")],
        vec![format!("bearer, {token}, chat")],
        vec![format!("chat, bearer, {token}, superchat")],
        // Several lines are one list, in their order.
        vec!["bearer".into(), token.clone()],
        vec!["chat, bearer".into(), format!("{token}, superchat")],
        vec!["chat".into(), "bearer".into(), token.clone(), "superchat".into()],
        // Empty elements do not count.
        vec![format!("bearer,,{token}")],
        vec![format!(", ,bearer,\t, ,{token},,")],
        vec!["bearer,".into(), String::new(), format!(",{token}")],
        // None of these is the name.
        vec![format!("Bearer, bearer, {token}")],
        vec![format!("bearer, {token}, Bearer, bearer.x, xbearer")],
    ] {
        let answer = fixture.offer(&lines).await;
        assert_eq!(answer.status, StatusCode::OK, "{lines:?}");
        answer.assert_ok();
    }
}

/// As `Authorization: Bearer` is without a token.
#[tokio::test]
async fn a_named_subprotocol_needs_one_token_after_it() {
    let fixture = Fixture::after();
    let token = &fixture.token;
    for lines in [
        vec!["bearer".to_owned()],
        vec!["chat, bearer".into()],
        vec!["chat".into(), "bearer".into()],
        vec!["bearer,".into()],
        vec!["bearer, ,\t".into(), ",".into()],
        vec![format!("{token}, bearer")],
        vec![token.clone(), "bearer".into()],
        // The name twice, with whatever after it.
        vec!["bearer, bearer".into()],
        vec![format!("bearer, bearer, {token}")],
        vec![format!("bearer, {token}, bearer")],
        vec![format!("bearer, {token}, bearer, {token}")],
        vec![format!("bearer, {token}"), format!("bearer, {token}")],
        vec![format!("bearer, {token}"), "bearer".into()],
        // No b64token.
        vec![format!("bearer, \"{token}\"")],
        vec![format!("bearer, Bearer {token}")],
        vec![format!("bearer, {token} x")],
        vec![format!("bearer, {token};q=1")],
        vec!["bearer, =".into()],
        vec!["bearer, \u{e9}".into()],
    ] {
        let answer = fixture.offer(&lines).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{lines:?}");
        answer.assert_invalid_request();
    }
    fixture.offer([&b"bearer, \xff"[..]]).await.assert_invalid_request();
}

/// Only the next one counts, although a good token may follow.
#[tokio::test]
async fn what_follows_the_name_and_is_no_valid_token_is_refused() {
    let fixture = Fixture::after();
    let token = &fixture.token;
    for lines in [
        vec![format!("bearer, chat, {token}")],
        vec!["bearer".into(), "chat".into(), token.clone()],
        vec!["bearer, x.y.z".into()],
        vec![format!("bearer, Bearer, {token}")],
        vec![format!("bearer, bearer.{token}")],
        vec![format!("bearer, {}", encoded(token))],
    ] {
        fixture.offer(&lines).await.assert_invalid_token();
    }
}
