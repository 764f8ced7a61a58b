/// As many bytes as the MAC has (RFC 2104 §3).
pub(super) const MIN_KEY_LENGTH: usize = 32;

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
