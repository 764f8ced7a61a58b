use super::claim::{Condition, Value, words};
use crate::token::is_index;

/// What is searched for in a value.
#[derive(Clone, Copy)]
pub(super) enum Search<'r> {
    /// A value at the end of the path, for which the condition holds.
    Claim(&'r [Box<str>], &'r Condition),
    /// This value.
    Value(&'r Value),
    /// This value, or an object with it.
    ValueOf(&'r Value),
    /// Any value but `null` and `false`.
    Anything,
}

impl Search<'_> {
    /// What is searched for in the member of an object.
    pub(super) fn in_member(self, name: &str) -> Option<Self> {
        match self {
            Self::Claim([own, rest @ ..], condition) if **own == *name => Some(Self::Claim(rest, condition)),
            Self::Claim([], Condition::HasMember(own)) if **own == *name => Some(Self::Anything),
            Self::ValueOf(wanted) if name == "value" => Some(Self::Value(wanted)),
            _ => None,
        }
    }

    /// What is searched for in the element of an array.
    pub(super) fn in_element(self, index: usize) -> Option<Self> {
        match self {
            Self::Claim([token, rest @ ..], condition) if is_index(token, index) => Some(Self::Claim(rest, condition)),
            Self::Claim([], Condition::Contains(value) | Condition::HasWord { word: value, .. }) => {
                Some(Self::Value(value))
            }
            Self::Claim([], Condition::Lists(value)) => Some(Self::ValueOf(value)),
            _ => None,
        }
    }

    /// Whether the value is what is searched for. A single value counts as an array of one, because some issuers write it that way.
    pub(super) fn matches(self, value: &Found<'_>) -> bool {
        match self {
            Self::Value(wanted)
            | Self::ValueOf(wanted)
            | Self::Claim([], Condition::Contains(wanted) | Condition::Lists(wanted) | Condition::Equals(wanted)) => {
                match (wanted, value) {
                    (Value::Text(wanted), Found::Text(text)) => **wanted == **text,
                    (Value::Number(wanted), Found::Number(number)) => Some(*wanted) == *number,
                    (Value::Bool(wanted), Found::Bool(truth)) => wanted == truth,
                    _ => false,
                }
            }
            Self::Claim([], Condition::HasWord { delimiter, word }) => match (word, value) {
                (Value::Text(word), Found::Text(text)) => words(text, *delimiter).any(|own| *own == **word),
                _ => false,
            },
            Self::Anything => !matches!(value, Found::Null | Found::Bool(false)),
            Self::Claim(..) => false,
        }
    }
}

/// A value of the payload.
pub(super) enum Found<'v> {
    Text(&'v str),
    /// `None` if it is not written as an integer, or does not fit.
    Number(Option<i64>),
    Bool(bool),
    Null,
    /// An object or an array.
    Structure,
}
