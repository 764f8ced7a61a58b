//! JSON within JSON: a document inside a string of another is not parsed, and no nesting overflows the stack.
//!
//! `serde_json::Value` parses what stands under a member name that is private to `serde_json`, as deep as that is, and again what
//! stands in that. Code that reads untrusted JSON as a `Value` must not meet that name.

use std::thread;

use serde_json::{Value, json};
use tower_bearer::jose::{JsonError, JwkSet, JwsError, UnusableJwk};
use tower_bearer::testing::TokenBuilder;
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;
use tower_bearer::{AccessToken, ResourceServer};

use crate::harness::{ISSUER, builder_with_keys, good, with_raw_member};

const RAW: &str = "$serde_json::private::RawValue";
const NUMBER: &str = "$serde_json::private::Number";

/// Runs it on a stack of 256 KiB, whose overflow aborts the process.
fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    thread::Builder::new().stack_size(256 * 1024).spawn(run).unwrap().join().unwrap()
}

/// As deep as one document may be, within a string of one as deep, and so on: each a JSON value.
fn documents_within_documents(levels: usize) -> String {
    let (open, close) = ("[".repeat(100), "]".repeat(100));
    (0..levels).fold("1".to_owned(), |inner, _| format!("{open}{}{close}", json!({ RAW: inner })))
}

fn api() -> ResourceServer {
    builder_with_keys(ISSUER.url(), &ISSUER.jwks()).build().unwrap()
}

fn verify(token: &TokenBuilder) -> Result<AccessToken, TokenError> {
    api().try_verify(&token.sign()).map_err(|error| match error {
        VerifyError::Token(error) => error,
        error => panic!("{error}"),
    })
}

#[test]
fn deeply_nested_claims_do_not_overflow_the_stack() {
    let inner = documents_within_documents(9);
    let token = with_raw_member(&good(&ISSUER), &format!(r#""x":{{"{RAW}":{}}}"#, json!(inner)));
    let claims = on_a_small_stack(move || verify(&token).map(|token| token.claims::<Value>().is_ok()));
    assert_eq!(claims, Err(TokenError::Payload(JsonError::Reserved { name: RAW.into() })));
}

#[test]
fn the_private_name_of_serde_json_is_refused_at_every_depth() {
    for name in [RAW, NUMBER, "$serde_json::private::Other"] {
        let escaped = name.replace('$', "\\u0024");
        let refused = JsonError::Reserved { name: name.into() };
        for member in [
            format!(r#""{name}":"1""#),
            format!(r#""{escaped}":"1""#),
            format!(r#""x":{{"a":1,"{name}":"{{\"sub\":\"a\",\"sub\":\"b\"}}"}}"#),
            format!(r#""x":[[{{"{escaped}":null}}]]"#),
            format!(r#""scope":[{{"{name}":"1"}}]"#),
            format!(r#""acr":{{"{name}":"1"}}"#),
            format!(r#""auth_time":{{"{name}":"1"}}"#),
            format!(r#""cnf":{{"{name}":"1"}}"#),
        ] {
            let token = with_raw_member(&good(&ISSUER).without_claim("scope"), &member);
            assert_eq!(verify(&token).err(), Some(TokenError::Payload(refused.clone())), "{member}");
            let header = good(&ISSUER).raw_header(format!(r#"{{"alg":"ES256",{member}}}"#));
            assert_eq!(verify(&header).err(), Some(TokenError::Jws(JwsError::Header(refused.clone()))), "{member}");
        }
    }
    // A value may be anything, and so may a name that only looks like it.
    let token = good(&ISSUER).claim("x", RAW).claim("serde_json::private::RawValue", 1).claim("$serde_json", "1");
    let claims: Value = verify(&token).unwrap().claims().unwrap();
    assert_eq!(claims["x"], RAW);
}

/// Numbers of every kind are numbers, also where `serde_json` hands them out under its private name because some crate of the
/// build wants all their digits.
#[test]
fn numbers_are_accepted_under_arbitrary_precision() {
    let token = good(&ISSUER).claim("x", json!([1, -1, 1.5, 1e300, u64::MAX, { "y": 2 }]));
    assert_eq!(verify(&token).unwrap().claims::<Value>().unwrap()["x"][5]["y"], 2);
}

#[test]
fn a_deeply_nested_key_set_does_not_overflow_the_stack() {
    let good = || ISSUER.jwks()["keys"][0].to_string();
    let with = |member: &str| format!("{{{member},{}", &good()[1..]);
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let documents = documents_within_documents(12);
    let issuer = with(&format!(r#""issuer":{{"{RAW}":{}}}"#, json!(documents)));
    let twice = with(r#""issuer":{"a":1,"a":2}"#);
    let keys = [
        (issuer, None),
        (twice, None),
        (with(&format!(r#""issuer":{}"#, deep(100_000))), None),
        (with(&format!(r#""unknown":{}"#, deep(100_000))), None),
        (with(&format!(r#""d":{}"#, deep(100_000))), Some(UnusableJwk::Private)),
        (with(&format!(r#""kid":{}"#, deep(100_000))), Some(UnusableJwk::Malformed)),
        (with(r#""kid":"a""#), Some(UnusableJwk::Malformed)),
        (with(r#""\u006bid":"a""#), Some(UnusableJwk::Malformed)),
        (with(r#""issuer":"a","issuer":"b""#), Some(UnusableJwk::Malformed)),
    ];
    for (key, refused) in keys {
        let document = format!(r#"{{"x":{},"keys":[{},{key}]}}"#, deep(10_000), good());
        let set = on_a_small_stack(move || JwkSet::from_json(document.as_bytes())).unwrap();
        let reason = set.skipped().first().map(|skipped| skipped.reason.clone());
        assert_eq!(reason, refused);
    }
    for document in [format!(r#"{{"keys":[],"keys":[{}]}}"#, good()), deep(100_000)] {
        assert!(on_a_small_stack(move || JwkSet::from_json(document.as_bytes())).is_err());
    }
    let document = format!("{{\"keys\":{}}}", deep(100_000));
    let set = on_a_small_stack(move || JwkSet::from_json(document.as_bytes())).unwrap();
    assert_eq!(set.skipped().first().map(|skipped| &skipped.reason), Some(&UnusableJwk::Malformed));
}
