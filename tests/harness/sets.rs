//! Sets of values by name, from `tests/data/sets.json`: the promises, the corpus and the fuzz targets try the same spellings.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// The sets of the file, which is read when the tests run: a change of the data needs no compilation.
pub(crate) static SETS: LazyLock<Sets> = LazyLock::new(Sets::load);

pub(crate) struct Sets(BTreeMap<String, Value>);

impl Sets {
    fn load() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sets.json");
        let text = fs::read_to_string(path).unwrap();
        Self(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    /// Every combination of a value of each axis.
    pub(crate) fn product(&self, axes: &Map<String, Value>) -> Vec<Vec<(String, Value)>> {
        let mut combinations = vec![Vec::new()];
        for (name, axis) in axes {
            let values = self.values(axis);
            let longer = |combination: &Vec<_>| {
                let with = |value: &Value| [&**combination, &[(name.clone(), value.clone())]].concat();
                values.iter().map(with).collect::<Vec<_>>()
            };
            combinations = combinations.iter().flat_map(longer).collect();
        }
        combinations
    }

    /// An array is what it is, a text names sets with ` + ` between them, and an object says how to count.
    fn values(&self, axis: &Value) -> Vec<Value> {
        match axis {
            Value::Array(values) => values.clone(),
            Value::String(names) => names.split(" + ").flat_map(|name| self.values(self.named(name))).collect(),
            axis => {
                if let Some(ranges) = axis.get("octets") {
                    let bound = |text: &str| u8::from_str_radix(text, 16).unwrap();
                    let range = |text: &str| {
                        let (first, last) = text.split_once('-').unwrap_or((text, text));
                        bound(first)..=bound(last)
                    };
                    let ranges = ranges.as_array().unwrap().iter().flat_map(|text| range(text.as_str().unwrap()));
                    return ranges.map(|byte| format!("{byte:02x}").into()).collect();
                }
                if let Some(names) = axis.get("of").and_then(Value::as_array) {
                    return names.iter().flat_map(|name| self.values(name)).collect();
                }
                if let Some([first, last]) = axis.get("numbers").and_then(Value::as_array).map(Vec::as_slice) {
                    return (first.as_i64().unwrap()..=last.as_i64().unwrap()).map(Value::from).collect();
                }
                casings(axis["casings"].as_str().unwrap())
            }
        }
    }

    fn named(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or_else(|| panic!("no set {name:?}"))
    }
}

/// The values of these sets, with ` + ` between their names.
pub(crate) fn values(names: &str) -> Vec<Value> {
    SETS.values(&names.into())
}

/// The same, where all of them are texts.
pub(crate) fn texts(names: &str) -> Vec<String> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => panic!("{names}: {other} is no text"),
    };
    values(names).into_iter().map(text).collect()
}

/// A word with each of its letters in both cases.
fn casings(word: &str) -> Vec<Value> {
    let spelling = |upper: u32| -> String {
        let letter = |(place, letter): (usize, char)| {
            if upper >> place & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        };
        word.chars().enumerate().map(letter).collect()
    };
    (0..1 << word.len()).map(|upper| spelling(upper).into()).collect()
}
