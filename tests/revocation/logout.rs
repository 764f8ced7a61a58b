//! Logout tokens, and what they revoke (row R8).

use axum::Router;
use axum::body::Body;
use serde_json::json;
use tower_bearer::feeds::BackChannelLogout;
use tower_bearer::revocation::FeedKind;
use tower_bearer::testing::logout_request;

use super::feed_rig::{CLIENT, FeedRig, issuer_of, send};

/// Alice's of the session; of another one; without one; Bob's of the session. And Alice's of another session that was issued later.
#[tokio::test]
async fn a_logout_token_ends_the_session_or_all_tokens_of_its_user() {
    for (sub, sid, alive) in [
        (Some("alice"), Some("s"), [false, true, false, false, true]),
        (None, Some("s"), [false, true, true, false, true]),
        (Some("alice"), None, [false, false, false, true, true]),
        (Some("zoe"), None, [true; 5]),
        (None, Some("S"), [true; 5]),
    ] {
        let feeds = FeedRig::new();
        let token = feeds.logout_token();
        let token = sub.iter().fold(token, |token, sub| token.subject(sub));
        let token = sid.iter().fold(token, |token, sid| token.claim("sid", sid));
        // A provider may send it again.
        for _ in 0..2 {
            feeds.log_out(&token).await.assert_empty(200, None);
            let alices = feeds.rig.token(-60.0);
            for (token, expected) in [
                alices.clone(),
                alices.clone().claim("sid", "t"),
                alices.clone().without_claim("sid"),
                alices.subject("bob"),
                feeds.rig.token(2.0).claim("sid", "t"),
            ]
            .iter()
            .zip(alive)
            {
                assert_eq!(feeds.accepts(token).await, expected, "{sub:?} {sid:?} {token:?}");
            }
        }
        assert_eq!(feeds.logout_counts(), [2, 0, 0, 0, 0]);
        let status = feeds.status(FeedKind::BackChannelLogout);
        assert_eq!(status.issuer(), Some(feeds.rig.issuer.url()));
        assert!(status.last_heard().is_some() && !status.is_stale());
    }
}

/// The session is dead for good; of the user only tokens until then.
#[tokio::test]
async fn a_logout_counts_from_its_iat() {
    let feeds = FeedRig::new();
    let token = feeds.logout_token().subject("alice").claim("iat", feeds.rig.now() - 50.0);
    feeds.log_out(&token).await.assert_empty(200, None);
    let mut alive = Vec::new();
    for issued in [-100.0, -50.0, -40.0, 0.0] {
        alive.push(feeds.accepts(&feeds.rig.token(issued)).await);
    }
    assert_eq!(alive, [false, false, true, true]);
    feeds.log_out(&token.without_claim("sub").claim("sid", "s")).await.assert_empty(200, None);
    assert!(!feeds.accepts(&feeds.rig.token(0.0)).await);
}

#[tokio::test]
async fn a_logout_token_may_be_spelled_in_several_ways() {
    let feeds = FeedRig::new();
    let now = feeds.rig.now();
    let good = || feeds.logout_token().subject("alice");
    let spellings = [
        good().header("typ", "LOGOUT+JWT"),
        good().header("typ", "application/logout+jwt"),
        // Written by older providers; then `events` tells.
        good().header("typ", "JWT"),
        good().without_header("typ"),
        good().claim("aud", ["other-client", CLIENT]),
        good().claim("exp", now - 59.0),
        good().claim("iat", now + 59.0),
        good().without_header("kid"),
        good().claim("auth_time", 1).claim("new", [1]),
        // Keycloak's.
        good().claim("typ", "Logout").claim(
            "events",
            json!({ "http://schemas.openid.net/event/backchannel-logout": {}, "revoke_offline_access": true }),
        ),
    ];
    for token in spellings {
        feeds.log_out(&token).await.assert_empty(200, None);
    }
}

/// Ory Hydra sends none.
#[tokio::test]
async fn a_logout_token_without_exp_is_accepted_if_it_is_said() {
    let feeds = FeedRig::new();
    let lenient = BackChannelLogout::from_issuer(issuer_of(&feeds.rig.issuer), CLIENT).accept_without_expiry();
    let lenient = Router::new().route_service("/logout", lenient.receiver(&feeds.rig.revocations).unwrap());
    let token = feeds.logout_token().subject("alice");
    for (token, status, strict_status) in [
        (token.clone().without_claim("exp"), 200, 400),
        (token.clone(), 200, 200),
        (token.clone().claim("exp", feeds.rig.now() - 61.0), 400, 400),
        (token.clone().claim("exp", "soon"), 400, 400),
        (token.claim("exp", json!(null)), 400, 400),
    ] {
        let found = send(&lenient, "/logout", logout_request(&token.sign()).map(Body::from)).await.status;
        assert_eq!((found.as_u16(), feeds.log_out(&token).await.status.as_u16()), (status, strict_status), "{token:?}");
    }
}
