use crate::jose::JsonError;
use crate::redact::Excerpt;

/// Why the body of a request tells no operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("expected a JSON-RPC message: {0}")]
    Json(JsonError),
    #[error("expected a JSON-RPC message with either a method or a result or error")]
    Neither,
    #[error("expected no member whose name differs from a JSON-RPC name only in case")]
    Ambiguous,
    #[error("expected at least one JSON-RPC message in a batch, found none")]
    Empty,
    #[error("expected a tool's name as text in the params of tools/call")]
    NoTool,
    #[error("expected at most {max} bytes, found more", max = super::MAX_MESSAGE_LENGTH)]
    TooLong,
    #[error("expected a body without a Content-Encoding, found {0:?}")]
    Encoded(Excerpt),
    #[error("expected the charset UTF-8 or none, found the content type {0:?}")]
    Charset(Excerpt),
    #[error("the body of the request ended early")]
    Unreadable,
}

impl From<JsonError> for MessageError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}
