//! Texts with places to fill in, `<<so>>`: the one way in which the corpus writes what JSON cannot hold or no file can know.

use serde_json::{Map, Value};

/// Fills in what `look_up` knows and what every text may hold:
///
/// - `<<hex:c0af>>` is bytes, and
/// - `<<repeat:40000:ab>>` is a text so many times.
pub(super) fn fill(text: &str, look_up: &dyn Fn(&str) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("<<") {
        bytes.extend_from_slice(before.as_bytes());
        let (place, after) = from.split_once(">>").unwrap_or_else(|| panic!("{text}: no end"));
        let known = look_up(place).or_else(|| written_out(place));
        bytes.extend(known.unwrap_or_else(|| panic!("{text}: nothing is known of {place}")));
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// The same for what remains text.
pub(super) fn fill_text(text: &str, look_up: &dyn Fn(&str) -> Option<Vec<u8>>) -> String {
    String::from_utf8(fill(text, look_up)).unwrap()
}

fn written_out(place: &str) -> Option<Vec<u8>> {
    let (kind, argument) = place.split_once(':')?;
    match kind {
        "hex" => Some(bytes(argument)),
        "repeat" => {
            let (times, text) = argument.split_once(':')?;
            Some(text.repeat(times.parse().ok()?).into_bytes())
        }
        _ => None,
    }
}

/// What hexadecimal digits stand for.
pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Puts values in the places of their names throughout a JSON value: a string that is a place and nothing else becomes the
/// value, whatever it is; within a string it becomes text. `<<name.member>>` is a member of an object.
pub(super) fn put(json: &Value, values: &[(String, Value)]) -> Value {
    match json {
        Value::String(text) => put_into_text(text, values),
        Value::Array(elements) => elements.iter().map(|element| put(element, values)).collect(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| (as_text(&put_into_text(name, values)), put(value, values));
            members.iter().map(member).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn put_into_text(text: &str, values: &[(String, Value)]) -> Value {
    let mut text = text.to_owned();
    for (name, value) in values {
        let members = value.as_object().into_iter().flatten();
        let members = members.map(|(member, value)| (format!("<<{name}.{member}>>"), value));
        for (place, value) in members.chain([(format!("<<{name}>>"), value)]) {
            if text == place {
                return value.clone();
            }
            text = text.replace(&place, &as_text(value));
        }
    }
    text.into()
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
