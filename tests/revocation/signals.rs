//! Security events, and what they revoke (rows R2 to R7).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tower_bearer::revocation::{
    AppendFuture, FeedKind, FollowFuture, Follower, RevocationRecord, RevocationStore, RevocationStoreError,
    Revocations, StreamState,
};
use tower_bearer::testing::TestClock;

use super::feed_rig::{CAEP, FeedRig, RISC, STREAM, iss_sub};
use super::{LIFE, Rig};
use crate::harness::{app, builder_with_keys, small_issuer};

/// Rows R2, R3, R6.
#[tokio::test]
async fn events_that_end_trust_revoke_older_tokens() {
    for (event_type, event, ends) in [
        ("caep/event-type/session-revoked", json!({}), true),
        ("caep/event-type/token-claims-change", json!({ "claims": { "role": "user" } }), true),
        ("caep/event-type/credential-change", json!({ "change_type": "revoke" }), true),
        ("caep/event-type/credential-change", json!({ "change_type": "update" }), true),
        ("caep/event-type/credential-change", json!({}), true),
        ("caep/event-type/credential-change", json!({ "change_type": "create" }), false),
        ("caep/event-type/assurance-level-change", json!({ "current_level": "nist-aal1" }), true),
        ("caep/event-type/device-compliance-change", json!({ "current_status": "not-compliant" }), false),
        ("caep/event-type/session-established", json!({}), false),
        ("risc/event-type/account-disabled", json!({ "reason": "hijacking" }), true),
        ("risc/event-type/account-purged", json!({}), true),
        ("risc/event-type/sessions-revoked", json!({}), true),
        ("risc/event-type/account-enabled", json!({}), false),
        ("risc/event-type/session-revoked", json!({}), false),
        ("caep/event-type/session-revoked/", json!({}), false),
        ("ssf/event-type/no-such-event", json!({ "status": 1 }), false),
    ] {
        let feeds = FeedRig::new();
        let subject = iss_sub(&feeds.rig.issuer, "alice");
        let event_type = format!("https://schemas.openid.net/secevent/{event_type}");
        let set = feeds.event(&event_type, event).claim("sub_id", subject);
        let (older, later) = (feeds.rig.token(-60.0), feeds.rig.token(2.0));
        assert!(feeds.accepts(&older).await);
        feeds.push(&set).await.assert_empty(202, None);
        assert_eq!(feeds.accepts(&older).await, !ends, "{event_type}");
        assert!(feeds.accepts(&later).await, "{event_type}");
        assert!(feeds.accepts(&older.subject("bob")).await, "{event_type}");
        assert_eq!(feeds.counts(), if ends { [1, 0, 0, 0, 0] } else { [0, 1, 0, 0, 0] }, "{event_type}");
        assert_eq!(feeds.rig.revocations.is_empty(), !ends, "{event_type}");
    }
}

#[tokio::test]
async fn an_event_counts_from_when_it_happened() {
    // The tokens were issued 100 s and 50 s ago, and in 2 s; what each of them gets.
    for (event_timestamp, toe, iat, accepted) in [
        (None, None, 0.0, [false, false, true]),
        (None, None, -70.0, [false, true, true]),
        (None, Some(-70.0), 0.0, [false, true, true]),
        (Some(-70.0), None, 0.0, [false, true, true]),
        // The event says it best, and the transmitter's clock last.
        (Some(-70.0), Some(0.0), 0.0, [false, true, true]),
        (Some(-110.0), Some(0.0), 0.0, [true, true, true]),
        // Late, after an outage of the transmitter.
        (None, None, -3000.0, [true, true, true]),
        // The future counts as now.
        (Some(3600.0), None, 0.0, [false, false, true]),
        (None, Some(1e9), 0.0, [false, false, true]),
        (None, None, 59.0, [false, false, true]),
    ] {
        let feeds = FeedRig::new();
        let now = feeds.rig.now();
        let event = event_timestamp.map_or(json!({}), |time| json!({ "event_timestamp": now + time }));
        let set = feeds.event(&format!("{CAEP}session-revoked"), event).claim("iat", now + iat);
        let set = set.claim("sub_id", iss_sub(&feeds.rig.issuer, "alice"));
        let set = toe.iter().fold(set, |set, toe| set.claim("toe", now + toe));
        // A repeated event changes nothing.
        for _ in 0..2 {
            feeds.push(&set).await.assert_empty(202, None);
            for (issued, expected) in [-100.0, -50.0, 2.0].into_iter().zip(accepted) {
                let found = feeds.accepts(&feeds.rig.token(issued)).await;
                assert_eq!(found, expected, "{event_timestamp:?} {toe:?} {iat} {issued}");
            }
        }
        assert_eq!(feeds.counts(), [2, 0, 0, 0, 0]);
        // An earlier event that comes later does not undo it.
        let earlier = feeds.set("alice").claim("toe", now - 1000.0);
        feeds.push(&earlier).await.assert_empty(202, None);
        assert_eq!(feeds.accepts(&feeds.rig.token(-100.0)).await, accepted[0]);
    }
}

