//! Ways to spoil a message of a feed.

use serde_json::{Value, json};
use tower_bearer::testing::{TestIssuer, TokenBuilder};

use super::feed_rig::{CAEP, STREAM, iss_sub};
use crate::harness::{AUDIENCE, with_raw_member};

pub(super) type Change<'i> = Box<dyn Fn(TokenBuilder) -> TokenBuilder + 'i>;

pub(super) fn change<'i>(change: impl Fn(TokenBuilder) -> TokenBuilder + 'i) -> Change<'i> {
    Box::new(change)
}

/// Malformations that all messages have in common.
pub(super) fn common(stranger: &TestIssuer, now: f64) -> Vec<(&'static str, &'static str, Change<'_>)> {
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
pub(super) fn of_events(issuer: &TestIssuer) -> Vec<(&'static str, &'static str, Change<'static>)> {
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
        ("event_timestamp an array", event(revoked, json!({ "event_timestamp": [1_700_000_000] }))),
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
pub(super) fn of_logout(now: f64) -> Vec<(&'static str, Change<'static>)> {
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
