//! What is no security event and no logout token, and what is no access token (rows R1, R2, R8, R9).

use http::Method;
use serde_json::{Value, json};
use tower_bearer::testing::{TestIssuer, TokenBuilder, logout_request, push_request};

use super::feed_rig::{CAEP, CLIENT, FeedRig, SSF, STREAM, iss_sub};
use crate::harness::{AUDIENCE, present, small_issuer, with_raw_member};

type Change<'i> = Box<dyn Fn(TokenBuilder) -> TokenBuilder + 'i>;

fn change<'i>(change: impl Fn(TokenBuilder) -> TokenBuilder + 'i) -> Change<'i> {
    Box::new(change)
}

/// Malformations that all messages have in common.
fn common(stranger: &TestIssuer, now: f64) -> Vec<(&'static str, &'static str, Change<'_>)> {
    vec![
        ("typ at+jwt", "invalid_request", change(|it| it.header("typ", "at+jwt"))),
        ("typ empty", "invalid_request", change(|it| it.header("typ", ""))),
        ("typ a number", "invalid_request", change(|it| it.header("typ", 1))),
        ("alg none", "invalid_request", change(|it| it.header("alg", "none"))),
        ("alg HS256", "invalid_request", change(|it| it.header("alg", "HS256"))),
        ("another alg", "invalid_key", change(|it| it.header("alg", "EdDSA"))),
        ("crit", "invalid_request", change(|it| it.header("crit", ["b64"]).header("b64", false))),
        ("an encrypted one", "invalid_request", change(|it| it.header("enc", "A256GCM"))),
        ("iss of another", "invalid_issuer", change(move |it| it.claim("iss", stranger.url()))),
        ("iss in capitals", "invalid_issuer", change(|it| it.claim("iss", "HTTP://127.0.0.1"))),
        ("no iss", "invalid_request", change(|it| it.without_claim("iss"))),
        ("iss an array", "invalid_request", change(|it| it.claim("iss", ["a"]))),
        ("aud of another", "invalid_audience", change(|it| it.audience("https://other.example.test"))),
        ("aud of the API", "invalid_audience", change(|it| it.audience(AUDIENCE))),
        ("aud empty", "invalid_audience", change(|it| it.claim("aud", [""; 0]))),
        ("aud a number", "invalid_audience", change(|it| it.claim("aud", 1))),
        ("no aud", "invalid_request", change(|it| it.without_claim("aud"))),
        ("no iat", "invalid_request", change(|it| it.without_claim("iat"))),
        ("iat a text", "invalid_request", change(|it| it.claim("iat", "1700000000"))),
        ("iat in the future", "invalid_request", change(move |it| it.claim("iat", now + 62.0).claim("toe", now))),
        ("no jti", "invalid_request", change(|it| it.without_claim("jti"))),
        ("jti empty", "invalid_request", change(|it| it.claim("jti", ""))),
        ("jti a number", "invalid_request", change(|it| it.claim("jti", 1))),
        ("no events", "invalid_request", change(|it| it.without_claim("events"))),
        ("events empty", "invalid_request", change(|it| it.claim("events", json!({})))),
        ("events an array", "invalid_request", change(|it| it.claim("events", json!([{ "a": {} }])))),
        ("events a text", "invalid_request", change(|it| it.claim("events", "session-revoked"))),
        ("events null", "invalid_request", change(|it| it.claim("events", Value::Null))),
        ("signed by another issuer", "invalid_key", change(move |it| it.signed_by(stranger))),
        ("an unknown kid", "invalid_key", change(|it| it.header("kid", "unknown"))),
        (
            "another's, with its key",
            "invalid_key",
            change(move |it| {
                let key = stranger.jwks()["keys"][0].clone();
                it.header("jwk", key).header("jku", stranger.url()).signed_by(stranger)
            }),
        ),
        ("no kid, and another's signature", "invalid_key", change(|it| it.without_header("kid").signed_by(stranger))),
        ("iss twice", "invalid_request", change(|it| with_raw_member(&it, r#""iss":"https://other.example.test""#))),
        ("a member twice, deep inside", "invalid_request", change(|it| with_raw_member(&it, r#""x":[{"a":1,"a":1}]"#))),
        (
            "a reserved name",
            "invalid_request",
            change(|it| with_raw_member(&it, r#""$serde_json::private::RawValue":"{}""#)),
        ),
        ("an array", "invalid_request", change(|it| it.raw_payload("[]"))),
        ("no JSON", "invalid_request", change(|it| it.raw_payload("junk"))),
        ("not UTF-8", "invalid_request", change(|it| it.raw_payload(vec![0xff]))),
        ("a header that is no JSON", "invalid_request", change(|it| it.raw_header("junk"))),
        (
            "too deep",
            "invalid_request",
            change(|it| with_raw_member(&it, &format!(r#""x":{}{}"#, "[".repeat(40), "]".repeat(40)))),
        ),
    ]
}

/// Those of security events.
fn of_events(issuer: &TestIssuer) -> Vec<(&'static str, &'static str, Change<'static>)> {
    let event =
        |name: &'static str, json: Value| change(move |it: TokenBuilder| it.claim("events", json!({ name: json })));
    let about = |subject: Value| change(move |it| it.claim("sub_id", &subject));
    let alice = iss_sub(issuer, "alice");
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    let updated = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";
    let revoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
    let changed = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
    let unknown = "https://example.com/event";
    assert!([CAEP, STREAM].iter().zip([revoked, updated]).all(|(prefix, uri)| uri.starts_with(prefix)));
    let nested = json!({ "format": "aliases", "identifiers": [alice] });
    let many: Vec<_> = (0..33).map(|number| iss_sub(issuer, &number.to_string())).collect();
    let mut malformed = vec![
        ("no typ", change(|it| it.without_header("typ"))),
        ("typ JWT", change(|it| it.header("typ", "JWT"))),
        ("typ logout+jwt", change(|it| it.header("typ", "logout+jwt"))),
        ("exp", change(|it| it.claim("exp", 9_000_000_000_u64))),
        ("exp null", change(|it| it.claim("exp", Value::Null))),
        ("sub", change(|it| it.subject("alice"))),
        ("sub null", change(|it| it.claim("sub", Value::Null))),
        ("two events", change(move |it| it.claim("events", json!({ revoked: {}, unknown: {} })))),
        ("an event that is null", event(revoked, Value::Null)),
        ("an event that is an array", event(revoked, json!([]))),
        ("an unknown event that is a text", event(unknown, json!("x"))),
        ("event_timestamp a text", event(revoked, json!({ "event_timestamp": "1700000000" }))),
        ("event_timestamp null", event(revoked, json!({ "event_timestamp": null }))),
        ("toe a text", change(|it| it.claim("toe", "1700000000"))),
        ("change_type a number", event(changed, json!({ "change_type": 1 }))),
        ("state a number", event(verification, json!({ "state": 1 }))),
        ("state too long", event(verification, json!({ "state": "x".repeat(1025) }))),
        ("no status", event(updated, json!({}))),
        ("an unknown status", event(updated, json!({ "status": "on" }))),
        ("no subject", change(|it| it.without_claim("sub_id"))),
    ];
    malformed.extend([
        ("a subject that is a text", about(json!("alice"))),
        ("a subject that is null", about(Value::Null)),
        ("a subject that is empty", about(json!({}))),
        ("a subject without format", about(json!({ "iss": "a", "sub": "alice" }))),
        ("a format that is a number", about(json!({ "format": 1, "sub": "alice" }))),
        ("iss_sub without sub", about(json!({ "format": "iss_sub", "iss": issuer.url() }))),
        ("iss_sub without iss", about(json!({ "format": "iss_sub", "sub": "alice" }))),
        ("iss_sub with an empty sub", about(json!({ "format": "iss_sub", "iss": issuer.url(), "sub": "" }))),
        ("iss_sub with a number", about(json!({ "format": "iss_sub", "iss": issuer.url(), "sub": 1 }))),
        ("opaque without id", about(json!({ "format": "opaque", "sub": "alice" }))),
        ("jwt_id without jti", about(json!({ "format": "jwt_id", "iss": issuer.url() }))),
        ("account without uri", about(json!({ "format": "account", "url": "acct:a@example.com" }))),
        ("did without url", about(json!({ "format": "did", "uri": "did:example:1" }))),
        ("email without email", about(json!({ "format": "email" }))),
        ("phone_number with a number", about(json!({ "format": "phone_number", "phone_number": 1 }))),
        ("aliases without identifiers", about(json!({ "format": "aliases" }))),
        ("aliases without any", about(json!({ "format": "aliases", "identifiers": [] }))),
        ("33 aliases", about(json!({ "format": "aliases", "identifiers": many }))),
        ("aliases of aliases", about(json!({ "format": "aliases", "identifiers": [alice, nested] }))),
        ("aliases with a text", about(json!({ "format": "aliases", "identifiers": [alice, "bob"] }))),
        ("a complex one with a text", about(json!({ "format": "complex", "user": alice, "session": "s" }))),
        ("a complex one without members", about(json!({ "format": "complex" }))),
        ("a complex one with a bad member", about(json!({ "user": alice, "device": { "format": "opaque" } }))),
        (
            "complex within complex",
            about(json!({ "format": "complex", "user": { "format": "complex", "user": alice } })),
        ),
    ]);
    malformed.into_iter().map(|(what, change)| (what, "invalid_request", change)).collect()
}

/// Those of logout tokens.
fn of_logout(now: f64) -> Vec<(&'static str, Change<'static>)> {
    let event = "http://schemas.openid.net/event/backchannel-logout";
    vec![
        ("typ secevent+jwt", change(|it| it.header("typ", "secevent+jwt"))),
        ("a nonce", change(|it| it.claim("nonce", "n"))),
        ("a nonce that is null", change(|it| it.claim("nonce", Value::Null))),
        ("no exp", change(|it| it.without_claim("exp"))),
        ("exp a text", change(|it| it.claim("exp", "9000000000"))),
        ("exp null", change(|it| it.claim("exp", Value::Null))),
        ("expired", change(move |it| it.claim("exp", now - 60.0))),
        ("neither sub nor sid", change(|it| it.without_claim("sub").without_claim("sid"))),
        ("sub empty", change(|it| it.subject(""))),
        ("sub a number", change(|it| it.claim("sub", 1))),
        ("sid empty", change(|it| it.claim("sid", ""))),
        ("sid null", change(|it| it.claim("sid", Value::Null))),
        ("another event", change(|it| it.claim("events", json!({ "https://example.com/event": {} })))),
        ("the event is null", change(move |it| it.claim("events", json!({ event: null })))),
        ("the event is an array", change(move |it| it.claim("events", json!({ event: [] })))),
    ]
}

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
        &set[..set.len() - 4],
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
            reply.assert_empty(202, None)
        } else {
            reply.assert_empty(413, None)
        }
        let mut request = logout_request(&logout);
        let filling = "x".repeat(size - request.body().len() - 3);
        request.body_mut().push_str(&format!("&x={filling}"));
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

/// Row R9: the same keys sign them all.
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
