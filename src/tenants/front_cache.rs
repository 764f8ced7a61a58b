use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use crate::validation::TrustedIssuer;

/// Slots for each tenant: about one in sixteen shares its slot, and is then found in the table.
const SLOTS_PER_TENANT: u64 = 8;
const MIN_SLOTS: u64 = 64;
/// 2 MB.
const MAX_SLOTS: u64 = 1 << 18;

/// A direct-mapped cache in front of the table of tenants: an identifier has one slot, which the tenant that came last occupies.
///
/// The table counts each lookup, for the order in which tenants leave. Here a lookup writes nothing that processors share. It may return a
/// tenant that has left the table, whose standing then says so.
pub(super) struct FrontCache {
    slots: Box<[ArcSwapOption<TrustedIssuer>]>,
    /// Keyed, so that nobody can choose identifiers that share a slot.
    hasher: RandomState,
}

impl FrontCache {
    pub(super) fn new(max_tenants: u64) -> Self {
        let slots = max_tenants.saturating_mul(SLOTS_PER_TENANT).clamp(MIN_SLOTS, MAX_SLOTS).next_power_of_two();
        Self { slots: (0..slots).map(|_| ArcSwapOption::empty()).collect(), hasher: RandomState::new() }
    }

    /// The tenant in the slot of this identifier, which may be another one's.
    pub(super) fn get(&self, iss: &str) -> Guard<Option<Arc<TrustedIssuer>>> {
        self.slot(iss).load()
    }

    pub(super) fn insert(&self, iss: &str, issuer: Arc<TrustedIssuer>) {
        self.slot(iss).store(Some(issuer));
    }

    /// Frees the slot, if this tenant occupies it.
    pub(super) fn remove(&self, iss: &str, issuer: &Arc<TrustedIssuer>) {
        let slot = self.slot(iss);
        let held = slot.load();
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, issuer)) {
            // Another one may have come since, in another thread.
            slot.compare_and_swap(&held, None);
        }
    }

    fn slot(&self, iss: &str) -> &ArcSwapOption<TrustedIssuer> {
        // The number of slots is a power of two, at most 2^18.
        let mask = self.slots.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
        let at = self.hasher.hash_one(iss) as usize & mask;
        &self.slots[at]
    }
}
