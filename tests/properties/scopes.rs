//! Scopes against a naive model: sets of strings.

use std::collections::BTreeSet;

use axum::Router;
use axum::routing::get;
use fastrand::Rng;
use http::StatusCode;
use serde_json::{Map, Value, json};
use tower_bearer::jose::{Algorithm, JsonError};
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::{Profile, TokenError};
use tower_bearer::{Require, Scope};

use super::{refusal, seed, times};
use crate::harness::{AUDIENCE, builder_with_keys, good, present};

/// Rows H1 to H4.
#[tokio::test]
async fn scopes_are_sets_of_strings() {
    let issuer = TestIssuer::builder().algorithms([Algorithm::Ed25519]).start();
    let servers = [Profile::Generic, Profile::Rfc9068]
        .map(|profile| (profile, builder_with_keys(issuer.url(), &issuer.jwks()).profile(profile).build().unwrap()));
    let mut random = Rng::with_seed(seed());
    let mut answers = [0; 3];
    for _ in 0..times(2_000) {
        let claims = claims(&mut random);
        let needed = scope_text(&mut random);
        let parsed = needed.parse::<Scope>();
        assert_eq!(parsed.is_ok(), needed.split(' ').all(is_scope_token), "{needed:?}");
        let token =
            claims.iter().fold(good(&issuer).without_claim("scope"), |token, (name, value)| token.claim(name, value));
        let token = token.sign();
        for (profile, api) in &servers {
            let granted = match granted(&claims, *profile) {
                Ok(granted) => granted,
                Err(name) => {
                    let expected = TokenError::Payload(JsonError::WrongType { name: name.into() });
                    assert_eq!(refusal(api.verify(&token).await), Some(expected), "{claims:?}");
                    let app = Router::new().route("/me", get(async || ())).layer(api.layer());
                    present(&app, &token).await.assert_invalid_token();
                    answers[0] += 1;
                    continue;
                }
            };
            let read = api.verify(&token).await.unwrap();
            assert_eq!(
                read.scope().iter().collect::<BTreeSet<_>>(),
                granted.iter().map(|own| &**own).collect(),
                "{claims:?}"
            );
            assert_eq!(read.scope().is_empty(), granted.is_empty());
            for word in WORDS {
                assert_eq!(read.scope().contains(word), granted.contains(word), "{word:?} of {claims:?}");
            }
            let Ok(scope) = &parsed else { continue };
            let wanted: BTreeSet<String> = needed.split(' ').map(Into::into).collect();
            assert_eq!(read.scope().includes(scope), wanted.is_subset(&granted), "{needed:?} of {claims:?}");
            assert_eq!(read.scope() == scope, wanted == granted, "{needed:?} and {claims:?}");
            let requirement = Require::from(scope.clone());
            let app = Router::new().route("/me", get(async || ()).layer(requirement)).layer(api.layer());
            let answer = present(&app, &token).await;
            if wanted.is_subset(&granted) {
                answer.assert_ok();
                answers[1] += 1;
            } else {
                // What is needed has no character that needs an escape.
                assert_eq!(answer.status, StatusCode::FORBIDDEN);
                answer.assert_insufficient_scope(&needed);
                answers[2] += 1;
            }
        }
    }
    println!("refused, enough, not enough: {answers:?}");
    assert!(answers.iter().all(|count| *count >= 100), "{answers:?}");
}

const WORDS: [&str; 14] =
    ["a", "b", "A", "read:me", "read:me2", AUDIENCE, "a,b", "=;!~", "", "a\tb", "\"a\"", "a\\b", "\u{e9}", "a\u{a0}b"];

/// RFC 6749 §3.3: visible ASCII without the two characters that would have to be quoted.
fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_graphic() && !"\"\\".contains(character))
}

/// What the token grants, or the claim that spoils it.
fn granted(claims: &Map<String, Value>, profile: Profile) -> Result<BTreeSet<String>, &'static str> {
    let names: &[&str] = if profile == Profile::Generic { &["scope", "scp", "scopes"] } else { &["scope"] };
    let Some(name) = names.iter().find(|name| claims.contains_key(**name)) else { return Ok(BTreeSet::new()) };
    let texts: Option<Vec<&str>> = match &claims[*name] {
        Value::String(text) => Some(text.split(' ').collect()),
        Value::Array(elements) if profile == Profile::Generic => elements.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let tokens = texts.ok_or(*name)?.into_iter().filter(|text| is_scope_token(text));
    Ok(tokens.map(Into::into).collect())
}

/// Any of the three, as a string, an array or something else.
fn claims(random: &mut Rng) -> Map<String, Value> {
    let mut claims = Map::new();
    for name in ["scope", "scp", "scopes"] {
        let value = match random.u8(..16) {
            0..5 => scope_text(random).into(),
            5..8 => (0..random.u8(..4)).map(|_| *random.choice(&WORDS).unwrap()).collect(),
            8 => random.choice([json!(null), json!(7), json!({"a": "a"}), json!(["a", 7]), json!([["a"]])]).unwrap(),
            _ => continue,
        };
        claims.insert(name.into(), value);
    }
    claims
}

/// Words with a space between two, of which some are no scope tokens and some are none at all.
fn scope_text(random: &mut Rng) -> String {
    // The first half are such as a scope is made of.
    let words = if random.u8(..4) == 0 { &WORDS[..] } else { &WORDS[..5] };
    (0..random.u8(1..4)).map(|_| *random.choice(words).unwrap()).collect::<Vec<_>>().join(" ")
}
