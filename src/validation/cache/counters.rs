use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Usually more than the number of cores that one instance of an API has to itself.
const STRIPES: usize = 16;

/// Two counts that every thread writes to a place of its own: one place for all would pass from core to core with every
/// request, at several times the cost of the count.
#[derive(Default)]
pub(super) struct Counters([Stripe; STRIPES]);

/// As far apart as two cores may prefetch together.
#[derive(Default)]
#[repr(align(128))]
struct Stripe {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Counters {
    pub(super) fn hit(&self) {
        self.own().hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn miss(&self) {
        self.own().misses.fetch_add(1, Ordering::Relaxed);
    }

    /// Hits and misses.
    pub(super) fn read(&self) -> (u64, u64) {
        let sum = |count: fn(&Stripe) -> &AtomicU64| self.0.iter().map(|own| count(own).load(Ordering::Relaxed)).sum();
        (sum(|stripe| &stripe.hits), sum(|stripe| &stripe.misses))
    }

    fn own(&self) -> &Stripe {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
        }
        // A thread that is ending has lost its own.
        &self.0[OWN.try_with(|own| *own).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_counts_whatever_thread_it_comes_from() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * STRIPES {
                scope.spawn(|| (0..100).for_each(|_| counters.hit()));
            }
        });
        counters.miss();
        assert_eq!(counters.read(), (200 * STRIPES as u64, 1));
    }
}