/// And so do those of a user who has signed in again since.
#[tokio::test]
async fn a_repeated_event_spares_tokens_that_were_issued_meanwhile() {
    let feeds = FeedRig::new();
    let (set, older) = (feeds.set("alice"), feeds.rig.token(-1.0));
    feeds.push(&set).await.assert_empty(202, None);
    feeds.rig.clock.advance(Duration::from_secs(600));
    let newer = feeds.rig.token(-300.0);
    assert!(feeds.accepts(&newer).await);
    feeds.push(&set).await.assert_empty(202, None);
    assert!(feeds.accepts(&newer).await && !feeds.accepts(&older).await);
}

/// Row R7.
#[tokio::test]
async fn a_feed_speaks_for_its_own_issuers_alone() {
    let (a, b) = (FeedRig::new(), small_issuer());
    let of_b = json!({ "format": "iss_sub", "iss": b.url(), "sub": "alice" });
    let token_of_b = json!({ "format": "jwt_id", "iss": b.url(), "jti": "j" });
    let subjects = [
        of_b.clone(),
        token_of_b,
        json!({ "format": "aliases", "identifiers": [of_b, { "format": "email", "email": "alice@example.com" }] }),
        json!({ "format": "complex", "user": of_b }),
        // The session is that of this user.
        json!({ "format": "complex", "user": of_b, "session": { "format": "opaque", "id": "s" } }),
        json!({ "format": "iss_sub", "iss": format!("{}/", a.rig.issuer.url()), "sub": "alice" }),
    ];
    for (number, subject) in (1..).zip(&subjects) {
        a.push(&a.set_about(subject)).await.assert_empty(202, None);
        assert_eq!(a.counts(), [0, 0, 0, number, 0], "{subject}");
        assert!(a.rig.revocations.is_empty(), "{subject}");
    }
    // The same subject of its own issuer is another one.
    a.push(&a.set("alice")).await.assert_empty(202, None);
    assert!(!a.accepts(&a.rig.token(-60.0)).await);

    let a = FeedRig::with(|signals| signals.subjects_of(b.url()));
    for (number, subject) in (1..).zip(&subjects[..5]) {
        a.push(&a.set_about(subject)).await.assert_empty(202, None);
        assert_eq!(a.counts(), [number, 0, 0, 0, 0], "{subject}");
    }
    assert!(a.accepts(&a.rig.token(-60.0)).await, "Alice of A is another user");
    a.push(&a.set_about(&subjects[5])).await.assert_empty(202, None);
    assert_eq!(a.counts(), [5, 0, 0, 1, 0]);
}

/// Row R5.
#[tokio::test]
async fn the_transmitter_tells_how_its_stream_is_doing() {
    let feeds = FeedRig::with(|signals| signals.expect_events_within(Duration::from_secs(60)));
    let status = || feeds.status(FeedKind::SharedSignals);
    let stream = json!({ "format": "opaque", "id": "stream-1" });
    assert_eq!((status().issuer(), status().last_heard()), (Some(feeds.rig.issuer.url()), None));
    assert_eq!((status().stream_state(), status().verification_state(), status().is_stale()), (None, None, false));
    for prefix in [STREAM, "https://schemas.openid.net/secevent/sse/event-type/", RISC] {
        feeds.rig.clock.advance(Duration::from_secs(61));
        assert!(status().is_stale());
        let set = feeds.event(&format!("{prefix}verification"), json!({ "state": prefix })).claim("sub_id", &stream);
        feeds.push(&set).await.assert_empty(202, None);
        assert_eq!((status().verification_state(), status().is_stale()), (Some(prefix), false));
        for (text, state) in
            [("paused", StreamState::Paused), ("disabled", StreamState::Disabled), ("enabled", StreamState::Enabled)]
        {
            let set = feeds.event(&format!("{prefix}stream-updated"), json!({ "status": text, "reason": "…" }));
            feeds.push(&set.claim("sub_id", &stream)).await.assert_empty(202, None);
            assert_eq!(status().stream_state(), Some(state));
        }
    }
    // Without a state it is a sign of life.
    feeds.push(&feeds.event(&format!("{STREAM}verification"), json!({}))).await.assert_empty(202, None);
    assert_eq!(status().verification_state(), None);
    // The stream of one user is not the stream.
    let set = feeds.event(&format!("{STREAM}stream-updated"), json!({ "status": "paused" }));
    feeds.push(&set.claim("sub_id", iss_sub(&feeds.rig.issuer, "alice"))).await.assert_empty(202, None);
    assert_eq!(status().stream_state(), Some(StreamState::Enabled));
    assert_eq!(feeds.counts(), [0, 14, 0, 0, 0]);
    assert!(feeds.rig.revocations.is_empty());
}

