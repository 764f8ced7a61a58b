//! The settings of a feed of security events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::StatusCode;
use serde_json::{Value, json};
use tower_bearer::Issuer;
use tower_bearer::feeds::{BackChannelLogout, InvalidFeed, SharedSignals, UnmatchedSubject};
use tower_bearer::jose::JwkSet;
use tower_bearer::revocation::{EventOutcome, FeedKind, Revocation, Revocations};
use tower_bearer::testing::{TokenBuilder, push_request};

use super::feed_rig::{CAEP, CLIENT, FeedRig, RISC, SSF, iss_sub, issuer_of, send};
use super::sharing::Log;
use super::{LIFE, Rig};
use crate::harness::small_issuer;

/// Rows R4, R7.
#[tokio::test]
async fn the_application_says_whom_an_unmatched_subject_means() {
    let email = json!({ "format": "email", "email": "alice@example.com" });
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (log, is_down) = (Arc::clone(&asked), Arc::new(AtomicBool::new(false)));
    let down = Arc::clone(&is_down);
    let feeds = FeedRig::with(|signals| {
        signals.resolve_subjects(move |subject: UnmatchedSubject| {
            let is_down = down.load(Ordering::Relaxed);
            log.lock().unwrap().push((subject.event_type().to_owned(), subject.json()));
            async move {
                if is_down {
                    return Err("the database is down");
                }
                let user = (subject.text("email") == Some("alice@example.com")).then_some("alice");
                Ok(user.map(|user| Revocation::subject(subject.issuer(), user)))
            }
        })
    });
    let (older, newer) = (feeds.rig.token(-100.0), feeds.rig.token(-10.0));
    is_down.store(true, Ordering::Relaxed);
    let set = feeds.set_about(&email).claim("toe", feeds.rig.now() - 50.0);
    feeds.push(&set).await.assert_empty(503, Some("5"));
    assert!(feeds.accepts(&older).await && feeds.rig.revocations.is_empty());
    // What needs no answer does not wait for it.
    let session = json!({ "format": "complex", "user": email, "session": { "format": "opaque", "id": "t" } });
    feeds.push(&feeds.set_about(&session)).await.assert_empty(503, Some("5"));
    assert!(feeds.accepts(&older).await && !feeds.accepts(&feeds.rig.token(-100.0).claim("sid", "t")).await);
    asked.lock().unwrap().pop();
    is_down.store(false, Ordering::Relaxed);
    feeds.push(&set).await.assert_empty(202, None);
    assert!(!feeds.accepts(&older).await && feeds.accepts(&newer).await, "it has the time of the event");
    assert_eq!(feeds.counts(), [1, 0, 0, 0, 2]);
    let logged = std::mem::take(&mut *asked.lock().unwrap());
    assert_eq!(logged.len(), 2);
    assert_eq!(logged[0].0, format!("{CAEP}session-revoked"));
    assert_eq!(serde_json::from_str::<Value>(&logged[0].1).unwrap(), email);

    // An unknown address, a member of a complex subject; and what it is not asked about.
    let other = json!({ "format": "iss_sub", "iss": "https://other.example.test", "sub": "alice" });
    let bob = iss_sub(&feeds.rig.issuer, "bob");
    for (subject, is_asked, outcome) in [
        (json!({ "format": "email", "email": "zoe@example.com" }), true, 2),
        (json!({ "format": "complex", "user": email, "device": { "format": "opaque", "id": "d" } }), true, 0),
        (json!({ "format": "complex", "device": { "format": "opaque", "id": "d" } }), true, 2),
        (json!({ "format": "complex", "user": email, "session": { "format": "opaque", "id": "t" } }), true, 0),
        (json!({ "format": "aliases", "identifiers": [email, bob] }), false, 0),
        (json!({ "format": "aliases", "identifiers": [email, other] }), false, 3),
        (other, false, 3),
        (bob, false, 0),
    ] {
        let before = feeds.counts();
        feeds.push(&feeds.set_about(&subject)).await.assert_empty(202, None);
        assert_eq!(!std::mem::take(&mut *asked.lock().unwrap()).is_empty(), is_asked, "{subject}");
        let mut expected = before;
        expected[outcome] += 1;
        assert_eq!(feeds.counts(), expected, "{subject}");
    }
    // Neither a stranger's event nor one without an effect asks it.
    assert_eq!(feeds.push(&feeds.set_about(&email).signed_by(&small_issuer())).await.status, 400);
    let harmless = feeds.event(&format!("{RISC}account-enabled"), json!({})).claim("sub_id", &email);
    feeds.push(&harmless).await.assert_empty(202, None);
    assert!(asked.lock().unwrap().is_empty());
}

