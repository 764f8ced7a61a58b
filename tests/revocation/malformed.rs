//! What is no security event and no logout token, and what is no access token (rows R1, R2, R8, R9).

use axum::Router;
use http::Method;
use serde_json::json;
use tower_bearer::feeds::{BackChannelLogout, SharedSignals};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{logout_request, push_request};

use super::Rig;
use super::feed_rig::{CLIENT, FeedRig, SSF, issuer_of};
use super::malformations::{Change, change, common, of_events, of_logout};
use crate::harness::{AUDIENCE, present, small_issuer};

/// Rows R1, R2.
#[tokio::test]
async fn a_malformed_security_event_changes_nothing() {
    let (feeds, stranger) = (FeedRig::new(), small_issuer());
    let token = feeds.rig.token(-60.0);
    let malformed = common(&stranger, feeds.rig.now()).into_iter().chain(of_events(&feeds.rig.issuer));
    let mut refused = 0;
    for (what, err, change) in malformed {
        feeds.push(&change(feeds.set("alice"))).await.assert_bad_set(what, err);
        refused += 1;
        assert!(feeds.rig.revocations.is_empty(), "{what}");
        assert_eq!(feeds.counts(), [0, 0, 0, 0, refused], "{what}");
    }
    assert!(refused > 70, "{refused}");
    assert!(feeds.accepts(&token).await);
    let status = feeds.status(tower_bearer::revocation::FeedKind::SharedSignals);
    assert_eq!((status.last_heard(), status.stream_state(), status.verification_state()), (None, None, None));
    // The unchanged one is good, so it was the change each time.
    feeds.push(&feeds.set("alice")).await.assert_empty(202, None);
    assert!(!feeds.accepts(&token).await);
}

/// The algorithms of the issuer's tokens are those of its messages.
#[tokio::test]
async fn an_algorithm_that_the_issuer_may_not_use_is_refused() {
    let rig = Rig::new();
    let issuer = issuer_of(&rig.issuer).algorithms([Algorithm::EdDSA]);
    let signals = SharedSignals::from_issuer(issuer.clone(), SSF).receiver(&rig.revocations).unwrap();
    let logout = BackChannelLogout::from_issuer(issuer, CLIENT).receiver(&rig.revocations).unwrap();
    let app = Router::new().route_service("/ssf", signals).route_service("/logout", logout);
    let feeds = FeedRig { rig, app };
    feeds.push(&feeds.set("alice")).await.assert_bad_set("ES256", "invalid_request");
    feeds.log_out(&feeds.logout_token().subject("alice")).await.assert_bad_logout("ES256");
    assert!(feeds.rig.revocations.is_empty());
}

/// And so is each spelling that is allowed.
#[tokio::test]
async fn a_security_event_may_be_spelled_in_several_ways() {
    let feeds = FeedRig::new();
    let spellings: Vec<Change> = vec![
        change(|it| it.header("typ", "application/secevent+jwt")),
        change(|it| it.header("typ", "SecEvent+JWT")),
        change(|it| it.claim("aud", ["https://other.example.test", SSF])),
        change(|it| it.without_header("kid")),
        change(|it| it.claim("txn", "t").claim("nonce", "n").claim("sid", "s").claim("new", json!({ "a": [1] }))),
    ];
    for (number, spelling) in (1..).zip(spellings) {
        feeds.push(&spelling(feeds.set("alice"))).await.assert_empty(202, None);
        assert_eq!(feeds.counts(), [number, 0, 0, 0, 0]);
    }
    let set = feeds.set("alice").sign();
    for content_type in
        ["application/secevent+jwt; charset=utf-8", "Application/SecEvent+JWT", "application/secevent+jwt ;q=1"]
    {
        let mut request = push_request(&set);
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        feeds.send("/ssf", request).await.assert_empty(202, None);
    }
    feeds.send("/ssf", push_request(&format!("{set}\n"))).await.assert_empty(202, None);
}

/// Row R8.
#[tokio::test]
async fn a_malformed_logout_token_changes_nothing() {
    let (feeds, stranger) = (FeedRig::new(), small_issuer());
    let (token, now) = (feeds.rig.token(-60.0), feeds.rig.now());
    let good = || feeds.logout_token().subject("alice").claim("sid", "s");
    let malformed = common(&stranger, now).into_iter().map(|(what, _, change)| (what, change)).chain(of_logout(now));
    let mut refused = 0;
    for (what, change) in malformed {
        feeds.log_out(&change(good())).await.assert_bad_logout(what);
        refused += 1;
        assert!(feeds.rig.revocations.is_empty(), "{what}");
        assert_eq!(feeds.logout_counts(), [0, 0, 0, 0, refused], "{what}");
    }
    assert!(refused > 50, "{refused}");
    assert!(feeds.accepts(&token).await);
    feeds.log_out(&good()).await.assert_empty(200, None);
    assert!(!feeds.accepts(&token).await);
}

