//! Strict reading of JSON objects of untrusted origin: UTF-8, one object with nothing after it, at most [`MAX_DEPTH`] levels, and
//! no duplicate member name in any object at any depth (RFC 7515 §4, RFC 7519 §4, RFC 8259 §4).
//!
//! Two parsers may disagree about which of two equal names is used, which is a way past a check. So duplicates are refused. Names
//! are compared after unescaping, as code points (RFC 7515 §5.3).
//!
//! A text that has passed may be parsed again by anything that reads JSON through `serde`. So [`RESERVED`] names are refused too:
//! under such a name, `serde_json` would parse a second document that was not checked.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::json_error::JsonError;
use crate::redact::Excerpt;

/// How deep objects and arrays may nest, the outermost object counted.
const MAX_DEPTH: u8 = 32;
/// The prefix of the names that `serde_json` uses internally. Where a document has such a name, `serde_json::Value` takes its
/// value for one of its own: it parses the text under `$serde_json::private::RawValue` as one more document.
const RESERVED: &str = "$serde_json::private::";

/// Takes the members of an object one by one.
pub(crate) trait Members<'de> {
    /// Reads the value of `name` from `member`; what is of no interest is [skipped](Member::skip), still strictly.
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error>;
}

/// Reads `bytes` as one object into `members`.
pub(crate) fn read_object<'de, M: Members<'de>>(bytes: &'de [u8], members: &mut M) -> Result<(), JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let mut walk = Walk::new(text, MAX_DEPTH);
    let read = Object { members, walk: &mut walk, depth: 1 }.deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|error| walk.fault_of(&error))
}

/// Reads `json` as a struct, from an object alone: serde would read one from an array of its members' values too. For documents of
/// issuers and files: a byte order mark before it is ignored (RFC 8259 §8.1), because some editors and servers write one.
pub(crate) fn read_struct<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Option<T> {
    const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
    let json = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
    let first = json.trim_ascii_start().first();
    if first == Some(&b'{') { serde_json::from_slice(json).ok() } else { None }
}

/// The state of one read, shared by all levels.
pub(super) struct Walk<'de> {
    text: &'de str,
    /// The names of all objects that are open, in one vector. Few tokens have more than it holds without an allocation.
    names: SmallVec<[Cow<'de, str>; 24]>,
    /// The first thing found wrong; serde's own error is a string and cannot carry it.
    fault: Option<JsonError>,
    max_depth: u8,
}

impl<'de> Walk<'de> {
    pub(super) fn new(text: &'de str, max_depth: u8) -> Self {
        Self { text, names: SmallVec::new(), fault: None, max_depth }
    }

    /// What is wrong with a text that could not be read.
    pub(super) fn fault_of(self, error: &serde_json::Error) -> JsonError {
        match error.classify() {
            Category::Data => self.fault.unwrap_or(JsonError::NotAnObject),
            Category::Syntax | Category::Eof | Category::Io => JsonError::Syntax { column: error.column() },
        }
    }

    fn refuse<E: serde::de::Error>(&mut self, fault: JsonError) -> E {
        let error = E::custom(&fault);
        self.fault.get_or_insert(fault);
        error
    }

    /// With `serde_json`'s `arbitrary_precision`, which any crate in the build may switch on, a number comes as an object with a
    /// reserved name. That name is a constant, and one that a stranger wrote is in the text, or copied from it to be unescaped.
    #[expect(clippy::ptr_arg, reason = "whether it was copied matters")]
    fn refuse_reserved<E: serde::de::Error>(&mut self, name: &Cow<'_, str>) -> Result<(), E> {
        if !name.starts_with(RESERVED) {
            return Ok(());
        }
        let is_written = match name {
            Cow::Borrowed(name) => self.text.as_bytes().as_ptr_range().contains(&name.as_ptr()),
            Cow::Owned(_) => true,
        };
        if is_written { Err(self.refuse(JsonError::Reserved { name: Excerpt::from(&**name) })) } else { Ok(()) }
    }