/// Row R3.
#[tokio::test(start_paused = true)]
async fn what_the_application_revokes_is_acknowledged_only_once_it_is_stored() {
    let (log, mut rig) = (Log::default(), Rig::new());
    rig.revocations = rig.revocations.share(log.clone());
    let alice = Revocation::subject(rig.issuer.url(), "alice");
    let feeds = FeedRig::of(rig, |signals| {
        signals.resolve_subjects(move |_| std::future::ready(Ok::<_, std::io::Error>(Some(alice.clone()))))
    });
    let set = feeds.set_about(&json!({ "format": "email", "email": "alice@example.com" }));
    log.fail(true);
    feeds.push(&set).await.assert_empty(503, Some("5"));
    assert!(!feeds.accepts(&feeds.rig.token(-60.0)).await);
    log.fail(false);
    feeds.push(&set).await.assert_empty(202, None);
}

#[tokio::test(start_paused = true)]
async fn an_application_that_does_not_answer_is_waited_for_for_ten_seconds() {
    let feeds = FeedRig::with(|signals| {
        signals.resolve_subjects(|_| std::future::pending::<Result<Option<Revocation>, std::io::Error>>())
    });
    let start = tokio::time::Instant::now();
    feeds.push(&feeds.set_about(&json!({ "format": "did", "url": "did:example:1" }))).await.assert_empty(202, None);
    assert_eq!(start.elapsed().as_secs(), 0, "it is not asked");
    feeds.push(&feeds.set_about(&json!({ "format": "new" }))).await.assert_empty(503, Some("5"));
    assert_eq!(start.elapsed().as_secs(), 10);
}

