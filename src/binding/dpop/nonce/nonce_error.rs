use std::time::Duration;

/// Why a nonce is refused. The client is then asked for a proof with a new nonce (RFC 9449 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NonceError {
    /// The text is not a nonce that this version issues.
    #[error("expected a nonce of {expected} characters of base64url, and found {length} bytes of text")]
    Malformed {
        /// The length that a nonce has, in characters.
        expected: usize,
        /// The length of the text, in bytes. It may be the expected length if a character is wrong.
        length: usize,
    },
    /// The MAC was not made with a key of this server: another server issued the nonce, its key has been replaced, or it was
    /// forged.
    #[error("no nonce key of this server made the nonce")]
    UnknownKey,
    /// The nonce was issued too long ago.
    #[error("the nonce was issued {} s ago (lifetime {} s)", .age.as_secs(), .lifetime.as_secs())]
    Expired {
        /// The time since it was issued, in whole seconds.
        age: Duration,
        /// The lifetime of a nonce.
        lifetime: Duration,
    },
    /// The nonce is from a server whose clock is too far ahead of this server's.
    #[error("the nonce was issued {} s in the future (at most {} s are accepted)", .ahead.as_secs(), .accepted.as_secs())]
    InFuture {
        /// How far in the future it was issued, in whole seconds.
        ahead: Duration,
        /// How far in the future it may be.
        accepted: Duration,
    },
}
