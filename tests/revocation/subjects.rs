//! Whom a security event is about (row R4; RFC 9493, Shared Signals Framework 1.0 §3).

use serde_json::{Value, json};

use super::feed_rig::{CAEP, FeedRig};

/// Whose tokens die. Each token is Alice's, of the session `s` with the `jti` `j`, unless its name says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Dies {
    Nobodys,
    Alices,
    TheSession,
    /// Those of the session, and Alice's that name no session.
    TheSessionOfAlice,
    TheToken,
}

impl Dies {
    /// Alice's; her one of another session; her one without; another's of the session; one of the `jti` of another.
    fn alive(self) -> [bool; 5] {
        match self {
            Self::Nobodys => [true; 5],
            Self::Alices => [false, false, false, true, true],
            Self::TheSession => [false, true, true, false, true],
            Self::TheSessionOfAlice => [false, true, false, false, true],
            Self::TheToken => [false, false, false, false, false],
        }
    }
}

#[tokio::test]
async fn each_form_of_a_subject_revokes_what_it_names() {
    use Dies::{Alices, Nobodys, TheSession, TheSessionOfAlice, TheToken};
    let iss = "<iss>";
    let alice = json!({ "format": "iss_sub", "iss": iss, "sub": "alice" });
    let session = json!({ "format": "opaque", "id": "s" });
    let email = json!({ "format": "email", "email": "alice@example.com" });
    let phone = json!({ "format": "phone_number", "phone_number": "+12065550100" });
    let device = json!({ "format": "iss_sub", "iss": iss, "sub": "device-1" });
    let by_name = |format: &str, member: &str| json!({ "format": format, member: "alice" });
    for (subject, dies) in [
        (alice.clone(), Alices),
        (by_name("opaque", "id"), Alices),
        // A name of a session as well: CAEP 1.0 §3.1.
        (session.clone(), TheSession),
        (by_name("account", "uri"), Alices),
        (by_name("uri", "uri"), Alices),
        (by_name("did", "url"), Alices),
        (json!({ "format": "jwt_id", "iss": iss, "jti": "j" }), TheToken),
        // Names that are spelled otherwise are others.
        (json!({ "format": "iss_sub", "iss": iss, "sub": "Alice" }), Nobodys),
        (json!({ "format": "account", "uri": "acct:alice@example.com" }), Nobodys),
        // What tokens are not compared with.
        (email.clone(), Nobodys),
        (phone.clone(), Nobodys),
        (json!({ "format": "saml_assertion_id", "issuer": iss, "assertion_id": "a" }), Nobodys),
        (json!({ "format": "ip-addresses", "ip-addresses": ["10.29.37.75"] }), Nobodys),
        (json!({ "format": "catalog_item", "sub": "alice" }), Nobodys),
        (json!({ "format": "aliases", "identifiers": [email, alice, phone] }), Alices),
        (json!({ "format": "aliases", "identifiers": [email, phone] }), Nobodys),
        // Complex ones.
        (json!({ "format": "complex", "user": alice, "session": session }), TheSessionOfAlice),
        (json!({ "format": "complex", "user": alice, "session": session, "device": device }), TheSessionOfAlice),
        (json!({ "format": "complex", "session": session }), TheSession),
        (json!({ "format": "complex", "session": session, "tenant": session }), TheSession),
        (json!({ "format": "complex", "user": alice }), Alices),
        (json!({ "format": "complex", "user": alice, "device": device, "tenant": session, "group": email }), Alices),
        (
            json!({ "format": "complex", "user": { "format": "aliases", "identifiers": [email, alice] }, "session": session }),
            TheSessionOfAlice,
        ),
        // The user cannot be told, and the session can.
        (json!({ "format": "complex", "user": email, "session": session }), TheSession),
        // The session cannot be told, and the user can.
        (json!({ "format": "complex", "user": alice, "session": email }), Alices),
        // Nothing is wider than a user.
        (json!({ "format": "complex", "device": alice }), Nobodys),
        (
            json!({ "format": "complex", "tenant": alice, "application": alice, "group": alice, "org_unit": alice }),
            Nobodys,
        ),
        (json!({ "format": "complex", "user": email }), Nobodys),
        // Of drafts.
        (json!({ "user": alice, "session": session }), TheSessionOfAlice),
        (json!({ "user": alice, "device": device }), Alices),
        (json!({ "subject_type": "iss-sub", "iss": iss, "sub": "alice" }), Alices),
        (json!({ "subject_type": "iss_sub", "iss": iss, "sub": "alice" }), Alices),
        (json!({ "subject_type": "id_token_claims", "iss": iss, "sub": "alice", "email": "a@example.com" }), Alices),
        (json!({ "subject_type": "id_token_claims", "email": "a@example.com" }), Nobodys),
        (json!({ "format": "jwt-id", "iss": iss, "jti": "j" }), TheToken),
        (json!({ "user": { "subject_type": "iss-sub", "iss": iss, "sub": "alice" } }), Alices),
    ] {
        for is_of_draft in [false, true] {
            let feeds = FeedRig::new();
            let subject = of_issuer(&subject, feeds.rig.issuer.url());
            let set = if is_of_draft {
                feeds.event(&format!("{CAEP}session-revoked"), json!({ "subject": subject }))
            } else {
                feeds.set_about(&subject)
            };
            feeds.push(&set).await.assert_empty(202, None);
            let alices = feeds.rig.token(-60.0);
            let tokens = [
                alices.clone(),
                alices.clone().claim("sid", "t").claim("jti", if dies == TheToken { "j" } else { "k" }),
                alices.clone().without_claim("sid"),
                alices.clone().subject("bob"),
                alices.subject("bob").claim("sid", "t"),
            ];
            let mut accepted = Vec::new();
            for token in &tokens {
                accepted.push(feeds.accepts(token).await);
            }
            assert_eq!(accepted, dies.alive(), "{subject}");
            assert!(feeds.accepts(&feeds.rig.token(-60.0).subject("bob").claim("sid", "t").claim("jti", "k")).await);
            let expected =
                if dies == Nobodys && feeds.rig.revocations.is_empty() { [0, 0, 1, 0, 0] } else { [1, 0, 0, 0, 0] };
            assert_eq!(feeds.counts(), expected, "{subject}");
        }
    }
}

