use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

#[cfg(feature = "mcp")]
use super::json_error::JsonError;
use super::strict_json::{Member, Members, Object, Skip, Walk};

/// Reads `bytes` as one object, or as an array of objects, and gives the members of each object to `each`. A value in the array that is
/// no object has no members.
///
/// Objects and arrays may nest as deep as `serde_json` reads them, which is 128 levels, because they are messages of the
/// application and not tokens.
#[cfg(feature = "mcp")]
pub(crate) fn read_objects<'de, M: Members<'de> + Default>(
    bytes: &'de [u8],
    mut each: impl FnMut(M),
) -> Result<(), JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let mut walk = Walk::new(text, u8::MAX);
    let read = if bytes.trim_ascii_start().first() == Some(&b'[') {
        let each = |members, _: &str| each(members);
        Elements { each, walk: &mut walk, depth: 1, members: PhantomData }.deserialize(&mut json).map(|_| ())
    } else {
        let mut members = M::default();
        let object = Object { members: &mut members, walk: &mut walk, depth: 1 };
        object.deserialize(&mut json).map(|()| each(members))
    };
    read.and_then(|()| json.end()).map_err(|error| walk.fault_of(&error))
}

impl<'de, A: MapAccess<'de>> Member<'_, 'de, A> {
    /// Reads the elements of an array one by one: `each` gets what was read of the element's members, and the element as it is
    /// written. An element that is no object has no members.
    ///
    /// Whether the value is an array. A value of another type is still checked.
    pub(crate) fn elements<M: Members<'de> + Default>(self, each: impl FnMut(M, &'de str)) -> Result<bool, A::Error> {
        self.map.next_value_seed(Elements { each, walk: self.walk, depth: self.depth, members: PhantomData })
    }
}

struct Elements<'m, 'de, M, F> {
    each: F,
    walk: &'m mut Walk<'de>,
    depth: u8,
    members: PhantomData<M>,
}

impl<'de, M: Members<'de> + Default, F: FnMut(M, &'de str)> DeserializeSeed<'de> for Elements<'_, 'de, M, F> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, M: Members<'de> + Default, F: FnMut(M, &'de str)> Visitor<'de> for Elements<'_, 'de, M, F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<bool, A::Error> {
        let depth = self.walk.deeper(self.depth)?;
        while let Some(json) = seq.next_element::<&RawValue>()? {
            let mut members = M::default();
            let object = Object { members: &mut members, walk: &mut *self.walk, depth };
            object.deserialize(&mut serde_json::Deserializer::from_str(json.get())).map_err(A::Error::custom)?;
            (self.each)(members, json.get());
        }
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<bool, A::Error> {
        Object { members: &mut Skip, walk: self.walk, depth: self.depth }.visit_map(map).map(|()| false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
}
