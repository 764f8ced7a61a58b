use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

use super::invalid_nonce_keys::InvalidNonceKeys;
use super::nonce_error::NonceError;
use super::nonce_keys::{MAC_LENGTH, NonceKeys, PERIOD};
use crate::jose::{decode_base64url, encode_base64url};

/// How far in the future a nonce may have been issued: the clocks of a fleet differ by less.
const MAX_AHEAD: Duration = Duration::from_secs(5);
const DEFAULT_LIFETIME: Duration = Duration::from_secs(5 * 60);
const MIN_LIFETIME: Duration = Duration::from_secs(10);
const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// A nonce outlives its key's time as the current one by this much at most, and the key is then the previous one.
const _: () = assert!(MAX_LIFETIME.as_secs() + MAX_AHEAD.as_secs() <= PERIOD.as_secs());

const TIMESTAMP_LENGTH: usize = size_of::<u64>();
/// 24 bytes are 32 characters without a spare bit, so a nonce has one spelling.
const TEXT_LENGTH: usize = (TIMESTAMP_LENGTH + MAC_LENGTH) / 3 * 4;

/// The nonces that a server asks for in DPoP proofs (RFC 9449 §8, §9), and the keys that make them.
///
/// A nonce proves, by the server's own clock, when a proof was made. So the clock of the client does not matter, and no proof can be made
/// for a later time. A nonce consists of the time at which it was issued, in whole seconds, and a MAC (HMAC-SHA-256, truncated to 128
/// bits). So the server stores no nonces, and any server with the same keys accepts it. A nonce may be used for several proofs: the
/// [`ReplayStore`](super::super::ReplayStore) ensures that each proof is used only once.
///
/// A nonce is accepted for its [lifetime](Self::lifetime). A nonce issued up to 5 seconds in the future is also accepted, because the clocks
/// of a fleet differ. For anything else, the server answers with a new nonce, which costs the client one more request.
///
/// Clones share their keys.
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::dpop::Nonces;
///
/// // One process: the keys are random and end with it.
/// let own = Nonces::random();
///
/// // A fleet: all instances have the same keys, for example from a secret of the deployment.
/// # let (current, previous): (Vec<u8>, Vec<u8>) = ((0..32).collect(), (1..33).collect());
/// let shared = Nonces::with_keys([current, previous])?.lifetime(Duration::from_secs(120));
/// # Ok::<(), tower_bearer::dpop::InvalidNonceKeys>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Nonces {
    keys: Arc<NonceKeys>,
    lifetime: Duration,
}

impl Nonces {
    /// Nonces for one process, with random keys.
    ///
    /// A key issues nonces for 2 hours, and then only checks them for another 2 hours, so a leaked key soon becomes useless. Other processes
    /// do not accept these nonces, nor does this one after a restart; the client then gets a new nonce and repeats its request.
    ///
    /// # Panics
    ///
    /// If the system provides no random bytes; [`try_random`](Self::try_random) returns an error.
    pub fn random() -> Self {
        Self::try_random().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`random`](Self::random), but returns an error instead of panicking.
    ///
    /// # Errors
    ///
    /// [`InvalidNonceKeys::NoRandomness`].
    pub fn try_random() -> Result<Self, InvalidNonceKeys> {
        NonceKeys::random().map(Self::of)
    }

