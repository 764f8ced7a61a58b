//! Requirements of claims: any pointer into any payload.
//!
//! - Nothing panics.
//! - A requirement is satisfied if and only if the claim that RFC 6901 points to is what it must be, by a second reading of
//!   the payload.

use std::sync::LazyLock;

use tower_bearer::jose::Algorithm;
use tower_bearer::require::ClaimValue;
use tower_bearer::{Require, ResourceServer};

use crate::json::Json;
use crate::world::{AUDIENCE, Ageless, ISSUER, KEYS, NOW, seconds_from_now, server};

static SERVER: LazyLock<ResourceServer> = LazyLock::new(|| server(Ageless(|| *NOW)));

/// A pointer, a value (a number, `true`, `false` or else a text) and the members of a payload, a line each.
pub fn run(input: &[u8]) {
    let mut lines = input.splitn(3, |byte| *byte == b'\n').map(std::str::from_utf8);
    let (Some(Ok(pointer)), Some(Ok(value)), Some(Ok(members))) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let Some(path) = path(pointer) else { return };
    let end = seconds_from_now(300);
    let payload = format!(r#"{{"iss":"{ISSUER}","sub":"user-1","aud":"{AUDIENCE}","exp":{end},{members}}}"#);
    let token = KEYS.token_by(Algorithm::Ed25519).raw_payload(payload.clone()).sign();
    let Ok(token) = SERVER.try_verify(&token) else { return };
    let claims = Json::read(payload.as_bytes()).expect("it was accepted");
    let claim = find(&claims, &path);

    let wanted = Wanted::from(value);
    let holds = |require: Require| require.check(&token, *NOW).is_ok();
    let is = |claim: &Json| wanted.is(claim);
    let shown = || format!("{pointer:?} {value:?} in {payload}");
    let equals = claim.is_some_and(is);
    assert_eq!(holds(Require::token().and_claim_equals(pointer, wanted.claim_value())), equals, "equals {}", shown());
    let contains = match claim {
        Some(Json::Array(elements)) => elements.iter().any(is),
        other => other.is_some_and(is),
    };
    assert_eq!(
        holds(Require::token().and_claim_contains(pointer, wanted.claim_value())),
        contains,
        "contains {}",
        shown()
    );
    for delimiter in [',', ' ', '|'] {
        // An invalid word is a mistake in the program.
        let Ok(lists) = Require::try_claim_word(pointer, delimiter, value) else { continue };
        let listed = match claim {
            Some(Json::Text(text)) => text.split(delimiter).any(|word| word.trim_matches(' ') == value),
            Some(Json::Array(elements)) => elements.iter().any(|element| element.text() == Some(value)),
            _ => false,
        };
        assert_eq!(holds(lists), listed, "lists with {delimiter:?} {}", shown());
    }
    let member = claim.and_then(|claim| claim.member(value));
    let has = member.is_some_and(|member| !matches!(member, Json::Null | Json::Bool(false)));
    assert_eq!(holds(Require::token().and_claim_has_member(pointer, value)), has, "has {}", shown());
}

enum Wanted {
    Text(String),
    Number(i64),
    Bool(bool),
}

impl Wanted {
    fn from(text: &str) -> Self {
        match (text.parse(), text.parse()) {
            (Ok(number), _) => Self::Number(number),
            (_, Ok(truth)) => Self::Bool(truth),
            _ => Self::Text(text.to_owned()),
        }
    }

    fn claim_value(&self) -> ClaimValue {
        match self {
            Self::Text(text) => text.clone().into(),
            Self::Number(number) => (*number).into(),
            Self::Bool(truth) => (*truth).into(),
        }
    }

    fn is(&self, claim: &Json) -> bool {
        match (self, claim) {
            (Self::Text(wanted), Json::Text(text)) => wanted == text,
            // A whole number is one that is written in its own digits: `-0` is not.
            (Self::Number(wanted), Json::Number(text)) => text != "-0" && text.parse() == Ok(*wanted),
            (Self::Bool(wanted), Json::Bool(truth)) => wanted == truth,
            _ => false,
        }
    }
}

/// RFC 6901 §3, §4. What is no pointer to a claim is a mistake of the program's, which panics.
fn path(pointer: &str) -> Option<Vec<String>> {
    let tokens = pointer.strip_prefix('/')?.split('/');
    let is_escaped = |token: &str| token.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    tokens.map(|token| is_escaped(token).then(|| token.replace("~1", "/").replace("~0", "~"))).collect()
}

fn find<'j>(claims: &'j Json, path: &[String]) -> Option<&'j Json> {
    path.iter().try_fold(claims, |found, token| match found {
        Json::Array(elements) => {
            let is_index = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
            elements.get(token.parse::<usize>().ok().filter(|_| is_index)?)
        }
        other => other.member(token),
    })
}