    pub(super) fn deeper<E: serde::de::Error>(&mut self, depth: u8) -> Result<u8, E> {
        if depth > self.max_depth { Err(self.refuse(JsonError::TooDeep)) } else { Ok(depth + 1) }
    }
}

/// The value of one member, yet to be read.
pub(crate) struct Member<'m, 'de, A> {
    pub(super) map: &'m mut A,
    pub(super) walk: &'m mut Walk<'de>,
    pub(super) depth: u8,
}

impl<'de, A: MapAccess<'de>> Member<'_, 'de, A> {
    /// The value as a `T`. As for [`read_leniently`](Self::read_leniently), only for a type that holds no object: the names in it
    /// would not be checked.
    pub(crate) fn read<T: Deserialize<'de>>(self) -> Result<T, A::Error> {
        self.map.next_value()
    }

    /// The value as a string, borrowed from the text unless it holds an escape.
    pub(crate) fn text(self) -> Result<Cow<'de, str>, A::Error> {
        self.map.next_value_seed(Text(PhantomData))
    }

    /// Like [`text`](Self::text), or `None` for `null`.
    pub(crate) fn text_or_null(self) -> Result<Option<Cow<'de, str>>, A::Error> {
        self.map.next_value_seed(TextOrNull)
    }

    /// The value as a `T`, or `None` if it has another type: for members whose type is no reason to refuse the text. It is still
    /// checked.
    pub(crate) fn read_leniently<T: Deserialize<'de>>(self) -> Result<Option<T>, A::Error> {
        let json: &RawValue = self.map.next_value()?;
        if let Ok(value) = serde_json::from_str(json.get()) {
            return Ok(Some(value));
        }
        let other = Object { members: &mut Skip, walk: self.walk, depth: self.depth };
        other.deserialize(&mut serde_json::Deserializer::from_str(json.get())).map_err(A::Error::custom)?;
        Ok(None)
    }

    /// The value as it is written. It is still checked.
    pub(crate) fn json(self) -> Result<&'de str, A::Error> {
        let json: &RawValue = self.map.next_value()?;
        let value = Object { members: &mut Skip, walk: self.walk, depth: self.depth };
        value.deserialize(&mut serde_json::Deserializer::from_str(json.get())).map_err(A::Error::custom)?;
        Ok(json.get())
    }

    /// Checks the value without keeping it.
    pub(crate) fn skip(self) -> Result<(), A::Error> {
        self.object(&mut Skip)
    }

    /// Reads the members of an object. A value of another type has none, and is still checked.
    pub(crate) fn object<M: Members<'de>>(self, members: &mut M) -> Result<(), A::Error> {
        self.map.next_value_seed(Object { members, walk: self.walk, depth: self.depth })
    }
}

/// Ignores every member.
pub(super) struct Skip;

impl<'de> Members<'de> for Skip {
    fn member<A: MapAccess<'de>>(&mut self, _: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        member.skip()
    }
}

/// An object at `depth`. Deeper than the outermost level it may be any other value too, which has no members.
pub(super) struct Object<'m, 'de, M> {
    pub(super) members: &'m mut M,
    pub(super) walk: &'m mut Walk<'de>,
    pub(super) depth: u8,
}

