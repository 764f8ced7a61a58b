use std::fmt;

use crate::token::{InvalidPointer, JsonPointer};

/// A value that a claim is compared with: a string, an integer or a boolean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimValue(Value);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
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
#[derive(Clone)]
pub(super) struct ClaimRule {
    /// The pointer's reference tokens, unescaped.
    pub(super) path: Box<[Box<str>]>,
    pub(super) condition: Condition,
}

#[derive(Clone)]
pub(super) enum Condition {
    Equals(Value),
    Contains(Value),
    /// As the one before, or with an object in the array whose `value` it is (RFC 7643 §2.4).
    Lists(Value),
    HasMember(Box<str>),
    /// A string that lists the word, or an array that contains it.
    HasWord {
        delimiter: char,
        word: Value,
    },
}

impl ClaimRule {
    pub(super) fn equals(pointer: &str, value: ClaimValue) -> Result<Self, InvalidPointer> {
        Ok(Self { path: parse(pointer)?, condition: Condition::Equals(value.0) })
    }

    pub(super) fn contains(pointer: &str, value: ClaimValue) -> Result<Self, InvalidPointer> {
        Ok(Self { path: parse(pointer)?, condition: Condition::Contains(value.0) })
    }

    pub(super) fn has_member(pointer: &str, name: &str) -> Result<Self, InvalidPointer> {
        Ok(Self { path: parse(pointer)?, condition: Condition::HasMember(name.into()) })
    }

    /// `word` was [checked](is_word).
    pub(super) fn has_word(pointer: &str, delimiter: char, word: &str) -> Result<Self, InvalidPointer> {
        let word = Value::Text(word.into());
        Ok(Self { path: parse(pointer)?, condition: Condition::HasWord { delimiter, word } })
    }
}

/// Such as `claim "/realm_access/roles" contains "admin"`.
impl fmt::Debug for ClaimRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens: Vec<_> = self.path.iter().map(|token| token.replace('~', "~0").replace('/', "~1")).collect();
        write!(f, "claim \"/{}\" ", tokens.join("/").escape_debug())?;
        match &self.condition {
            Condition::Equals(value) => write!(f, "equals {value:?}"),
            Condition::Contains(value) | Condition::Lists(value) => write!(f, "contains {value:?}"),
            Condition::HasMember(name) => write!(f, "has member {name:?}"),
            Condition::HasWord { delimiter, word } => write!(f, "has word {word:?} between {delimiter:?}"),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Bool(value) => value.fmt(f),
        }
    }
}

/// The reference tokens of a pointer.
fn parse(pointer: &str) -> Result<Box<[Box<str>]>, InvalidPointer> {
    JsonPointer::parse(pointer).map(JsonPointer::into_tokens)
}

/// The words of a text, of which some may be empty. Spaces around a word do not belong to it.
pub(super) fn words(text: &str, delimiter: char) -> impl Iterator<Item = &str> {
    text.split(delimiter).map(|word| word.trim_matches(' '))
}

/// Whether `text` is one word, and not empty.
pub(super) fn is_word(text: &str, delimiter: char) -> bool {
    !text.is_empty() && words(text, delimiter).eq([text])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_as_a_whole() {
        let lists = |text: &str, delimiter, word| words(text, delimiter).any(|own| own == word);
        for text in ["admin", "user,admin", "admin,user", "user , admin ,x", ",,admin,", "  admin  ", "user,\n,admin"] {
            assert!(lists(text, ',', "admin"), "{text:?}");
        }
        for text in [
            "",
            ",",
            "superadmin",
            "admin2,x",
            "user admin",
            "admin user,x",
            "user;admin",
            "Admin",
            "a,dmin",
            "admin\t,x",
        ] {
            assert!(!lists(text, ',', "admin"), "{text:?}");
        }
        assert!(lists("read-only admin, user", ',', "read-only admin"));
        assert!(lists("user  admin", ' ', "admin") && lists("admin", ' ', "admin"));
        assert!(!lists("user,admin", ' ', "admin") && !lists("user\u{a0}admin", ' ', "admin"));
        assert!(lists("a\u{e9}b", '\u{e9}', "b") && lists("x|y", '|', "x"));
    }

    #[test]
    fn a_word_is_not_empty_and_has_neither_the_delimiter_nor_spaces_around_it() {
        for (word, delimiter) in
            [("admin", ','), ("admin", ' '), ("read-only admin", ','), ("a,b", ' '), ("\u{e9}", '|')]
        {
            assert!(is_word(word, delimiter), "{word:?} {delimiter:?}");
        }
        for (word, delimiter) in [
            ("", ','),
            ("", ' '),
            (" ", ','),
            ("a,b", ','),
            (",", ','),
            (" a", ','),
            ("a ", ','),
            ("a b", ' '),
            ("a|", '|'),
        ] {
            assert!(!is_word(word, delimiter), "{word:?} {delimiter:?}");
        }
    }
}
