use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, Guard};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{hmac, rand};

use super::invalid_nonce_keys::{InvalidNonceKeys, MIN_KEY_LENGTH};

/// The length of a MAC: half of what HMAC-SHA-256 gives, which is the least that RFC 2104 §5 recommends. Nobody can try
/// a noticeable part of 2¹²⁸ values within the lifetime of a nonce.
pub(super) const MAC_LENGTH: usize = 16;
/// How long a random key issues nonces. It then checks for as long again, so a key that leaks is of use for four hours at most.
pub(super) const PERIOD: Duration = Duration::from_secs(2 * 60 * 60);
/// Separates these MACs from all others that somebody makes with the same key.
const LABEL: &[u8] = b"tower-bearer DPoP resource server nonce v1";

/// The keys that authenticate nonces: the first one issues, both check.
pub(super) struct NonceKeys {
    held: ArcSwap<Pair>,
    /// Whether new random keys replace old ones. Keys that were configured are replaced by their owner.
    rotates: bool,
}

struct Pair {
    current: hmac::Key,
    previous: Option<hmac::Key>,
    /// Since when the current key is in use; `None` before its first use.
    since: Option<SystemTime>,
}

impl NonceKeys {
    /// One key of random bytes.
    pub(super) fn random() -> Result<Self, InvalidNonceKeys> {
        let current = random_key().ok_or(InvalidNonceKeys::NoRandomness)?;
        Ok(Self { held: ArcSwap::from_pointee(Pair { current, previous: None, since: None }), rotates: true })
    }

    /// The current key and, if there is one, the previous key.
    pub(super) fn configured<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>) -> Result<Self, InvalidNonceKeys> {
        // Three are enough to see that there are too many.
        let keys: Vec<K> = keys.into_iter().take(3).collect();
        let (current, previous) = match &*keys {
            [current] => (configured_key(current.as_ref(), 1)?, None),
            [current, previous] => (configured_key(current.as_ref(), 1)?, Some(configured_key(previous.as_ref(), 2)?)),
            _ => return Err(InvalidNonceKeys::Number { found: keys.len() }),
        };
        Ok(Self { held: ArcSwap::from_pointee(Pair { current, previous, since: None }), rotates: false })
    }

    /// Whether this process made them.
    pub(super) fn are_random(&self) -> bool {
        self.rotates
    }

    /// The MAC of a timestamp by the current key.
    pub(super) fn sign(&self, timestamp: u64, now: SystemTime) -> [u8; MAC_LENGTH] {
        mac(&self.held(now).current, LABEL, timestamp)
    }

    /// Whether one of the keys made the MAC of the timestamp.
    pub(super) fn verify(&self, timestamp: u64, found: &[u8; MAC_LENGTH], now: SystemTime) -> bool {
        let held = self.held(now);
        let mut keys = [Some(&held.current), held.previous.as_ref()].into_iter().flatten();
        keys.any(|key| verify_slices_are_equal(&mac(key, LABEL, timestamp), found).is_ok())
    }

    /// The keys that are in use now.
    fn held(&self, now: SystemTime) -> Guard<Arc<Pair>> {
        let held = self.held.load();
        match self.rotates.then(|| held.successor(now)).flatten() {
            None => held,
            Some(next) => self.replace(&held, next),
        }
    }

    /// The keys that are in use after `held`: of several threads that rotate at once one succeeds, and all use its keys.
    fn replace(&self, held: &Guard<Arc<Pair>>, next: Pair) -> Guard<Arc<Pair>> {
        self.held.compare_and_swap(held, Arc::new(next));
        self.held.load()
    }
}

impl Pair {
    /// The pair that replaces this one, if that is due.
    fn successor(&self, now: SystemTime) -> Option<Self> {
        let Some(since) = self.since else {
            return Some(Self { current: self.current.clone(), previous: None, since: Some(now) });
        };
        // After the time of day was set back by a period or more, the key would otherwise be used for that much longer.
        let passed = now.duration_since(since).unwrap_or_else(|set_back| set_back.duration());
        if passed < PERIOD {
            return None;
        }
        // Without randomness the key stays, and the next use tries again.
        let current = random_key()?;
        // After two periods all nonces of the key have expired.
        let previous = (passed < 2 * PERIOD).then(|| self.current.clone());
        Some(Self { current, previous, since: Some(now) })
    }
}