    /// Nonces for a fleet: the key that issues nonces and, optionally, a second key that only checks them.
    ///
    /// A key has at least 32 random bytes. Every instance needs the same keys. Servers that share keys accept each other's nonces, which
    /// reveal only the time. Do not use the key for anything else.
    ///
    /// To replace a key without refusing any nonce, deploy three times, waiting for the lifetime of a nonce in between: `[old, new]`, so
    /// that every instance accepts the new key before any issues nonces with it; then `[new, old]`; then `[new]`. Replace a leaked key
    /// immediately, with `[new]`; each client then repeats one request.
    ///
    /// # Errors
    ///
    /// [`InvalidNonceKeys`] if there are no keys or more than two, if a key is shorter than 32 bytes (RFC 2104 §3), or if all its bytes are
    /// the same.
    pub fn with_keys<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>) -> Result<Self, InvalidNonceKeys> {
        NonceKeys::configured(keys).map(Self::of)
    }

    /// Sets how long a nonce is accepted. The value is clamped to between 10 seconds and 1 hour, and a fraction of a second is dropped.
    ///
    /// A captured proof that the replay store has not seen can be used for this long, and the replay store keeps every proof for this long.
    /// A client that pauses for longer has to repeat its next request.
    ///
    /// Default: 5 minutes, in line with RFC 9449 §11.1.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Duration::from_secs(lifetime.clamp(MIN_LIFETIME, MAX_LIFETIME).as_secs());
        self
    }

    /// A new nonce, as the value of the header `DPoP-Nonce` (RFC 9449 §8.1).
    pub(crate) fn issue(&self, now: SystemTime) -> HeaderValue {
        let timestamp = seconds(now);
        let mac = self.keys.sign(timestamp, now);
        let text = encode_base64url([&timestamp.to_be_bytes()[..], &mac].concat());
        HeaderValue::try_from(text).unwrap_or_else(|_| unreachable!("base64url is printable ASCII"))
    }

    /// The age of a nonce that one of the keys made and that has neither expired nor was issued too far in the future.
    ///
    /// The MAC is checked before the time, so the times in an error are those of a nonce of this server.
    pub(crate) fn check(&self, nonce: &str, now: SystemTime) -> Result<NonceAge, NonceError> {
        let malformed = NonceError::Malformed { expected: TEXT_LENGTH, length: nonce.len() };
        // Before decoding, which allocates.
        if nonce.len() != TEXT_LENGTH {
            return Err(malformed);
        }
        let bytes = decode_base64url(nonce).ok_or(malformed)?;
        let (timestamp, mac) = bytes.split_first_chunk::<TIMESTAMP_LENGTH>().ok_or(malformed)?;
        let mac: &[u8; MAC_LENGTH] = mac.try_into().map_err(|_| malformed)?;
        let timestamp = u64::from_be_bytes(*timestamp);
        if !self.keys.verify(timestamp, mac, now) {
            return Err(NonceError::UnknownKey);
        }
        let now = seconds(now);
        let ahead = Duration::from_secs(timestamp.saturating_sub(now));
        if ahead > MAX_AHEAD {
            return Err(NonceError::InFuture { ahead, accepted: MAX_AHEAD });
        }
        let age = Duration::from_secs(now.saturating_sub(timestamp));
        if age >= self.lifetime {
            return Err(NonceError::Expired { age, lifetime: self.lifetime });
        }
        Ok(NonceAge(age))
    }

    /// Whether a nonce of this age is in the last third of its lifetime, so that a successful answer should bring a new one (RFC 9449 §8.2).
    pub(crate) fn needs_renewal(&self, NonceAge(age): NonceAge) -> bool {
        3 * age >= 2 * self.lifetime
    }

    /// The longest time between two moments at which one nonce is accepted. The replay store has to keep a proof for that long.
    pub(crate) fn acceptance(&self) -> Duration {
        MAX_AHEAD + self.lifetime
    }

    /// With the random keys of `before`, if the keys of both are random: nonces that were issued then stay good.
    pub(crate) fn with_random_keys_of(mut self, before: &Self) -> Self {
        if self.keys.are_random() && before.keys.are_random() {
            self.keys = Arc::clone(&before.keys);
        }
        self
    }

    fn of(keys: NonceKeys) -> Self {
        Self { keys: Arc::new(keys), lifetime: DEFAULT_LIFETIME }
    }
}

impl fmt::Debug for Nonces {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// How long ago an accepted nonce was issued, in whole seconds; zero if that is in the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NonceAge(pub(super) Duration);

/// Whole seconds since 1970; zero before.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}
