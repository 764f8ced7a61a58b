use std::sync::atomic::{AtomicU16, Ordering};

/// Slots for each entry of the cache that it keeps the door of: so many one-time tokens may come between two sights of
/// another until it is forgotten more often than not.
const SLOTS_PER_ENTRY: u64 = 4;
/// However large the cache: 8 MiB.
const MAX_SLOTS: u64 = 1 << 22;

/// Remembers for a while which tokens came once.
///
/// Each token has one slot and leaves 16 of its bits there; the next one with that slot writes over them. So nothing is ever
/// counted, locked or cleared: what does not come again is forgotten as fast as others come. One token in 65,536 is taken for
/// one that was here before, which costs an insert and nothing else.
pub(super) struct Doorkeeper(Box<[AtomicU16]>);

impl Doorkeeper {
    pub(super) fn for_entries(entries: u64) -> Self {
        let slots = entries.saturating_mul(SLOTS_PER_ENTRY).min(MAX_SLOTS).next_power_of_two();
        Self((0..slots).map(|_| AtomicU16::new(0)).collect())
    }

    /// Whether the token was here before, as far as is remembered; from now on it was.
    #[expect(clippy::cast_possible_truncation, reason = "some of the bits are meant")]
    pub(super) fn has_seen(&self, fingerprint: u128) -> bool {
        // The lower half is the cache's own hash.
        let bits = (fingerprint >> 64) as u64;
        let slot = &self.0[(bits >> 16) as usize & (self.0.len() - 1)];
        // A slot that nobody wrote to yet holds 0.
        let trace = (bits as u16).max(1);
        // Two threads with one new token may both be the first: it is then admitted one sight later.
        let seen = slot.load(Ordering::Relaxed) == trace;
        if !seen {
            slot.store(trace, Ordering::Relaxed);
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spread like a fingerprint.
    fn fingerprint(number: u64) -> u128 {
        u128::from(fastrand::Rng::with_seed(number).u64(..)) << 64
    }

    #[test]
    fn a_token_is_known_at_its_second_sight() {
        let doorkeeper = Doorkeeper::for_entries(1000);
        let known_at_once = (0..1000).filter(|number| doorkeeper.has_seen(fingerprint(*number))).count();
        assert_eq!(known_at_once, 0);
        let known_later = (0..1000).filter(|number| doorkeeper.has_seen(fingerprint(*number))).count();
        assert!(known_later > 750, "{known_later}");
    }

    #[test]
    fn it_does_not_grow_and_forgets_what_does_not_come_again() {
        let doorkeeper = Doorkeeper::for_entries(1000);
        assert_eq!(doorkeeper.0.len(), 4096);
        for number in 0..100_000 {
            doorkeeper.has_seen(fingerprint(number));
        }
        let known = (0..1000).filter(|number| doorkeeper.has_seen(fingerprint(*number))).count();
        assert_eq!(known, 0);
        assert_eq!(Doorkeeper::for_entries(u64::MAX).0.len() as u64, MAX_SLOTS);
        assert!(!Doorkeeper::for_entries(1).has_seen(0), "an empty slot knows nobody");
    }
}
