use crate::redact::Excerpt;

/// Why a text is not an acceptable JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The bytes are not UTF-8 (RFC 8259 §8.1).
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The text is not well-formed JSON, or has more than one value.
    #[error("the text is not a single JSON value: the parser stopped at byte {column} of its line")]
    Syntax {
        /// Where the parser stopped: the position of a byte in its line, from 1.
        column: usize,
    },
    /// The JSON value is not an object.
    #[error("the text is not a JSON object")]
    NotAnObject,
    /// A name occurs twice in one object, at any depth.
    #[error("the member {name:?} occurs twice")]
    Duplicate {
        /// The name, unescaped.
        name: Excerpt,
    },
    /// Objects and arrays are nested more than 32 levels deep.
    #[error("objects and arrays nest more than 32 levels deep")]
    TooDeep,
    /// A name is one that `serde_json` uses internally: it would parse the value under that name as another document.
    #[error("the name of the member {name:?} is reserved")]
    Reserved {
        /// The name, unescaped.
        name: Excerpt,
    },
    /// A member that this crate reads has a value of the wrong type.
    #[error("the member {name:?} has a value of the wrong type")]
    WrongType {
        /// The name, unescaped.
        name: Excerpt,
    },
}
