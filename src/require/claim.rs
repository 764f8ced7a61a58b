use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::AccessToken;

/// What a claim is compared with: a text, a whole number or a truth value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimValue(Value);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(Box<str>),
    Number(i64),
    Bool(bool),
}

impl From<&str> for ClaimValue {
    fn from(text: &str) -> Self {
        Self(Value::Text(text.into()))
    }
}

impl From<String> for ClaimValue {
    fn from(text: String) -> Self {
        Self(Value::Text(text.into()))
    }
}

impl From<i64> for ClaimValue {
    fn from(number: i64) -> Self {
        Self(Value::Number(number))
    }
}

impl From<bool> for ClaimValue {
    fn from(truth: bool) -> Self {
        Self(Value::Bool(truth))
    }
}

/// A condition on the claim at a JSON pointer.
#[derive(Clone, Debug)]
pub(super) struct ClaimRule {
    /// The pointer's reference tokens, unescaped.
    path: Box<[Box<str>]>,
    condition: Condition,
}

#[derive(Clone, Debug)]
enum Condition {
    Equals(Value),
    Contains(Value),
    HasMember(Box<str>),
}

impl ClaimRule {
    pub(super) fn equals(pointer: &str, value: ClaimValue) -> Result<Self, InvalidPointer> {
        Ok(Self { path: parse_pointer(pointer)?, condition: Condition::Equals(value.0) })
    }

    pub(super) fn contains(pointer: &str, value: ClaimValue) -> Result<Self, InvalidPointer> {
        Ok(Self { path: parse_pointer(pointer)?, condition: Condition::Contains(value.0) })
    }

    pub(super) fn has_member(pointer: &str, name: &str) -> Result<Self, InvalidPointer> {
        Ok(Self { path: parse_pointer(pointer)?, condition: Condition::HasMember(name.into()) })
    }

    /// Whether the token's claim is there and as it must be. It is sought in the payload as it stands, so nothing is
    /// allocated unless a text in it is written with escapes, or a number is sought among arrays and objects.
    pub(super) fn holds(&self, token: &AccessToken) -> bool {
        let mut json = serde_json::Deserializer::from_slice(token.payload());
        // An error is a claim of another type than the condition's.
        Seek::Claim(&self.path, &self.condition).deserialize(&mut json).unwrap_or(false)
    }
}

/// A text that is no JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a JSON pointer to a claim, such as \"/realm_access/roles\" (RFC 6901)")]
pub struct InvalidPointer(pub String);

/// RFC 6901 §3, §4; the empty pointer is to no claim, but to all of them.
fn parse_pointer(text: &str) -> Result<Box<[Box<str>]>, InvalidPointer> {
    let invalid = || InvalidPointer(text.to_owned());
    let tokens = text.strip_prefix('/').ok_or_else(invalid)?.split('/');
    tokens.map(|token| unescape(token).ok_or_else(invalid)).collect()
}

/// RFC 6901 §4: `~1` is a slash and `~0` a tilde.
fn unescape(token: &str) -> Option<Box<str>> {
    let mut parts = token.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) =
            if let Some(rest) = part.strip_prefix('0') { ('~', rest) } else { ('/', part.strip_prefix('1')?) };
        text.push(character);
        text.push_str(rest);
    }
    Some(text.into())
}

/// What is sought in a value.
#[derive(Clone, Copy)]
enum Seek<'r> {
    /// That the condition holds where the path leads.
    Claim(&'r [Box<str>], &'r Condition),
    /// That it is this.
    Value(&'r Value),
    /// That it is neither `null` nor `false`.
    Anything,
    /// Nothing: it is passed over.
    Nothing,
}

impl<'r> Seek<'r> {
    /// The member of an object that matters, and what is sought in it.
    fn in_member(self) -> Option<(&'r str, Self)> {
        match self {
            Self::Claim([name, rest @ ..], condition) => Some((name, Self::Claim(rest, condition))),
            Self::Claim([], Condition::HasMember(name)) => Some((name, Self::Anything)),
            _ => None,
        }
    }

    /// What is sought in the element of an array at `index`.
    fn in_element(self, index: usize) -> Self {
        match self {
            Self::Claim([token, rest @ ..], condition) if is_index(token, index) => Self::Claim(rest, condition),
            Self::Claim([], Condition::Contains(value)) => Self::Value(value),
            _ => Self::Nothing,
        }
    }

    /// Whether a value that is neither object nor array is what is sought; one that stands alone counts as an array of one,
    /// because some issuers write it so.
    fn is(self, value: &Found<'_>) -> bool {
        match self {
            Self::Value(wanted) | Self::Claim([], Condition::Contains(wanted) | Condition::Equals(wanted)) => {
                match (wanted, value) {
                    (Value::Text(wanted), Found::Text(text)) => **wanted == **text,
                    (Value::Bool(wanted), Found::Bool(truth)) => wanted == truth,
                    _ => false,
                }
            }
            Self::Anything => !matches!(value, Found::Null | Found::Bool(false)),
            Self::Claim(..) | Self::Nothing => false,
        }
    }
}

/// RFC 6901 §4: digits without a leading zero.
fn is_index(token: &str, index: usize) -> bool {
    let plain = token == "0" || !token.starts_with(['0', '+']);
    plain && token.parse() == Ok(index)
}