#[tokio::test]
async fn a_malformed_request_changes_nothing() {
    let feeds = FeedRig::new();
    let (set, logout) = (feeds.set("alice").sign(), feeds.logout_token().subject("alice").sign());
    // Whatever the text, it is no JWT.
    for text in [
        "",
        "abc",
        "a.b",
        "..",
        &set[1..],
        &set[..set.len() - 1],
        &format!("{set}."),
        &format!("{set}="),
        &format!("{set}.{set}"),
        &set.replacen('.', ". ", 1),
    ] {
        feeds.send("/ssf", push_request(text)).await.assert_bad_set(text, "invalid_request");
        feeds.send("/logout", logout_request(text)).await.assert_bad_logout(text);
    }
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS, Method::DELETE] {
        for (path, mut request) in [("/ssf", push_request(&set)), ("/logout", logout_request(&logout))] {
            *request.method_mut() = method.clone();
            let reply = feeds.send(path, request).await;
            reply.assert_empty(405, None);
            assert_eq!(reply.headers["allow"], "POST");
        }
    }
    for content_type in ["application/jwt", "application/json", "text/plain", "application/secevent+jwtx", "", "*/*"] {
        let mut request = push_request(&set);
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        feeds.send("/ssf", request).await.assert_bad_set(content_type, "invalid_request");
        let mut request = logout_request(&logout);
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        feeds.send("/logout", request).await.assert_bad_logout(content_type);
    }
    for (path, mut request) in [("/ssf", push_request(&set)), ("/logout", logout_request(&logout))] {
        let again = request.headers()["content-type"].clone();
        request.headers_mut().append("content-type", again);
        assert_eq!(feeds.send(path, request.clone()).await.status, 400);
        request.headers_mut().remove("content-type");
        assert_eq!(feeds.send(path, request).await.status, 400);
    }
    // Sizes. What is at the limit is read.
    for (size, is_read) in [(64 * 1024, true), (64 * 1024 + 1, false), (1024 * 1024, false)] {
        let padded = format!("{set}{}", " ".repeat(size - set.len()));
        let reply = feeds.send("/ssf", push_request(&padded)).await;
        if is_read {
            reply.assert_empty(202, None);
        } else {
            reply.assert_empty(413, None);
        }
        let mut request = logout_request(&logout);
        let filling = "x".repeat(size - request.body().len() - 3);
        request.body_mut().extend(["&x=", &filling]);
        let reply = feeds.send("/logout", request).await;
        if is_read { reply.assert_empty(200, None) } else { reply.assert_empty(413, None) }
    }
    // Forms.
    let form = |body: String| {
        let mut request = logout_request("");
        *request.body_mut() = body;
        request
    };
    for body in [
        format!("logout_token={logout}&logout_token={logout}"),
        format!("logout_token={logout}&logout_token="),
        format!("Logout_token={logout}"),
        format!("id_token={logout}"),
        String::new(),
        logout.clone(),
    ] {
        feeds.send("/logout", form(body.clone())).await.assert_bad_logout(&body);
    }
    feeds.send("/logout", form(format!("other=1&logout_token={logout}&x"))).await.assert_empty(200, None);
}

/// Row R9.
///
/// The same keys sign them all.
#[tokio::test]
async fn no_token_passes_for_one_of_another_kind() {
    let feeds = FeedRig::new();
    let now = feeds.rig.now();
    let (issuer, events) = (&feeds.rig.issuer, "events");
    let access = feeds.rig.token(-60.0);
    let id_token = issuer.token().header("typ", "JWT").audience(CLIENT).subject("alice").claim("nonce", "n");
    let id_token = id_token.without_claim("client_id").claim("sid", "s").claim("at_hash", "x").claim("iat", now);
    let set = feeds.set("alice");
    let logout = feeds.logout_token().subject("alice").claim("sid", "s");

    for (what, token) in [("access token", &access), ("ID token", &id_token), ("logout token", &logout)] {
        feeds.push(token).await.assert_bad_set(what, "invalid_request");
        // Even for the audience of the feed, and with the type of an event.
        feeds.push(&token.clone().audience(SSF)).await.assert_bad_set(what, "invalid_request");
        let disguised = token.clone().audience(SSF).header("typ", "secevent+jwt");
        feeds.push(&disguised).await.assert_bad_set(what, "invalid_request");
    }
    for (what, token) in [("access token", &access), ("ID token", &id_token), ("security event", &set)] {
        feeds.log_out(token).await.assert_bad_logout(what);
        feeds.log_out(&token.clone().audience(CLIENT)).await.assert_bad_logout(what);
        feeds.log_out(&token.clone().audience(CLIENT).header("typ", "logout+jwt")).await.assert_bad_logout(what);
        feeds
            .log_out(&token.clone().audience(CLIENT).without_header("typ").subject("alice"))
            .await
            .assert_bad_logout(what);
    }
    for (what, token) in [("security event", &set), ("logout token", &logout)] {
        let complete =
            token.clone().audience(AUDIENCE).subject("alice").claim("scope", "read:me").claim("exp", now + 60.0);
        for typ in [None, Some("JWT"), Some("JOSE"), Some("at+jwt"), Some("secevent+jwt"), Some("logout+jwt")] {
            let complete = match typ {
                None => complete.clone().without_header("typ"),
                Some(typ) => complete.clone().header("typ", typ),
            };
            present(&feeds.rig.app, &complete.sign()).await.assert_invalid_token();
            // It is the type alone, or the events alone.
            let bare = complete.without_claim(events).sign();
            let is_of_event = typ.is_some_and(|typ| typ.ends_with("t+jwt") && typ != "at+jwt");
            assert_eq!(present(&feeds.rig.app, &bare).await.status == 200, !is_of_event, "{what} {typ:?}");
        }
    }
    assert!(feeds.rig.revocations.is_empty());
    assert!(feeds.accepts(&access).await);
}