/// Row R2.
///
/// The token, and not more than it, decides whether anything is read.
#[tokio::test]
async fn the_bearer_token_of_the_transmitter_comes_first() {
    let feeds = FeedRig::with(|signals| signals.bearer_token("gX1fBat3bV"));
    let request = |authorization: &[&str], body: &str| {
        let mut request = push_request(body);
        for line in authorization {
            request.headers_mut().append("authorization", line.parse().unwrap());
        }
        request
    };
    let good = feeds.set("alice").sign();
    for wrong in [
        &[][..],
        &["Bearer gX1fBat3b"],
        &["Bearer gX1fBat3bW"],
        &["Bearer gx1fbat3bv"],
        &["Digest gX1fBat3bV"],
        &["gX1fBat3bV"],
        &["Bearer gX1fBat3bV", "Bearer gX1fBat3bV"],
    ] {
        for body in [&good, "junk", ""] {
            let reply = feeds.send("/ssf", request(wrong, body)).await;
            reply.assert_bad_set(&format!("{wrong:?}"), "authentication_failed");
        }
    }
    assert!(feeds.rig.revocations.is_empty());
    assert_eq!(feeds.counts(), [0, 0, 0, 0, 21]);
    feeds.send("/ssf", request(&["Bearer gX1fBat3bV"], "junk")).await.assert_bad_set("junk", "invalid_request");
    feeds.send("/ssf", request(&["bearer gX1fBat3bV"], &good)).await.assert_empty(202, None);
    assert!(!feeds.accepts(&feeds.rig.token(-60.0)).await);
    assert_eq!(feeds.status(FeedKind::SharedSignals).issuer(), Some(feeds.rig.issuer.url()));
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_errors() {
    let (revocations, issuer) = (Revocations::new(LIFE), small_issuer());
    let error = |signals: SharedSignals| signals.receiver(&revocations).unwrap_err().to_string();
    let good = || SharedSignals::from_issuer(issuer_of(&issuer), SSF);
    for (signals, expected) in [
        (
            SharedSignals::from_issuer(Issuer::discover("http://login.example.com").unwrap(), SSF),
            r#""http://login.example.com/" would be fetched over plain http, expected https, or insecure_http for a network that you trust"#,
        ),
        (SharedSignals::from_issuer(issuer_of(&issuer), ""), r#"the audience is "", expected printable ASCII"#),
        (
            SharedSignals::from_issuer(issuer_of(&issuer), "${AUDIENCE}"),
            r#"the audience "${AUDIENCE}" contains a placeholder that was not filled in"#,
        ),
        (
            good().subjects_of("https://{tenant}.example.com"),
            r#"the issuer "https://{tenant}.example.com" contains a placeholder that was not filled in"#,
        ),
        (
            good().bearer_token("${TOKEN}"),
            "the bearer token of the transmitter is empty or has other characters, expected only A-Z a-z 0-9 - . _ ~ + / =",
        ),
        (
            good().subjects_without_issuer_of("<issuer>"),
            r#"the issuer "<issuer>" contains a placeholder that was not filled in"#,
        ),
        (good().expect_events_within(Duration::ZERO), "a feed may be silent for 0ns, expected more than zero"),
        (good().refuse_when_stale(Duration::ZERO), "a feed may be silent for 0ns, expected more than zero"),
    ] {
        assert_eq!(error(signals), expected);
    }
    let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    let keys = || JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
    for of_several in [
        Issuer::entra(tenant).unwrap(),
        Issuer::entra_tenants([tenant, "11111111-86f1-41af-91ab-2d7cd011db47"]).unwrap(),
        Issuer::azure_b2c("login.example.com", tenant, "B2C_1_sign_in").unwrap(),
        Issuer::spiffe("example.org", keys()).unwrap(),
    ] {
        let refused = SharedSignals::from_issuer(of_several.clone(), SSF).receiver(&revocations).unwrap_err();
        assert!(matches!(refused, InvalidFeed::NoOwnIdentifier { .. }), "{refused}");
        let refused = BackChannelLogout::from_issuer(of_several, CLIENT).receiver(&revocations).unwrap_err();
        assert!(matches!(refused, InvalidFeed::NoOwnIdentifier { .. }), "{refused}");
    }
    let introspected = issuer.introspection();
    let refused = SharedSignals::from_issuer(introspected, SSF).receiver(&revocations).unwrap_err();
    assert!(matches!(refused, InvalidFeed::Introspected { .. }), "{refused}");
    for client in ["", " ", "<client id>"] {
        assert!(BackChannelLogout::from_issuer(issuer_of(&issuer), client).receiver(&revocations).is_err(), "{client}");
    }
    assert!(revocations.status().is_empty(), "a feed that cannot be is none");
}

/// Events of authentik have `JWT`. Without a type `events` tells, and no access token has that.
#[tokio::test]
async fn a_type_of_any_jwt_is_accepted_if_it_is_said() {
    for accepts in [false, true] {
        let feeds = FeedRig::with(|signals| if accepts { signals.accept_any_jwt_type() } else { signals });
        for set in [feeds.set("alice").header("typ", "JWT"), feeds.set("alice").without_header("typ")] {
            let status = feeds.push(&set).await.status;
            assert_eq!(status, if accepts { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST });
        }
        assert_eq!(feeds.accepts(&feeds.rig.token(-60.0)).await, !accepts);
        for other in [
            feeds.rig.token(-60.0).header("typ", "JWT").audience(SSF),
            feeds.rig.token(-60.0).without_header("typ").audience(SSF).claim("events", json!({})),
            feeds.set("bob").header("typ", "at+jwt"),
            feeds.set("bob").header("typ", "logout+jwt"),
            feeds.logout_token().header("typ", "JWT").audience(SSF).subject("bob"),
        ] {
            feeds.push(&other).await.assert_bad_set("another JWT", "invalid_request");
        }
    }
}

/// The identifier of the transmitter is not always that of the authorization server.
#[tokio::test]
async fn subjects_without_an_issuer_may_be_another_issuers() {
    for is_set in [false, true] {
        let transmitter = small_issuer();
        let rig = Rig::new();
        let tokens_of = rig.issuer.url().to_owned();
        let signals = SharedSignals::from_issuer(issuer_of(&transmitter), SSF);
        let signals = if is_set { signals.subjects_without_issuer_of(&tokens_of) } else { signals };
        let app = Router::new().route_service("/ssf", signals.receiver(&rig.revocations).unwrap());
        let push = async |subject: Value| {
            let event = transmitter.security_event(SSF, &format!("{CAEP}session-revoked"), json!({}));
            let request = push_request(&event.claim("sub_id", subject).claim("iat", rig.now()).sign()).map(Body::from);
            assert_eq!(send(&app, "/ssf", request).await.status, StatusCode::ACCEPTED);
        };
        let opaque = |id: &str| json!({ "format": "opaque", "id": id });
        push(opaque("bob")).await;
        push(json!({ "format": "complex", "session": opaque("t") })).await;
        push(iss_sub(&rig.issuer, "zoe")).await;
        // Of the transmitter's own issuer, for which it speaks all the same.
        push(iss_sub(&transmitter, "alice")).await;
        let [status] = rig.revocations.status().try_into().unwrap();
        assert_eq!(status.events(EventOutcome::OtherIssuer), u64::from(!is_set));
        assert_eq!(status.events(EventOutcome::Revoked), 3 + u64::from(is_set));
        let accepts = async |token: &TokenBuilder| rig.api.verify(&token.sign()).await.is_ok();
        assert!(accepts(&rig.token(-60.0)).await);
        for token in
            [rig.token(-60.0).subject("bob"), rig.token(-60.0).claim("sid", "t"), rig.token(-60.0).subject("zoe")]
        {
            assert_eq!(accepts(&token).await, !is_set, "{token:?}");
        }
    }
}
