use crate::connection::LinkError;

/// Why the stream cannot be read or appended to.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("expected {expected} from Redis, and found {found}")]
    Reply { expected: &'static str, found: &'static str },
}
