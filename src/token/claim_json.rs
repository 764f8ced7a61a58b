use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{DeserializeOwned, MapAccess};
use serde_json::value::RawValue;

use super::json_pointer::is_index;
use crate::jose::{Member, Members, read_object};

/// The value of one claim as JSON, for what no rule about every token reads.
#[derive(Clone, Copy)]
pub(crate) struct ClaimJson<'p>(&'p str);

impl<'p> ClaimJson<'p> {
    /// The claim `name` of a payload that was read strictly before. `None` if it is absent or null.
    pub(crate) fn find(payload: &'p [u8], name: &str) -> Option<Self> {
        member(payload, name).map(Self).filter(|json| !json.is_null())
    }

    /// The value to which the reference tokens of a JSON pointer lead, in a payload that was read strictly before. `None` if it is absent
    /// or null.
    pub(super) fn at<S: AsRef<str>>(payload: &'p [u8], tokens: &[S]) -> Option<Self> {
        let (first, rest) = tokens.split_first()?;
        member(payload, first.as_ref()).and_then(|json| Self(json).part(rest)).filter(|json| !json.is_null())
    }

    /// The value within this one to which the reference tokens lead, which may be null.
    pub(super) fn part<S: AsRef<str>>(self, tokens: &[S]) -> Option<Self> {
        tokens.iter().try_fold(self, |value, token| value.child(token.as_ref()))
    }

    /// The member of an object, or the element of an array.
    fn child(self, token: &str) -> Option<Self> {
        if self.0.starts_with('{') {
            return member(self.bytes(), token).map(Self);
        }
        self.elements().into_iter().enumerate().find(|(index, _)| is_index(token, *index)).map(|(_, element)| element)
    }

    /// The elements of an array; none of anything else.
    pub(super) fn elements(self) -> Vec<Self> {
        let elements: Vec<&RawValue> = serde_json::from_str(self.0).unwrap_or_default();
        elements.into_iter().map(|element| Self(element.get())).collect()
    }

    /// The value as a `T`.
    pub(super) fn read<T: DeserializeOwned>(self) -> serde_json::Result<T> {
        serde_json::from_str(self.0)
    }

    /// The JSON text.
    pub(super) fn bytes(self) -> &'p [u8] {
        self.0.as_bytes()
    }

    /// What kind of value it is, in words.
    pub(super) fn kind(self) -> &'static str {
        match self.0.as_bytes().first() {
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        }
    }

    fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The value, if it is a string.
    pub(crate) fn text(self) -> Option<Cow<'p, str>> {
        #[derive(Deserialize)]
        struct Text<'t>(#[serde(borrow)] Cow<'t, str>);
        serde_json::from_str::<Text<'p>>(self.0).ok().map(|text| text.0)
    }

    /// Whether the value is the empty string.
    pub(crate) fn is_empty_text(self) -> bool {
        self.0 == "\"\""
    }
}

/// The JSON text of the member `name` of an object.
fn member<'p>(object: &'p [u8], name: &str) -> Option<&'p str> {
    let mut reader = Reader { name, value: None };
    read_object(object, &mut reader).ok()?;
    reader.value.map(RawValue::get)
}

struct Reader<'n, 'p> {
    name: &'n str,
    value: Option<&'p RawValue>,
}

impl<'p> Members<'p> for Reader<'_, 'p> {
    fn member<A: MapAccess<'p>>(&mut self, name: &str, member: Member<'_, 'p, A>) -> Result<(), A::Error> {
        if name != self.name {
            return member.skip();
        }
        // Names in it were checked when the payload was read.
        self.value = Some(member.read()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_found_whatever_its_type() {
        let payload = br#"{"a":{"x":"y"},"x":"te\u0078t","n":null,"e":"","\u0062":1}"#;
        let find = |name| ClaimJson::find(payload, name);
        let text = |name| find(name).and_then(ClaimJson::text);
        assert_eq!(text("x").as_deref(), Some("text"));
        assert!(text("a").is_none() && find("a").is_some() && find("b").is_some());
        assert!(find("n").is_none() && find("y").is_none());
        assert!(find("e").is_some_and(ClaimJson::is_empty_text) && !find("x").is_some_and(ClaimJson::is_empty_text));
    }
}