/// A value that is neither object nor array; a number that is sought is found before it comes to this.
enum Found<'v> {
    Text(&'v str),
    Number,
    Bool(bool),
    Null,
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        // A number is compared as it is written. serde_json's `arbitrary_precision`, which any crate in the build may switch on,
        // hands out numbers as maps where it is not asked for a number, and to ask for one where there is something else is
        // an error, which would end the search.
        let (Self::Value(Value::Number(wanted))
        | Self::Claim([], Condition::Equals(Value::Number(wanted)) | Condition::Contains(Value::Number(wanted)))) =
            self
        else {
            return json.deserialize_any(self);
        };
        let found = <&RawValue>::deserialize(json)?.get();
        match self {
            Self::Claim(..) if found.starts_with('[') => {
                serde_json::Deserializer::from_str(found).deserialize_seq(self).map_err(D::Error::custom)
            }
            _ => Ok(found.parse() == Ok(*wanted)),
        }
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claim")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut found = matches!(self, Self::Anything);
        let wanted = self.in_member();
        while let Some(is_wanted) = map.next_key_seed(NameIs(wanted.map(|(name, _)| name)))? {
            let seek = wanted.filter(|_| is_wanted).map_or(Self::Nothing, |(_, seek)| seek);
            found |= map.next_value_seed(seek)?;
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let mut found = matches!(self, Self::Anything);
        let mut index = 0;
        while let Some(holds) = seq.next_element_seed(self.in_element(index))? {
            found |= holds;
            index += 1;
        }
        Ok(found)
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(self.is(&Found::Text(text)))
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(self.is(&Found::Number))
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(self.is(&Found::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(self.is(&Found::Number))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<bool, E> {
        Ok(self.is(&Found::Bool(truth)))
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(self.is(&Found::Null))
    }
}

/// Whether a member's name is this one.
struct NameIs<'r>(Option<&'r str>);

impl<'de> DeserializeSeed<'de> for NameIs<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for NameIs<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(self.0 == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: &str = r#"{
        "realm_access": {"roles": ["offline_access", "admin", 7]},
        "resource_access": {"account": {"roles": ["view"]}, "a/b~c": {"roles": ["odd"]}},
        "tier": 2, "paid": true, "group": "staff", "deep": [[{"x": ["admin"]}]],
        "granted": {"admin": {"org": "1"}, "taken": null, "denied": false, "empty": {}},
        "big": 18446744073709551615, "half": 2.5
    }"#;

    fn holds(rule: Result<ClaimRule, InvalidPointer>) -> bool {
        let ClaimRule { path, condition } = rule.unwrap();
        let mut json = serde_json::Deserializer::from_str(CLAIMS);
        Seek::Claim(&path, &condition).deserialize(&mut json).unwrap_or(false)
    }

    fn contains(pointer: &str, value: impl Into<ClaimValue>) -> bool {
        holds(ClaimRule::contains(pointer, value.into()))
    }

    fn equals(pointer: &str, value: impl Into<ClaimValue>) -> bool {
        holds(ClaimRule::equals(pointer, value.into()))
    }

    #[test]
    fn contains_is_one_of_an_array_or_the_value_itself() {
        assert!(contains("/realm_access/roles", "admin"));
        assert!(contains("/resource_access/a~1b~0c/roles", "odd"));
        assert!(contains("/deep/0/0/x", "admin"), "compared after unescaping");
        assert!(contains("/group", "staff"));
        assert!(contains("/paid", true));
        for (pointer, value) in [
            ("/realm_access/roles", "adm"),
            ("/realm_access/roles", "Admin"),
            ("/realm_access/roles", "7"),
            ("/realm_access", "roles"),
            ("/realm_access", "admin"),
            ("/roles", "admin"),
            ("/realm_access/roles/0", "admin"),
            ("/resource_access/account/roles", "odd"),
            ("/resource_access", "view"),
            ("/deep", "admin"),
            ("/granted", "admin"),
            ("/group", "sta"),
            ("/tier", "2"),
            ("/", "admin"),
        ] {
            assert!(!contains(pointer, value), "{pointer} {value}");
        }
    }

    #[test]
    fn equals_is_the_value_and_its_type() {
        assert!(equals("/tier", 2) && equals("/paid", true) && equals("/group", "staff"));
        assert!(equals("/realm_access/roles/1", "admin"));
        assert!(!equals("/tier", 3) && !equals("/tier", "2") && !equals("/paid", "true") && !equals("/paid", false));
        assert!(!equals("/big", -1) && !equals("/half", 2) && !equals("/realm_access/roles", "admin"));
        assert!(!equals("/realm_access/roles/01", "admin") && !equals("/realm_access/roles/+1", "admin"));
        assert!(!equals("/absent", true) && !equals("/deep/0", true));
    }

    #[test]
    fn a_member_counts_unless_it_is_null_or_false() {
        let has = |name| holds(ClaimRule::has_member("/granted", name));
        assert!(has("admin") && has("empty"));
        assert!(!has("taken") && !has("denied") && !has("absent") && !has("org"));
        assert!(!holds(ClaimRule::has_member("/group", "staff")));
    }

    #[test]
    fn a_pointer_starts_with_a_slash_and_escapes_two_characters() {
        for bad in ["", "roles", "roles/0", "/a~", "/a~2", "~0/a"] {
            assert!(ClaimRule::has_member(bad, "x").is_err(), "{bad:?}");
        }
        assert_eq!(&*parse_pointer("/a~1b/~01/").unwrap(), ["a/b".into(), "~1".into(), "".into()]);
    }
}
