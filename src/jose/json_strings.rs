use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::strict_json::{Member, Object, Skip, Walk};

/// A value that may be a string or an array of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Strings<'de> {
    One(Cow<'de, str>),
    Many(Vec<Cow<'de, str>>),
    /// Neither, or an array that holds something else.
    Other,
}

impl<'de> Strings<'de> {
    /// All strings, unless it is something else.
    pub(crate) fn as_slice(&self) -> Option<&[Cow<'de, str>]> {
        match self {
            Self::One(text) => Some(std::slice::from_ref(text)),
            Self::Many(texts) => Some(texts),
            Self::Other => None,
        }
    }

    /// The string, if it is a single one.
    pub(crate) fn into_one(self) -> Option<Cow<'de, str>> {
        match self {
            Self::One(text) => Some(text),
            Self::Many(_) | Self::Other => None,
        }
    }
}

impl<'de, A: MapAccess<'de>> Member<'_, 'de, A> {
    /// The value as one string or several. A value of another type is still checked.
    pub(crate) fn strings(self) -> Result<Strings<'de>, A::Error> {
        self.map.next_value_seed(ReadStrings { walk: self.walk, depth: self.depth })
    }
}

struct ReadStrings<'m, 'de> {
    walk: &'m mut Walk<'de>,
    depth: u8,
}

impl<'de> DeserializeSeed<'de> for ReadStrings<'_, 'de> {
    type Value = Strings<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Strings<'de>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadStrings<'_, 'de> {
    type Value = Strings<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Strings<'de>, E> {
        Ok(Strings::One(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Strings<'de>, E> {
        Ok(Strings::One(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Strings<'de>, A::Error> {
        let depth = self.walk.deeper(self.depth)?;
        let mut strings = Some(Vec::new());
        while let Some(element) = seq.next_element_seed(ReadStrings { walk: self.walk, depth })? {
            match (element, &mut strings) {
                (Strings::One(text), Some(strings)) => strings.push(text),
                _ => strings = None,
            }
        }
        Ok(strings.map_or(Strings::Other, Strings::Many))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Strings<'de>, A::Error> {
        Object { members: &mut Skip, walk: self.walk, depth: self.depth }.visit_map(map).map(|()| Strings::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Strings<'de>, E> {
        Ok(Strings::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Strings<'de>, E> {
        Ok(Strings::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Strings<'de>, E> {
        Ok(Strings::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Strings<'de>, E> {
        Ok(Strings::Other)
    }

    fn visit_unit<E>(self) -> Result<Strings<'de>, E> {
        Ok(Strings::Other)
    }
}
