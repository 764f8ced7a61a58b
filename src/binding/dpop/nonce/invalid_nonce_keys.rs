/// The minimum length of a key in bytes: that of the output of SHA-256 (RFC 2104 §3).
pub(super) const MIN_KEY_LENGTH: usize = 32;

/// Why [`Nonces`](super::Nonces) cannot be made. It holds no byte of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNonceKeys {
    /// There is no key, or there are more than two.
    #[error("expected one or two nonce keys, the current one first, and found {found}")]
    Number {
        /// The number of keys; at most 3, because no more are read.
        found: usize,
    },
    /// A key so short that it could be found by brute force.
    #[error("expected at least {MIN_KEY_LENGTH} bytes in nonce key {position}, and found {length}")]
    TooShort {
        /// The position of the key, from 1.
        position: usize,
        /// Its length in bytes.
        length: usize,
    },
    /// A key whose bytes are all the same, such as a buffer that was never filled.
    #[error("expected random bytes in nonce key {position}, and found the same byte throughout")]
    NotRandom {
        /// The position of the key, from 1.
        position: usize,
    },
    /// The system provided no random bytes.
    #[error("the system provided no random bytes for a nonce key")]
    NoRandomness,
}