/// A bad message is no sign of life, from any sender.
#[tokio::test]
async fn every_good_event_is_a_sign_of_life_and_no_other_is() {
    let feeds = FeedRig::with(|signals| signals.refuse_when_stale(Duration::from_secs(60)));
    let stranger = small_issuer();
    feeds.rig.clock.advance(Duration::from_secs(61));
    for bad in
        [feeds.set("alice").signed_by(&stranger), feeds.set("alice").audience("other"), feeds.set("alice").subject("a")]
    {
        assert_eq!(feeds.push(&bad).await.status, 400);
        assert!(feeds.status(FeedKind::SharedSignals).is_stale());
    }
    assert!(feeds.rig.api.verify(&feeds.rig.token(-1.0).sign()).await.is_err());
    for good in [
        feeds.set("zoe"),
        feeds.set_about(&json!({ "format": "email", "email": "zoe@example.com" })),
        feeds.set_about(&json!({ "format": "iss_sub", "iss": stranger.url(), "sub": "zoe" })),
        feeds.event("https://example.com/event", json!({})),
    ] {
        feeds.rig.clock.advance(Duration::from_secs(61));
        assert!(feeds.status(FeedKind::SharedSignals).is_stale());
        feeds.push(&good.claim("iat", feeds.rig.now())).await.assert_empty(202, None);
        assert!(!feeds.status(FeedKind::SharedSignals).is_stale());
        assert!(feeds.accepts(&feeds.rig.token(-1.0)).await);
    }
}

/// Row R3.
#[tokio::test]
async fn an_event_is_acknowledged_only_once_it_is_stored() {
    /// It fails so many times.
    struct Store(Arc<AtomicUsize>);

    impl RevocationStore for Store {
        fn append(&self, _: RevocationRecord) -> AppendFuture {
            let fails = self.0.load(Ordering::Relaxed) > 0;
            self.0.fetch_sub(usize::from(fails), Ordering::Relaxed);
            Box::pin(async move {
                tokio::task::yield_now().await;
                if fails { Err(RevocationStoreError::new("on purpose")) } else { Ok(()) }
            })
        }

        fn follow(self: Arc<Self>, follower: Follower) -> FollowFuture {
            follower.up_to_date();
            Box::pin(async move { follower.closed().await })
        }
    }

    let failures = Arc::new(AtomicUsize::new(0));
    let mut rig = Rig::new();
    rig.revocations = rig.revocations.share(Store(Arc::clone(&failures)));
    let feeds = FeedRig::of(rig, |signals| signals);
    let [zoe, alice] = ["zoe", "alice"].map(|sub| iss_sub(&feeds.rig.issuer, sub));
    let set = feeds.set_about(&json!({ "format": "aliases", "identifiers": [zoe, alice] }));
    let logout = feeds.logout_token().subject("bob");
    // The first of two revocations, then both.
    for number in [1, 2] {
        failures.store(number, Ordering::Relaxed);
        feeds.push(&set).await.assert_empty(503, Some("5"));
        // All the same they count in this process.
        for sub in ["alice", "zoe"] {
            assert!(!feeds.accepts(&feeds.rig.token(-60.0).subject(sub)).await, "{sub}");
        }
    }
    failures.store(1, Ordering::Relaxed);
    feeds.log_out(&logout).await.assert_empty(503, Some("5"));
    assert!(!feeds.accepts(&feeds.rig.token(-60.0).subject("bob")).await);
    assert_eq!((feeds.counts(), feeds.logout_counts()), ([0, 0, 0, 0, 2], [0, 0, 0, 0, 1]));
    feeds.push(&set).await.assert_empty(202, None);
    feeds.log_out(&logout).await.assert_empty(200, None);
    assert_eq!((feeds.counts(), feeds.logout_counts()), ([1, 0, 0, 0, 2], [1, 0, 0, 0, 1]));
}

/// A full table forgets nothing, and the event comes again.
#[tokio::test]
async fn without_room_for_its_revocation_an_event_is_not_acknowledged() {
    let (issuer, clock) = (small_issuer(), TestClock::new());
    let revocations = Revocations::new(LIFE).quota(2).clock(clock.clone());
    let builder = builder_with_keys(issuer.url(), &issuer.jwks()).clock(clock.clone());
    let api = builder.revocations(revocations.clone()).build().unwrap();
    let rig = Rig { app: app(&api), issuer, clock, revocations, api };
    let feeds = FeedRig::of(rig, |signals| signals);
    for sub in ["alice", "bob"] {
        feeds.push(&feeds.set(sub)).await.assert_empty(202, None);
    }
    feeds.push(&feeds.set("zoe")).await.assert_empty(503, Some("5"));
    feeds.log_out(&feeds.logout_token().subject("zoe")).await.assert_empty(503, Some("5"));
    for (sub, accepted) in [("alice", false), ("bob", false), ("zoe", true)] {
        assert_eq!(feeds.accepts(&feeds.rig.token(-60.0).subject(sub)).await, accepted, "{sub}");
    }
    feeds.push(&feeds.set("bob")).await.assert_empty(202, None);
}