fn random_key() -> Option<hmac::Key> {
    let mut bytes = [0; MIN_KEY_LENGTH];
    rand::fill(&mut bytes).ok()?;
    Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn configured_key(bytes: &[u8], position: usize) -> Result<hmac::Key, InvalidNonceKeys> {
    if bytes.len() < MIN_KEY_LENGTH {
        return Err(InvalidNonceKeys::TooShort { position, length: bytes.len() });
    }
    if bytes.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(InvalidNonceKeys::NotRandom { position });
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, bytes))
}

/// HMAC-SHA-256 over the label with its length, and the timestamp, cut to [`MAC_LENGTH`].
fn mac(key: &hmac::Key, label: &[u8], timestamp: u64) -> [u8; MAC_LENGTH] {
    let mut context = hmac::Context::with_key(key);
    context.update(&(label.len() as u64).to_be_bytes());
    context.update(label);
    context.update(&timestamp.to_be_bytes());
    let mut mac = [0; MAC_LENGTH];
    for (byte, full) in mac.iter_mut().zip(context.sign().as_ref()) {
        *byte = *full;
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    /// Which of the MACs, made at the start of each period, are still accepted `after` the start.
    fn accepted(keys: &NonceKeys, macs: &[[u8; MAC_LENGTH]], after: Duration) -> Vec<bool> {
        macs.iter().map(|mac| keys.verify(7, mac, START + after)).collect()
    }

    fn before(time: Duration) -> Duration {
        time.saturating_sub(Duration::from_secs(1))
    }

    #[test]
    fn a_random_key_issues_for_one_period_and_checks_for_two() {
        let keys = NonceKeys::random().unwrap();
        let first = keys.sign(7, START);
        let just_before = keys.sign(7, START + before(PERIOD));
        assert_eq!(first, just_before);
        let second = keys.sign(7, START + PERIOD);
        assert_ne!(first, second);
        assert_eq!(accepted(&keys, &[first, second], before(2 * PERIOD)), [true, true]);
        assert_eq!(accepted(&keys, &[first, second], 2 * PERIOD), [false, true]);
        assert_eq!(accepted(&keys, &[first, second], 4 * PERIOD), [false, false], "unused for two periods");
    }

    #[test]
    fn a_check_also_rotates_random_keys() {
        let keys = NonceKeys::random().unwrap();
        let first = keys.sign(7, START);
        assert!(!keys.verify(7, &first, START + 2 * PERIOD));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_prolong_the_use_of_a_key() {
        let keys = NonceKeys::random().unwrap();
        let ahead = START + 100 * PERIOD;
        let first = keys.sign(7, ahead);
        assert_eq!(keys.sign(7, ahead - PERIOD / 2), first, "less than a period");
        assert_ne!(keys.sign(7, START), first);
        assert!(!keys.verify(7, &first, START));
    }

    #[test]
    fn a_rotation_that_comes_second_changes_nothing() {
        let keys = NonceKeys::random().unwrap();
        let first = keys.sign(7, START);
        // A thread that has found a rotation due, and is then overtaken by another one.
        let held = keys.held.load();
        let next = held.successor(START + PERIOD).unwrap();
        let second = keys.sign(7, START + PERIOD);
        assert_eq!(mac(&keys.replace(&held, next).current, LABEL, 7), second);
        assert_eq!(accepted(&keys, &[first, second], PERIOD), [true, true]);
    }

    /// Otherwise instances of two versions would not accept each other's nonces.
    #[test]
    fn a_mac_is_the_first_half_of_the_hmac_of_label_and_timestamp() {
        let bytes: Vec<u8> = (0..32).collect();
        let keys = NonceKeys::configured([&bytes]).unwrap();
        let label = b"tower-bearer DPoP resource server nonce v1";
        let input = [&42_u64.to_be_bytes()[..], label, &1_795_977_909_u64.to_be_bytes()].concat();
        let whole = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), &input);
        assert_eq!(keys.sign(1_795_977_909, START), whole.as_ref()[..16]);
    }

    #[test]
    fn a_mac_with_another_label_or_without_one_is_refused() {
        let bytes: Vec<u8> = (0..32).collect();
        let keys = NonceKeys::configured([&bytes]).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        assert!(keys.verify(7, &mac(&key, LABEL, 7), START));
        let labels = [b"", &b"tower-bearer DPoP resource server nonce v2"[..], &LABEL[1..], &[LABEL, b"\0"].concat()];
        for label in labels {
            assert!(!keys.verify(7, &mac(&key, label, 7), START), "{label:?}");
        }
        let unlabelled = hmac::sign(&key, &7_u64.to_be_bytes());
        assert!(!keys.verify(7, unlabelled.as_ref()[..MAC_LENGTH].try_into().unwrap(), START));
    }
}
