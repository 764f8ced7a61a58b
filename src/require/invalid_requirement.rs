use crate::redact::Excerpt;
use crate::token::{InvalidPointer, InvalidScope};

/// Why a [`Require`](crate::Require) cannot be made from a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequirement {
    /// A scope does not follow the grammar of RFC 6749 §3.3.
    #[error(transparent)]
    Scope(#[from] InvalidScope),
    /// The pointer is not a JSON pointer to a claim (RFC 6901).
    #[error(transparent)]
    Pointer(#[from] InvalidPointer),
    /// The text is not a single word in a list with this delimiter, so no claim could list it.
    #[error("expected a word without {delimiter:?} and without spaces around it, found {word:?}")]
    Word {
        /// The text.
        word: Excerpt,
        /// The delimiter.
        delimiter: char,
    },
    /// No token could satisfy a choice from an empty list.
    #[error("expected at least one {expected}, found an empty list")]
    Empty {
        /// What the list should hold.
        expected: &'static str,
    },
}
