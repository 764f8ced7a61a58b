//! The data: what a case says, and the many cases that one with an axis stands for.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::expectation::Kind;
use super::mint::Recipe;
use super::setup::{Action, Spec};
use super::template::put;
use crate::harness::sets::SETS;

/// One case, or one of those that it stands for.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) rows: Vec<String>,
    pub(super) what: String,
    pub(super) place: Place,
    pub(super) steps: Vec<Step>,
}

/// Where a case is tried.
#[derive(Clone)]
pub(super) enum Place {
    /// Against the setup of this name, beside other cases.
    Shared(String),
    /// Against a setup of its own.
    Own(Spec),
    /// Against one whose issuer publishes this key too, made from the stranger's key for an algorithm.
    Key(KeyRecipe),
    /// The program does not even start with these flags.
    Start(Vec<String>),
}

/// How a JWK is changed: that of the stranger, to be published, or that in a proof.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct KeyRecipe {
    /// The algorithm that tells which of the stranger's keys; the token is signed with it. Not for a proof.
    pub(super) of: String,
    pub(super) set: Map<String, Value>,
    pub(super) without: Vec<String>,
    /// Members that get so many bytes less (or a zero byte more in front, if it is negative).
    pub(super) shorten: BTreeMap<String, i32>,
    /// Members of which a bit is flipped.
    pub(super) flip: BTreeMap<String, usize>,
    /// The entry is not the JWK but this; `<<jwk>>` is the JWK.
    pub(super) instead: Option<Value>,
}

/// One request, or so many at once, and what comes back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// What the issuer does from now on.
    #[serde(default)]
    pub(super) before: Vec<Action>,
    /// The issuer revokes the token of the step before.
    #[serde(default)]
    pub(super) revoked: bool,
    #[serde(default)]
    pub(super) token: Recipe,
    /// The DPoP proof that comes with the token, which is then bound to the client's key and of the scheme `DPoP`.
    pub(super) proof: Option<Recipe>,
    /// What is that of the step before.
    pub(super) again: Option<Again>,
    #[serde(default)]
    pub(super) request: Request,
    pub(super) expect: Expect,
    /// Parameters that the challenge has.
    #[serde(default)]
    pub(super) challenge: BTreeMap<String, String>,
    /// What the body holds.
    pub(super) body: Option<String>,
    #[serde(default = "once")]
    pub(super) times: usize,
    /// How often the issuer was asked since the beginning, afterwards.
    #[serde(default)]
    pub(super) fetches: BTreeMap<String, Count>,
}

/// What a step sends once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Again {
    /// The token, with another proof.
    Token,
    /// The proof, with another token.
    Proof,
    /// The token and the proof.
    Both,
}

const fn once() -> usize {
    1
}

/// A request; by default the usual one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Request {
    pub(super) method: Option<String>,
    pub(super) target: Option<String>,
    pub(super) version: Option<String>,
    pub(super) host: Option<String>,
    /// The values of the `Authorization` lines.
    pub(super) authorization: Option<Vec<String>>,
    /// The values of the `DPoP` lines.
    pub(super) dpop: Option<Vec<String>>,
    /// Whole lines that come before these …
    pub(super) lines_before: Vec<String>,
    /// … and after.
    pub(super) lines: Vec<String>,
    pub(super) body: Option<String>,
    /// The whole request instead of all that.
    pub(super) raw: Option<String>,
}

/// The expected answer: one or several on one connection, for both profiles or for each.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Expect {
    One(String),
    Several(Vec<String>),
    ByProfile(BTreeMap<String, String>),
}

impl Expect {
    pub(super) fn answers(&self, profile: &str) -> Vec<Vec<Kind>> {
        match self {
            Self::One(one) => vec![Kind::parse_alternatives(one)],
            Self::Several(several) => several.iter().map(|one| Kind::parse_alternatives(one)).collect(),
            Self::ByProfile(each) => vec![Kind::parse_alternatives(&each[profile])],
        }
    }
}

/// How many, exactly or from and to.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Count {
    Exactly(usize),
    Between(usize, usize),
}

impl Count {
    pub(super) fn allows(self, found: usize) -> bool {
        match self {
            Self::Exactly(count) => found == count,
            Self::Between(least, most) => (least..=most).contains(&found),
        }
    }
}

/// Every case of every section.
pub(super) fn load() -> Vec<Case> {
    const SECTIONS: [char; 13] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'l', 'm', 'n'];
    let section = |name: char| read_file::<Vec<Map<String, Value>>>(&name.to_string());
    SECTIONS.into_iter().flat_map(section).flat_map(expand).collect()
}

/// A file of this folder, read when the tests run, so that a change in the data asks for no compiler.
pub(super) fn read_file<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/tests/corpus/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn expand(mut case: Map<String, Value>) -> Vec<Case> {
    let axes = case.remove("each").unwrap_or_else(|| Map::new().into());
    let table = case.remove("with").unwrap_or_else(|| vec![Map::new()].into());
    let case = Value::from(case);
    let mut cases = Vec::new();
    for row in table.as_array().unwrap() {
        let row: Vec<_> = row.as_object().unwrap().clone().into_iter().collect();
        for place in SETS.product(axes.as_object().unwrap()) {
            let values = [&*row, &place].concat();
            // Twice, because a value may hold a place itself.
            let Value::Object(mut case) = put(&put(&case, &values), &values) else { unreachable!() };
            if case.remove("unless_equal").is_some_and(|pair| pair[0] == pair[1]) {
                continue;
            }
            if !values.is_empty() {
                let told: Vec<_> = values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                case["what"] = format!("{}: {}", case["what"].as_str().unwrap(), told.join(", ")).into();
            }
            cases.extend(read(case));
        }
    }
    cases
}

fn read(mut case: Map<String, Value>) -> Vec<Case> {
    let mut take = |name: &str| case.remove(name);
    let rows: Vec<String> = words(take("rows").expect("a row"));
    let what: String = serde_json::from_value(take("what").unwrap()).unwrap();
    let on = take("on").map_or_else(|| vec!["generic".to_owned(), "rfc9068".to_owned()], words);
    let from = |value: Value, what: &str| format!("{what}: {value}");
    let places = if let Some(setup) = take("setup") {
        vec![Place::Own(
            serde_json::from_value(setup.clone()).unwrap_or_else(|error| panic!("{error}: {}", from(setup, &what))),
        )]
    } else if let Some(key) = take("key") {
        vec![Place::Key(
            serde_json::from_value(key.clone()).unwrap_or_else(|error| panic!("{error}: {}", from(key, &what))),
        )]
    } else if let Some(flags) = take("start") {
        vec![Place::Start(serde_json::from_value(flags).unwrap())]
    } else {
        on.into_iter().map(Place::Shared).collect()
    };
    let then = take("then").unwrap_or_else(|| Vec::<Value>::new().into());
    let mut steps = vec![Value::from(case)];
    steps.extend(then.as_array().unwrap().iter().cloned());
    if matches!(places[..], [Place::Start(_)]) {
        steps.clear();
    }
    let step = |step: Value| serde_json::from_value(step).unwrap_or_else(|error| panic!("{what}: {error}"));
    let steps: Vec<Step> = steps.into_iter().map(step).collect();
    let case = |place| Case { rows: rows.clone(), what: what.clone(), place, steps: steps.clone() };
    places.into_iter().map(case).collect()
}

/// One word or an array of them.
fn words(value: Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split(", ").map(str::to_owned).collect(),
        other => serde_json::from_value(other).unwrap(),
    }
}
