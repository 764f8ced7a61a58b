//! What the metrics show of a feed.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use tower_bearer::metrics::{REVOCATION_EVENTS, REVOCATION_FEED_TIMESTAMP};
use tower_bearer::testing::TokenBuilder;

use super::feed_rig::{FeedRig, STREAM};
use crate::harness::scrape::{lines, recording};
use crate::harness::small_issuer;

/// A rig whose clock stands at a whole second.
fn rig() -> FeedRig {
    let feeds = FeedRig::new();
    feeds.rig.clock.set(UNIX_EPOCH + Duration::from_secs_f64(feeds.rig.now()));
    feeds
}

/// A subject that tokens are not compared with.
fn address() -> Value {
    json!({ "format": "email", "email": "alice@example.com" })
}

/// Every one is refused.
fn bad_sets(feeds: &FeedRig) -> [TokenBuilder; 3] {
    let set = || feeds.set("alice");
    [set().without_claim("events"), set().audience("another"), set().signed_by(&small_issuer())]
}

#[test]
fn events_are_counted_by_what_became_of_them() {
    let feeds = rig();
    let of_another = json!({ "format": "iss_sub", "iss": "https://login.example.com", "sub": "alice" });
    let scrape = recording(async |_| {
        for bad in bad_sets(&feeds) {
            assert_eq!(feeds.push(&bad).await.status, 400);
        }
        let verification = feeds.event(&format!("{STREAM}verification"), json!({}));
        let good = [&feeds.set("alice"), &feeds.set_about(&address()), &feeds.set_about(&of_another), &verification];
        // Each one more often than the one before.
        for (times, set) in (1..).zip(good) {
            for _ in 0..times {
                feeds.push(set).await.assert_empty(202, None);
            }
        }
        assert_eq!(feeds.log_out(&feeds.logout_token()).await.status, 400);
    });
    let counted = lines(&scrape, REVOCATION_EVENTS);
    let url = feeds.rig.issuer.url();
    let series = |feed: &str, outcome: &str, count: u8| {
        format!("{{feed=\"{feed}\",issuer=\"{url}\",outcome=\"{outcome}\"}} {count}")
    };
    let expected = [
        series("back_channel_logout", "refused", 1),
        series("shared_signals", "no_effect", 4),
        series("shared_signals", "other_issuer", 3),
        series("shared_signals", "refused", 3),
        series("shared_signals", "revoked", 1),
        series("shared_signals", "unmatched", 2),
    ];
    assert_eq!(counted, expected);
}

#[test]
fn only_a_good_event_moves_the_time_at_which_the_feed_was_heard() {
    let feeds = rig();
    let series = format!("{{feed=\"shared_signals\",issuer=\"{}\"}} ", feeds.rig.issuer.url());
    recording(async |scrape| {
        let assert_heard = |at: Option<f64>| {
            let scrape = scrape.render();
            let expected: Vec<_> = at.iter().map(|at| format!("{series}{at}")).collect();
            assert_eq!(lines(&scrape, REVOCATION_FEED_TIMESTAMP), expected);
        };
        let mut heard = None;
        for good in [feeds.set("alice"), feeds.set_about(&address())] {
            for bad in bad_sets(&feeds) {
                assert_eq!(feeds.push(&bad).await.status, 400);
                assert_heard(heard);
            }
            feeds.rig.clock.advance(Duration::from_secs(10));
            feeds.push(&good).await.assert_empty(202, None);
            heard = Some(feeds.rig.now());
            assert_heard(heard);
            feeds.rig.clock.advance(Duration::from_secs(10));
        }
    });
}
