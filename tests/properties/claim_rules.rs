//! Requirements about claims mean what a second, naive reading of the payload makes of them.

use std::fmt::Write as _;
use std::time::SystemTime;

use fastrand::Rng;
use serde_json::Value;
use tower_bearer::{AccessToken, Require, ResourceServer};

use super::{seed, times};
use crate::harness::{builder_with_keys, decoded, good, small_issuer, with_raw_member};

/// How many tokens are tried, and by how many requirements each.
const TOKENS: usize = 1_000;
const REQUIREMENTS: usize = 8;

const NAMES: [&str; 10] = ["a", "b", "0", "1", "01", "a/b", "~1", "", "\u{e9}", "x\"y"];
const TEXTS: [&str; 10] = ["a", "x", "1", "", "\u{e9}\n", "a,x", "x , 1,", "xa,1 a", "a x", " a  1 "];
const WORDS: [&str; 4] = ["a", "x", "1", "\u{e9}\n"];
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "2",
    "-1",
    "-0",
    "1.0",
    "1e0",
    "0.0",
    "10e-1",
    "-9223372036854775808",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "1e30",
];

#[test]
fn claim_requirements_agree_with_a_naive_evaluation() {
    let issuer = small_issuer();
    let api = builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap();
    let random = &mut Rng::with_seed(seed());
    let mut satisfied = 0;
    for _ in 0..times(TOKENS) {
        let (mut text, token) = (String::new(), good(&issuer));
        write_value(&mut text, 4, random);
        let member = format!(r#""x":{text}"#);
        let token = with_raw_member(&token, &member);
        let payload: Value = serde_json::from_str(&decoded(&token)[1]).unwrap();
        let token = verify(&api, &token.sign());
        for _ in 0..REQUIREMENTS {
            let (requirement, model) = requirement(3, random);
            let holds = requirement.check(&token, SystemTime::now()).is_ok();
            assert_eq!(holds, model.holds(&payload), "{requirement:?}: {payload}, written as {text}");
            satisfied += usize::from(holds);
        }
    }
    let tried = times(TOKENS) * REQUIREMENTS;
    assert!(satisfied > tried / 20 && satisfied < tried / 2, "{satisfied} of {tried}");
}

fn verify(api: &ResourceServer, token: &str) -> AccessToken {
    api.try_verify(token).unwrap()
}

/// A requirement as it is read here.
enum Model {
    Equals(String, Value),
    Contains(String, Value),
    HasMember(String, &'static str),
    HasWord(String, char, &'static str),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl Model {
    fn holds(&self, payload: &Value) -> bool {
        match self {
            Self::Equals(pointer, value) => payload.pointer(pointer).is_some_and(|found| is(found, value)),
            Self::Contains(pointer, value) => match payload.pointer(pointer) {
                Some(Value::Array(elements)) => elements.iter().any(|found| is(found, value)),
                found => found.is_some_and(|found| is(found, value)),
            },
            Self::HasMember(pointer, name) => {
                let found = payload.pointer(pointer).and_then(Value::as_object).and_then(|object| object.get(*name));
                found.is_some_and(|found| !found.is_null() && found != &Value::Bool(false))
            }
            Self::HasWord(pointer, delimiter, word) => match payload.pointer(pointer) {
                Some(Value::String(text)) => lists(text, *delimiter, word),
                Some(Value::Array(elements)) => elements.iter().any(|found| found == word),
                _ => false,
            },
            Self::All(models) => models.iter().all(|model| model.holds(payload)),
            Self::Any(models) => models.iter().any(|model| model.holds(payload)),
        }
    }
}

/// Whether it is this very text, truth value or whole number, which has neither a fraction nor an exponent.
fn is(found: &Value, value: &Value) -> bool {
    match value {
        Value::Number(number) => found.as_i64() == number.as_i64() && found.is_i64(),
        value => found == value,
    }
}

/// Whether the word stands in the text between delimiters or ends, with any number of spaces around it.
fn lists(text: &str, delimiter: char, word: &str) -> bool {
    let is_space = |character: &char| *character == ' ' && delimiter != ' ';
    let is_edge = |neighbour: Option<char>| neighbour.is_none_or(|neighbour| neighbour == delimiter);
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().rev().find(|character| !is_space(character));
        let after = text[at + word.len()..].chars().find(|character| !is_space(character));
        is_edge(before) && is_edge(after)
    })
}

/// At the bottom one to twenty rules, of which some are about the same claim.
fn requirement(depth: u8, random: &mut Rng) -> (Require, Model) {
    if depth == 0 || random.u8(..3) == 0 {
        return leaf(random);
    }
    let parts = random.choice([1, 2, 3, 20]).unwrap();
    let (mut requirements, mut models) = (Vec::new(), Vec::new());
    for _ in 0..parts {
        let (requirement, model) = requirement(depth - 1, random);
        requirements.push(requirement);
        models.push(model);
    }
    let twice = random.choice(&requirements).unwrap().clone();
    requirements.push(twice.clone().or(twice.clone()).and(twice.clone()));
    // What stands there once more changes nothing where it is one of all, nor where it is one of any.
    let requirements = requirements.into_iter();
    if random.bool() {
        (requirements.reduce(Require::and).unwrap(), Model::All(models))
    } else {
        (requirements.reduce(Require::or).unwrap(), Model::Any(models))
    }
}

fn leaf(random: &mut Rng) -> (Require, Model) {
    let pointer = pointer(random);
    let text = *random.choice(&TEXTS).unwrap();
    let number = *random.choice(&[0, 1, 2, -1, i64::MIN, i64::MAX]).unwrap();
    let truth = random.bool();
    let any = Require::token;
    match random.u8(..8) {
        0 => (any().and_claim_equals(&pointer, text), Model::Equals(pointer, text.into())),
        1 => (any().and_claim_equals(&pointer, number), Model::Equals(pointer, number.into())),
        2 => (any().and_claim_equals(&pointer, truth), Model::Equals(pointer, truth.into())),
        3 => (any().and_claim_contains(&pointer, text), Model::Contains(pointer, text.into())),
        4 => (any().and_claim_contains(&pointer, number), Model::Contains(pointer, number.into())),
        5 => (any().and_claim_contains(&pointer, truth), Model::Contains(pointer, truth.into())),
        6 => {
            let (word, delimiter) = (*random.choice(&WORDS).unwrap(), *random.choice(&[',', ' ']).unwrap());
            (any().and_claim_word(&pointer, delimiter, word), Model::HasWord(pointer, delimiter, word))
        }
        _ => {
            let name = *random.choice(&NAMES).unwrap();
            (any().and_claim_has_member(&pointer, name), Model::HasMember(pointer, name))
        }
    }
}

fn pointer(random: &mut Rng) -> String {
    let mut pointer = "/x".to_owned();
    for _ in 0..random.u8(..4) {
        let token = random.choice(&NAMES).unwrap().replace('~', "~0").replace('/', "~1");
        write!(pointer, "/{token}").unwrap();
    }
    pointer
}

/// Any value, its structures mostly of few members so that pointers lead somewhere.
fn write_value(text: &mut String, depth: u8, random: &mut Rng) {
    let kinds = if depth == 0 { 4 } else { 12 };
    match random.u8(..kinds) {
        0 => text.push_str(random.choice(&NUMBERS).unwrap()),
        1 => text.push_str(random.choice(&["true", "false", "null"]).unwrap()),
        2 | 3 => write_text(text, random.choice(&TEXTS).unwrap(), random),
        4..8 => {
            text.push('[');
            for at in 0..random.u8(..4) {
                text.push_str(if at == 0 { " " } else { "," });
                write_value(text, depth - 1, random);
            }
            text.push(']');
        }
        _ => {
            text.push('{');
            let mut names = NAMES;
            random.shuffle(&mut names);
            for (at, name) in names.iter().take(random.usize(..NAMES.len())).enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                write_text(text, name, random);
                text.push(':');
                write_value(text, depth - 1, random);
            }
            text.push('}');
        }
    }
}

/// With escapes where none are needed, now and then.
fn write_text(text: &mut String, value: &str, random: &mut Rng) {
    if random.bool() {
        return text.push_str(&Value::from(value).to_string());
    }
    text.push('"');
    value.encode_utf16().for_each(|unit| write!(text, "\\u{unit:04x}").unwrap());
    text.push('"');
}