impl<'de, M: Members<'de>> DeserializeSeed<'de> for Object<'_, 'de, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        if self.depth == 1 { json.deserialize_map(self) } else { json.deserialize_any(self) }
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for Object<'_, 'de, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { members, walk, depth } = self;
        let inner = walk.deeper(depth)?;
        let first = walk.names.len();
        while let Some(name) = map.next_key_seed(Text(PhantomData))? {
            walk.refuse_reserved(&name)?;
            let read = members.member(&name, Member { map: &mut map, walk, depth: inner });
            if let Err(error) = read {
                walk.fault.get_or_insert_with(|| JsonError::WrongType { name: name.into() });
                return Err(error);
            }
            walk.names.push(name);
        }
        let own = &mut walk.names[first..];
        // By length first, which tells most of them apart.
        own.sort_unstable_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
        if let Some(pair) = own.windows(2).find(|pair| pair[0] == pair[1]) {
            let name = Excerpt::from(&*pair[0]);
            return Err(walk.refuse(JsonError::Duplicate { name }));
        }
        walk.names.truncate(first);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = self.walk.deeper(self.depth)?;
        while seq.next_element_seed(Object { members: &mut Skip, walk: self.walk, depth })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A string, borrowed from the text unless it holds an escape: the name of a member, or the value of one.
struct Text<'de>(PhantomData<&'de str>);

impl<'de> DeserializeSeed<'de> for Text<'de> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Cow<'de, str>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text<'de> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct TextOrNull;

impl<'de> DeserializeSeed<'de> for TextOrNull {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for TextOrNull {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or null")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        Text(PhantomData).deserialize(json).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: impl AsRef<[u8]>) -> Result<(), JsonError> {
        struct Reader(u64);
        impl<'de> Members<'de> for Reader {
            fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
                match name {
                    "number" => member.read().map(|number| self.0 = number),
                    _ => member.skip(),
                }
            }
        }
        read_object(text.as_ref(), &mut Reader(0))
    }

    /// Rows E4, E5.
    #[test]
    fn duplicate_names_are_refused_at_every_depth() {
        let twice = |name: &str| Err(JsonError::Duplicate { name: name.into() });
        assert_eq!(check(r#"{"a":1,"b":2,"a":3}"#), twice("a"));
        assert_eq!(check(r#"{"number":1,"number":1}"#), twice("number"));
        assert_eq!(check(r#"{"o":{"a":1,"a":1}}"#), twice("a"));
        assert_eq!(check(r#"{"o":[1,{"p":[{"a":1,"a":1}]}]}"#), twice("a"));
        assert_eq!(check(r#"{"a":{"a":[{"a":1},{"a":1}]},"b":{"a":1}}"#), Ok(()));
    }

    /// Row E13.
    #[test]
    fn names_compare_after_unescaping() {
        assert_eq!(check(r#"{"alg":1,"\u0061lg":2}"#), Err(JsonError::Duplicate { name: "alg".into() }));
        assert_eq!(check("{\"\u{e9}\":1,\"e\u{301}\":2}"), Ok(()), "no normalization");
    }

    /// Rows D11, E29.
    #[test]
    fn one_utf8_object_and_nothing_else() {
        for bad in ["", "[]", "1", "null", "\"x\"", "{} {}", "{}x", "{", "{\"a\":1,}", "{'a':1}", "\u{feff}{}"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check("{\"a\":\"\n\"}").is_err(), "a raw control character");
        assert!(check(r#"{"a":"\ud800"}"#).is_err(), "half a surrogate pair");
        assert_eq!(check(b"{\"a\":\"\xc0\xaf\"}"), Err(JsonError::NotUtf8));
        assert_eq!(check(b"\xff\xfe{\0}\0"), Err(JsonError::NotUtf8));
        assert_eq!(check(" { } \n"), Ok(()));
        assert_eq!(check("[]"), Err(JsonError::NotAnObject));
        assert_eq!(check(r#"{"number":"1"}"#), Err(JsonError::WrongType { name: "number".into() }));
    }

    /// Row E29.
    #[test]
    fn depth_is_bounded() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(check(nested(31)), Ok(()));
        assert_eq!(check(nested(32)), Err(JsonError::TooDeep));
        assert_eq!(check(nested(10_000)), Err(JsonError::TooDeep));
        let objects = format!("{}1{}", "{\"a\":".repeat(33), "}".repeat(33));
        assert_eq!(check(objects), Err(JsonError::TooDeep));
    }
}
