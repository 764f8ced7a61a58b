use std::borrow::Cow;

use serde::Deserialize;
use serde::de::MapAccess;
use serde_json::value::RawValue;

use crate::jose::{Member, Members, read_object};

/// The value of one claim as JSON, for rules of a preset about a claim that no other rule reads.
#[derive(Clone, Copy)]
pub(crate) struct ClaimJson<'p>(&'p str);

impl<'p> ClaimJson<'p> {
    /// The claim `name` of a payload that was read strictly before. `None` if it is absent or null.
    pub(crate) fn find(payload: &'p [u8], name: &str) -> Option<Self> {
        let mut reader = Reader { name, value: None };
        read_object(payload, &mut reader).ok()?;
        reader.value.map(RawValue::get).filter(|json| *json != "null").map(Self)
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
