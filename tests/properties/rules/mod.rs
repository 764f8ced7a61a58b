//! The rules, each with the ways to break it and the error that reports it.

use fastrand::Rng;
use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::{Profile, TokenError};

use super::good_token::{GoodToken, LEEWAY, ago, maybe, value, word};

/// One rule.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// By which rules the token is still good when it is broken: RFC 9068 asks for more.
    pub(super) only_in: Option<Profile>,
    /// Signs the token anew with one thing changed that breaks the rule.
    pub(super) break_it: fn(GoodToken, &Setting, &mut Rng) -> String,
    /// Whether the error is the rule's.
    pub(super) is_its: fn(&TokenError) -> bool,
}

/// Where the token comes from.
pub(super) struct Setting<'i> {
    pub(super) algorithm: Algorithm,
    pub(super) issuer: &'i TestIssuer,
    /// Has keys of the same names.
    pub(super) stranger: &'i TestIssuer,
    pub(super) now: u64,
}

macro_rules! rule {
    ($name:literal, $break_it:expr, $error:pat $(if $guard:expr)?) => {
        Rule { name: $name, only_in: None, break_it: $break_it, is_its: |error| matches!(error, $error $(if $guard)?) }
    };
}

/// A rule for one claim that is changed.
macro_rules! claim_rule {
    ($name:literal, $claim:literal, $value:expr, $error:pat $(if $guard:expr)?) => {
        rule!(
            $name,
            |mut token, setting, random| {
                let value: fn(&Setting, &mut Rng) -> Value = $value;
                token.claims.insert($claim.into(), value(setting, random));
                token.sign(random)
            },
            $error $(if $guard)?
        )
    };
}

/// A rule for one header parameter that is changed.
macro_rules! header_rule {
    ($name:literal, $parameter:literal, $value:expr, $error:pat $(if $guard:expr)?) => {
        rule!(
            $name,
            |mut token, setting, random| {
                let value: fn(&Setting, &mut Rng) -> Value = $value;
                token.header.insert($parameter.into(), value(setting, random));
                token.sign(random)
            },
            $error $(if $guard)?
        )
    };
}

/// A rule for a claim that must be there.
macro_rules! required {
    ($name:literal, $claim:literal) => {
        rule!(
            $name,
            |mut token, _, random| {
                token.claims.remove($claim);
                token.sign(random)
            },
            TokenError::Missing { claim: $claim }
        )
    };
}

mod claims;
mod jose;

impl Rule {
    fn of_rfc9068(self) -> Self {
        Self { only_in: Some(Profile::Rfc9068), ..self }
    }

    pub(super) fn all() -> Vec<Self> {
        let of_the_jose_object = [jose::signatures(), jose::header(), jose::json()];
        let of_the_claims = [
            claims::required_claims(),
            claims::values(),
            claims::times(),
            claims::kinds(),
            claims::grants(),
            claims::of_rfc9068(),
        ];
        of_the_jose_object.into_iter().chain(of_the_claims).flatten().collect()
    }
}

/// Any value but those.
fn not(kind: fn(&Value) -> bool, random: &mut Rng) -> Value {
    std::iter::repeat_with(|| value(random, 2)).find(|value| !kind(value)).unwrap()
}

/// Neither a string nor an array of strings, although `text` may be in it.
fn neither_string_nor_strings(text: &str, random: &mut Rng) -> Value {
    let other = not(|value| value.is_string() || value.is_array(), random);
    match random.u8(..4) {
        0 => json!([text, other]),
        1 => json!([[text]]),
        2 => json!({ text: text }),
        _ => other,
    }
}

/// Something that is not `text`, and mostly much like it.
fn near_miss(text: &str, random: &mut Rng) -> String {
    match random.u8(..10) {
        0 => format!("{text}/"),
        1 => format!("{text} "),
        2 => format!(" {text}"),
        3 => format!("{text} {}", word(random)),
        4 => format!("{text}\u{0}"),
        5 => text[..random.usize(..text.len())].to_owned(),
        6 => text[random.usize(1..text.len())..].to_owned(),
        7 => text.to_uppercase(),
        8 => text.replacen("://", ":///", 1),
        _ => word(random),
    }
}

fn to_come(setting: &Setting, random: &mut Rng) -> Value {
    let date = setting.now + LEEWAY + 1 + ago(random);
    if random.bool() { half_before(date) } else { date.into() }
}

fn half_before(date: u64) -> Value {
    serde_json::from_str(&format!("{}.5", date - 1)).unwrap()
}

/// Arrays and objects within one another, to more than the 32 levels that there may be.
fn nested(random: &mut Rng) -> Value {
    (0..random.u8(32..60)).fold(json!(1), |inner, _| if random.bool() { json!([inner]) } else { json!({ "a": inner }) })
}

/// No JSON object any more.
fn spoilt(json: &str, random: &mut Rng) -> Vec<u8> {
    let mut bytes = json.as_bytes().to_vec();
    match random.u8(..8) {
        0 => bytes.truncate(random.usize(..bytes.len())),
        1 => bytes.extend(b"{}"),
        2 => bytes.extend(b"x"),
        3 => bytes = [b"\xef\xbb\xbf", &bytes[..]].concat(),
        4 => bytes = [b"[", &bytes[..], b"]"].concat(),
        5 => bytes = serde_json::to_vec(json).unwrap(),
        6 => bytes.insert(bytes.len() - 1, b','),
        // No character of UTF-8.
        _ => {
            let within = json.find('"').unwrap() + 1;
            bytes.insert(within, *random.choice(b"\xc0\xf5\xff\x80").unwrap());
        }
    }
    maybe(random, |_| bytes.push(b' '));
    bytes
}
