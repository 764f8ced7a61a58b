//! Many events, each about a token that is remembered.

use axum::Router;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::feed_rig::{FeedRig, iss_sub};
use crate::harness::present;

const EVENTS: u64 = 10_000;

/// Rows R2, R10.
///
/// On this node, while others send requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_first_request_after_each_of_many_events_is_refused() {
    let feeds = FeedRig::new();
    let app = &feeds.rig.app;
    let token = |user: &str| {
        let token = feeds.rig.token(-60.0).subject(user);
        token.claim("sid", format!("session of {user}")).claim("jti", format!("token of {user}")).sign()
    };
    let (events, begun) = unbounded_channel();
    let others = tokio::spawn(use_meanwhile(begun, app.clone(), ["bob", "carol"].map(token)));
    for number in 0..EVENTS {
        let user = format!("user-{number}");
        let token = token(&user);
        // The second use is remembered, and the third is answered from memory.
        for _ in 0..3 {
            present(app, &token).await.assert_ok();
        }
        events.send(()).unwrap();
        let subject = match number % 3 {
            0 => iss_sub(&feeds.rig.issuer, &user),
            1 => {
                let session = json!({ "format": "opaque", "id": format!("session of {user}") });
                json!({ "format": "complex", "session": session })
            }
            _ => json!({ "format": "jwt_id", "iss": feeds.rig.issuer.url(), "jti": format!("token of {user}") }),
        };
        assert_eq!(feeds.push(&feeds.set_about(&subject)).await.status, 202);
        present(app, &token).await.assert_invalid_token();
    }
    drop(events);
    others.await.unwrap();
    let cache = feeds.rig.api.token_cache_status().unwrap();
    assert!(cache.misses < 2 * EVENTS + EVENTS / 100, "each was remembered: {cache:?}");
    assert_eq!(feeds.counts(), [EVENTS, 0, 0, 0, 0]);
}

/// Uses tokens, which are always accepted, a few times at each event that begins.
async fn use_meanwhile(mut begun: UnboundedReceiver<()>, app: Router, tokens: [String; 2]) {
    while begun.recv().await.is_some() {
        for token in tokens.iter().cycle().take(6) {
            present(&app, token).await.assert_ok();
        }
    }
}