/// Of the session all tokens; of the user's tokens without a session those that were issued until then.
#[tokio::test]
async fn a_session_of_a_user_counts_from_when_it_ended() {
    let feeds = FeedRig::new();
    let (iss, now) = (feeds.rig.issuer.url(), feeds.rig.now());
    let subject = json!({
        "format": "complex",
        "user": { "format": "iss_sub", "iss": iss, "sub": "alice" },
        "session": { "format": "opaque", "id": "s" },
    });
    feeds.push(&feeds.set_about(&subject).claim("toe", now - 70.0)).await.assert_empty(202, None);
    let token = |issued: f64| feeds.rig.token(issued);
    for (token, accepted) in [
        (token(-100.0), false),
        (token(-50.0), false),
        (token(-100.0).without_claim("sid"), false),
        (token(-50.0).without_claim("sid"), true),
        (token(-100.0).claim("sid", "t"), true),
    ] {
        assert_eq!(feeds.accepts(&token).await, accepted, "{token:?}");
    }
}

/// Row R7.
///
/// Each name of the user.
#[tokio::test]
async fn a_session_of_a_user_of_several_issuers_is_that_of_the_feeds_own() {
    let mut entries = Vec::new();
    for with_other in [false, true] {
        let feeds = FeedRig::new();
        let alice = json!({ "format": "iss_sub", "iss": feeds.rig.issuer.url(), "sub": "alice" });
        let other = json!({ "format": "iss_sub", "iss": "https://other.example.test", "sub": "alice" });
        let names = if with_other { json!([other, alice]) } else { json!([alice]) };
        let subject = json!({
            "format": "complex",
            "user": { "format": "aliases", "identifiers": names },
            "session": { "format": "opaque", "id": "s" },
        });
        feeds.push(&feeds.set_about(&subject)).await.assert_empty(202, None);
        assert!(!feeds.accepts(&feeds.rig.token(-60.0)).await);
        assert_eq!(feeds.counts(), [1, 0, 0, 0, 0]);
        entries.push(feeds.rig.revocations.len());
    }
    assert_eq!(entries[0], entries[1]);
}

/// SSF 1.0: the subject of the token, where drafts have one in the event too.
#[tokio::test]
async fn of_two_subjects_that_of_the_token_counts() {
    let feeds = FeedRig::new();
    let bob = json!({ "format": "iss_sub", "iss": feeds.rig.issuer.url(), "sub": "bob" });
    let event = feeds.event(&format!("{CAEP}session-revoked"), json!({ "subject": bob }));
    let alice = json!({ "format": "iss_sub", "iss": feeds.rig.issuer.url(), "sub": "alice" });
    feeds.push(&event.claim("sub_id", alice)).await.assert_empty(202, None);
    assert!(!feeds.accepts(&feeds.rig.token(-60.0)).await);
    assert!(feeds.accepts(&feeds.rig.token(-60.0).subject("bob").claim("sid", "t").claim("jti", "k")).await);
}

/// SSF 1.0 §3.6: an event must not be interpreted without its critical members.
#[tokio::test]
async fn an_event_with_an_unknown_critical_member_is_discarded() {
    let feeds = FeedRig::with(|signals| signals.critical_subject_members(["user", "session", "tenant"]));
    let alice = json!({ "format": "iss_sub", "iss": feeds.rig.issuer.url(), "sub": "alice" });
    let opaque = json!({ "format": "opaque", "id": "s" });
    for discarded in [
        json!({ "format": "complex", "user": alice, "tenant": opaque }),
        json!({ "format": "complex", "user": alice, "session": opaque, "tenant": opaque }),
        json!({ "tenant": opaque }),
        // Without its session it would be all of the user's.
        json!({ "format": "complex", "user": alice, "session": { "format": "email", "email": "a@example.com" } }),
    ] {
        feeds.push(&feeds.set_about(&discarded)).await.assert_empty(202, None);
        assert!(feeds.rig.revocations.is_empty(), "{discarded}");
    }
    assert_eq!(feeds.counts(), [0, 4, 0, 0, 0]);
    for understood in [
        json!({ "format": "complex", "user": alice, "device": opaque }),
        json!({ "format": "complex", "user": alice, "session": opaque }),
        alice,
    ] {
        feeds.push(&feeds.set_about(&understood)).await.assert_empty(202, None);
    }
    assert_eq!(feeds.counts(), [3, 4, 0, 0, 0]);
    assert!(!feeds.accepts(&feeds.rig.token(-60.0)).await);
}

/// The subject with the issuer in the place of `<iss>`.
fn of_issuer(subject: &Value, issuer: &str) -> Value {
    serde_json::from_str(&subject.to_string().replace("<iss>", issuer)).unwrap()
}
