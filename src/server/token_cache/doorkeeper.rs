use std::sync::atomic::{AtomicU64, Ordering};

/// Traces for each entry of the cache that it keeps the door of: so many one-time tokens may come between two sights of
/// another until it is forgotten.
const TRACES_PER_ENTRY: u64 = 4;
/// However large the cache: 8 MiB.
const MAX_SLOTS: u64 = 1 << 20;
/// A slot has room for four traces of 16 bits.
const TRACES_PER_SLOT: u64 = 4;

/// Remembers for a while which tokens came once.
///
/// Each token belongs to one slot and leaves 16 of its bits there, in place of those that have been there longest. So nothing
/// is ever counted, locked or cleared: what does not come again is forgotten as fast as others come. One token in 16,384 is
/// taken for one that was here before, which costs an insert and nothing else.
pub(super) struct Doorkeeper(Box<[AtomicU64]>);

impl Doorkeeper {
    pub(super) fn for_entries(entries: u64) -> Self {
        let slots = entries.saturating_mul(TRACES_PER_ENTRY).div_ceil(TRACES_PER_SLOT).min(MAX_SLOTS);
        Self((0..slots.next_power_of_two()).map(|_| AtomicU64::new(0)).collect())
    }

    /// Whether the token was here before, as far as is remembered; from now on it was.
    #[expect(clippy::cast_possible_truncation, reason = "some of the bits are meant")]
    pub(super) fn has_seen(&self, fingerprint: u128) -> bool {
        // The lower half is the cache's own hash.
        let bits = (fingerprint >> 64) as u64;
        let slot = &self.0[(bits >> 16) as usize & (self.0.len() - 1)];
        // Where nobody has been yet there is 0.
        let trace = (bits as u16).max(1);
        // Two threads may write over one another: then a token is admitted one sight later.
        let traces = slot.load(Ordering::Relaxed);
        let seen = (0..TRACES_PER_SLOT).any(|place| (traces >> (16 * place)) as u16 == trace);
        if !seen {
            slot.store(traces << 16 | u64::from(trace), Ordering::Relaxed);
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Always the same ones, spread like fingerprints.
    fn fingerprints(count: usize) -> impl Iterator<Item = u128> {
        let mut random = fastrand::Rng::with_seed(1);
        std::iter::repeat_with(move || random.u128(..)).take(count)
    }

    #[test]
    fn a_token_is_known_at_its_second_sight() {
        let doorkeeper = Doorkeeper::for_entries(1000);
        let known_at_once = fingerprints(1000).filter(|fingerprint| doorkeeper.has_seen(*fingerprint)).count();
        assert!(known_at_once < 5, "{known_at_once}");
        let known_later = fingerprints(1000).filter(|fingerprint| doorkeeper.has_seen(*fingerprint)).count();
        assert!(known_later > 970, "{known_later}");
    }

    #[test]
    fn it_does_not_grow_and_forgets_what_does_not_come_again() {
        let doorkeeper = Doorkeeper::for_entries(1000);
        assert_eq!(doorkeeper.0.len(), 1024);
        for fingerprint in fingerprints(100_000) {
            doorkeeper.has_seen(fingerprint);
        }
        let known = fingerprints(1000).filter(|fingerprint| doorkeeper.has_seen(*fingerprint)).count();
        assert!(known < 5, "{known}");
        assert_eq!(Doorkeeper::for_entries(u64::MAX).0.len() as u64, MAX_SLOTS);
        assert!(!Doorkeeper::for_entries(1).has_seen(0), "an empty slot knows nobody");
    }
}
