use std::borrow::Cow;
use std::fmt;

use crate::redact::Excerpt;

/// The claims of a valid token do not parse as the requested type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct ClaimsError {
    /// The name of the type.
    pub wanted: &'static str,
    /// The member that does not fit or is missing, as a JSON pointer (RFC 6901) such as `/address/country`. Empty if it is the
    /// whole payload.
    pub pointer: Excerpt,
    /// Whether the member is missing.
    pub is_missing: bool,
    /// The position of the mismatch in its line, in bytes from 1. A payload usually has one line.
    pub column: usize,
}

impl ClaimsError {
    /// What `error` says of `payload`, which is well-formed JSON. The text of `error` is not kept: it may show a value.
    pub(super) fn new(wanted: &'static str, payload: &[u8], error: &serde_json::Error) -> Self {
        let lines = payload.split_inclusive(|byte| *byte == b'\n');
        let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
        let mut pointer = pointer_to(payload, before.saturating_add(error.column()));
        let text = error.to_string();
        let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        if let Some((name, _)) = missing {
            push(&mut pointer, name);
        }
        Self { wanted, pointer: pointer.into(), is_missing: missing.is_some(), column: error.column() }
    }

    /// What was found instead of such claims.
    pub(crate) fn found(&self) -> String {
        mismatch(&self.pointer, self.is_missing, self.column)
    }
}

impl fmt::Display for ClaimsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected claims of the type {}, found {}", self.wanted, self.found())
    }
}

/// What was found where JSON does not parse as a type.
pub(super) fn mismatch(pointer: &Excerpt, is_missing: bool, column: usize) -> String {
    match (&**pointer, is_missing) {
        ("", _) => format!("a mismatch at byte {column}"),
        (_, true) => format!("no {pointer:?}"),
        (_, false) => format!("a mismatch in {pointer:?}, at byte {column}"),
    }
}

/// What is open where the parser stopped.
enum Open<'j> {
    /// An object, and the name of its current member, once it was read.
    Object {
        name: Option<&'j [u8]>,
        expects_name: bool,
    },
    Array {
        index: usize,
    },
}

/// A JSON pointer to the value that a parser was at after it had read `offset` bytes of `json`.
fn pointer_to(json: &[u8], offset: usize) -> String {
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut at = 0;
    while at < offset.min(json.len()) {
        let start = at;
        at += 1;
        match (json[start], open.last_mut()) {
            (b'"', last) => {
                at = end_of_string(json, at);
                if let Some(Open::Object { name, expects_name: expects_name @ true }) = last {
                    *name = json.get(start..at);
                    *expects_name = false;
                }
            }
            (b'{', _) => open.push(Open::Object { name: None, expects_name: true }),
            (b'[', _) => open.push(Open::Array { index: 0 }),
            // What is missing in an object is noticed at its end.
            (b'}' | b']', _) if at < offset => drop(open.pop()),
            (b'}', Some(Open::Object { name, .. })) => *name = None,
            (b',', Some(Open::Object { expects_name, .. })) => *expects_name = true,
            (b',', Some(Open::Array { index })) => *index += 1,
            _ => {}
        }
    }
    let mut pointer = String::new();
    for part in open {
        match part {
            Open::Object { name: Some(name), .. } => {
                let name: Cow<'_, str> = serde_json::from_slice::<String>(name).map_or("?".into(), Cow::Owned);
                push(&mut pointer, &name);
            }
            Open::Object { name: None, .. } => {}
            Open::Array { index } => push(&mut pointer, &index.to_string()),
        }
    }
    pointer
}

/// The offset after the quotation mark that ends a string, whose first character is at `at`.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while let Some(byte) = json.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    json.len()
}

/// Adds a reference token (RFC 6901 §3).
fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it parses counts")]
    struct Closed {
        a: u8,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it parses counts")]
    struct Chart {
        name: String,
        #[serde(default)]
        rooms: Vec<Room>,
        #[serde(default)]
        by_id: HashMap<String, u8>,
        #[serde(rename = "https://example.com/x~y", default)]
        namespaced: Option<bool>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it parses counts")]
    struct Room {
        number: u32,
        open: Option<bool>,
    }

    fn error<T: DeserializeOwned + std::fmt::Debug>(payload: &str) -> (String, bool) {
        let error = serde_json::from_slice::<T>(payload.as_bytes()).unwrap_err();
        let error = ClaimsError::new("T", payload.as_bytes(), &error);
        (error.pointer.to_string(), error.is_missing)
    }

    #[test]
    fn the_member_that_does_not_fit_is_named() {
        for (payload, pointer) in [
            (r#"{"name":5}"#, "/name"),
            (r#"{"x":{"name":5},"name":[]}"#, "/name"),
            (r#"{"name":{"first":"Ada"}}"#, "/name"),
            (r#"{"name":null,"rooms":[]}"#, "/name"),
            (r#"{"name":"Ada","rooms":{}}"#, "/rooms"),
            (r#"{"name":"Ada","rooms":[{"number":1},{"number":-2}]}"#, "/rooms/1/number"),
            (r#"{"name":"A\"}{,","rooms":[{"number":1,"open":"yes"}]}"#, "/rooms/0/open"),
            (r#"{"name":"Ada","by_id":{"1":1,"2":256}}"#, "/by_id/2"),
            (r#"{"name":"Ada","https://example.com/x~y":1}"#, "/https:~1~1example.com~1x~0y"),
            ("{\n \"x\": 1,\n \"name\": 5\n}", "/name"),
            (r#"{"n\u0061me":5}"#, "/name"),
        ] {
            assert_eq!(error::<Chart>(payload), (pointer.to_owned(), false), "{payload}");
        }
        assert_eq!(error::<Closed>(r#"{"a":1,"zebra":2}"#), ("/zebra".to_owned(), false));
        assert_eq!(error::<Vec<u8>>(r#"{"a":1}"#), (String::new(), false));
    }

    #[test]
    fn a_member_that_is_missing_is_named() {
        for (payload, pointer) in [
            ("{}", "/name"),
            (r#"{"rooms":[{"number":1}]}"#, "/name"),
            (r#"{"name":"Ada","rooms":[{"number":1},{"open":true}]}"#, "/rooms/1/number"),
            (r#"{"name":"Ada","rooms":[{}]}"#, "/rooms/0/number"),
        ] {
            assert_eq!(error::<Chart>(payload), (pointer.to_owned(), true), "{payload}");
        }
    }

    /// The text of serde's error may show a value, which may be a person's.
    #[test]
    fn no_value_is_shown() {
        let payload = r#"{"name":"Ada","by_id":{"1":"secret"}}"#;
        let error = serde_json::from_str::<Chart>(payload).unwrap_err();
        assert!(error.to_string().contains("secret"));
        let shown = ClaimsError::new("Chart", payload.as_bytes(), &error);
        assert_eq!(
            shown.to_string(),
            r#"expected claims of the type Chart, found a mismatch in "/by_id/1", at byte 35"#
        );
        assert!(!format!("{shown:?}").contains("secret"));
        let missing = serde_json::from_str::<Chart>("{}").unwrap_err();
        let missing = ClaimsError::new("Chart", b"{}", &missing);
        assert_eq!(missing.to_string(), r#"expected claims of the type Chart, found no "/name""#);
    }

    #[test]
    fn no_position_is_out_of_bounds() {
        let json = br#"{"a":[{"b":"c\"d"},2],"e":{"f":null}}"#;
        for offset in 0..json.len() + 5 {
            pointer_to(json, offset);
            pointer_to(&json[..offset.min(json.len())], offset + 3);
        }
    }
}
