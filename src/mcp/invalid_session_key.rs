use super::sessions::MIN_KEY_LENGTH;

/// A key that [`Operations::session_key`](super::Operations::session_key) cannot use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a session key of at least {MIN_KEY_LENGTH} random bytes, found {length} bytes")]
pub struct InvalidSessionKey {
    length: usize,
}

impl InvalidSessionKey {
    pub(super) fn too_short(length: usize) -> Self {
        Self { length }
    }
}
