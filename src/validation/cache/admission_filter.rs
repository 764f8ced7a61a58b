use std::sync::atomic::{AtomicU64, Ordering};

/// The number of traces for each entry of the cache: a token's first use is forgotten once about this many other tokens for each entry have come
/// after it.
const TRACES_PER_ENTRY: u64 = 4;
/// However large the cache: 8 MiB.
const MAX_SLOTS: u64 = 1 << 20;
/// A slot has room for four traces of 16 bits.
const TRACES_PER_SLOT: u64 = 4;

/// Tells the first use of a token from the second, for a while, so that a cache admits only what is used more than once.
///
/// Each token belongs to one slot and leaves 16 of its bits there, in place of the oldest. So nothing is counted, locked or
/// cleared: a token that does not come again is forgotten as fast as others come. One first use in 16,384 is taken for a second,
/// which costs one insertion.
pub(super) struct AdmissionFilter(Box<[AtomicU64]>);

impl AdmissionFilter {
    pub(super) fn for_entries(entries: u64) -> Self {
        let slots = entries.saturating_mul(TRACES_PER_ENTRY).div_ceil(TRACES_PER_SLOT).min(MAX_SLOTS);
        Self((0..slots.next_power_of_two()).map(|_| AtomicU64::new(0)).collect())
    }

    /// Records a use of the token, and returns whether an earlier one is remembered.
    #[expect(clippy::cast_possible_truncation, reason = "only some of the bits are used")]
    pub(super) fn is_repeated(&self, fingerprint: u128) -> bool {
        // The lower half is the cache's own hash.
        let bits = (fingerprint >> 64) as u64;
        let slot = &self.0[(bits >> 16) as usize & (self.0.len() - 1)];
        // An unused place holds 0.
        let trace = (bits as u16).max(1);
        // Two threads may overwrite each other's trace. Then a token is admitted one use later.
        let traces = slot.load(Ordering::Relaxed);
        let is_repeated = (0..TRACES_PER_SLOT).any(|place| (traces >> (16 * place)) as u16 == trace);
        if !is_repeated {
            slot.store(traces << 16 | u64::from(trace), Ordering::Relaxed);
        }
        is_repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same ones each time, distributed as fingerprints are.
    fn fingerprints(count: usize) -> impl Iterator<Item = u128> {
        let mut random = fastrand::Rng::with_seed(1);
        std::iter::repeat_with(move || random.u128(..)).take(count)
    }

    #[test]
    fn a_token_is_admitted_at_its_second_use() {
        let filter = AdmissionFilter::for_entries(1000);
        let known_at_once = fingerprints(1000).filter(|fingerprint| filter.is_repeated(*fingerprint)).count();
        assert!(known_at_once < 5, "{known_at_once}");
        let known_later = fingerprints(1000).filter(|fingerprint| filter.is_repeated(*fingerprint)).count();
        assert!(known_later > 970, "{known_later}");
    }

    #[test]
    fn its_size_is_fixed_and_unused_tokens_are_forgotten() {
        let filter = AdmissionFilter::for_entries(1000);
        assert_eq!(filter.0.len(), 1024);
        for fingerprint in fingerprints(100_000) {
            filter.is_repeated(fingerprint);
        }
        let known = fingerprints(1000).filter(|fingerprint| filter.is_repeated(*fingerprint)).count();
        assert!(known < 5, "{known}");
        assert_eq!(AdmissionFilter::for_entries(u64::MAX).0.len() as u64, MAX_SLOTS);
        assert!(!AdmissionFilter::for_entries(1).is_repeated(0), "an empty slot holds no trace");
    }
}
