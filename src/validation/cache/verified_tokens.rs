use std::hash::{BuildHasher, Hasher};
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use super::super::evidence::Evidence;
use super::super::trusted_issuer::IssuerGeneration;
use super::admission_filter::AdmissionFilter;
use super::counters::Counters;
use super::fingerprint::{Fingerprint, Fingerprinter};
use super::settings::{TokenCache, TokenCacheStatus};
use crate::AccessToken;
use crate::metrics;
use crate::token::Validity;

/// What one entry costs beside its token, in bytes: the nodes, counts and copies of the fingerprint that the cache and the
/// allocator keep for it. Measured as the growth of a process, by `cargo bench --bench memory`.
const OVERHEAD: usize = 350;

/// The minimum size of a shard in bytes, if the whole is that large: with less, the largest tokens would fit in none. They have
/// 16 KiB, of which their payloads are 12, and those count twice with [`Claims`](crate::Claims).
const SHARD: u64 = 64 * 1024;
/// More than any machine has, and small enough for the cache to add weights before it compares them with the bound.
const MAX_BYTES: u64 = 1 << 60;
/// The minimum weight of an entry: what it costs beside the token.
const SMALLEST: u64 = (OVERHEAD + size_of::<Entry>()) as u64;

/// The verified tokens of one server. The generation of an issuer stands for the rules by which a token was validated.
pub(crate) struct VerifiedTokens {
    entries: Cache<Fingerprint, Entry, MinimumWeight, NoRehash>,
    fingerprints: Fingerprinter,
    admission: AdmissionFilter,
    counters: Counters,
}

/// An accepted token and what its validity depends on.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) token: AccessToken,
    /// A copy of the token's: in a large cache every access to another place in memory costs as much as a tenth of a hit.
    pub(crate) validity: Validity,
    pub(crate) evidence: Evidence,
    /// The issuer that the token was validated for.
    pub(crate) issuer: IssuerGeneration,
}

impl VerifiedTokens {
    /// `None` if nothing is to be kept, or if the system has no randomness for a key.
    pub(crate) fn new(settings: &TokenCache) -> Option<Self> {
        let TokenCache { entries, bytes } = *settings;
        let bytes = bytes.min(MAX_BYTES);
        if entries == 0 || bytes == 0 {
            return None;
        }
        // For every two entries that it expects, the cache remembers one that was evicted, and counts that in no weight. So it must
        // not expect more entries than there is room for.
        let entries = entries.min(bytes / SMALLEST).max(1);
        let options = OptionsBuilder::new()
            .shards(shards(bytes))
            .weight_capacity(bytes)
            .estimated_items_capacity(usize::try_from(entries).unwrap_or(usize::MAX))
            // What is not hot is for new tokens. A token that was used often expires within the hour, and must not keep its
            // successor out. The admission filter keeps out tokens that come only once. No entry may be larger than the hot
            // part, and a single one counts as much as the whole.
            .hot_allocation(if entries == 1 { 1.0 } else { 0.7 })
            .build()
            .ok()?;
        Some(Self {
            entries: Cache::with_options(
                options,
                MinimumWeight(bytes.div_ceil(entries)),
                NoRehash,
                DefaultLifecycle::default(),
            ),
            fingerprints: Fingerprinter::new()?,
            admission: AdmissionFilter::for_entries(entries),
            counters: Counters::default(),
        })
    }

    pub(crate) fn fingerprint(&self, token: &str) -> Fingerprint {
        self.fingerprints.of(token)
    }

    pub(crate) fn get(&self, fingerprint: Fingerprint) -> Option<Entry> {
        self.entries.get(&fingerprint)
    }

    /// Counts an entry that was used.
    pub(crate) fn hit(&self) {
        self.counters.hit();
        metrics::token_remembered();
    }

    /// Counts a token whose signature was verified. It is kept from its second use on: most tokens that come once never come
    /// again, and each would cost as much as two dozen lookups and evict another.
    pub(crate) fn verified(&self, fingerprint: Fingerprint, entry: Entry) {
        self.counters.miss();
        metrics::token_verified();
        if self.admission.is_repeated(fingerprint.0) {
            self.entries.insert(fingerprint, entry);
        }
    }

    /// Removes a token that is no longer valid, to make room for others.
    pub(crate) fn forget(&self, fingerprint: Fingerprint) {
        self.entries.remove(&fingerprint);
    }

    pub(crate) fn status(&self) -> TokenCacheStatus {
        let (hits, misses) = self.counters.read();
        TokenCacheStatus { entries: self.entries.len() as u64, bytes: self.entries.weight(), hits, misses }
    }
}

impl Entry {
    fn bytes(&self) -> u64 {
        (OVERHEAD + size_of::<Self>() + self.token.footprint()) as u64
    }
}

/// As many as the cache would make, four for each core, unless they would be too small.
fn shards(bytes: u64) -> usize {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let fitting = 1 << (bytes / SHARD).max(1).ilog2().min(16);
    (4 * cores).min(fitting)
}

/// The bytes that an entry counts for at least. So one bound enforces both: the number of entries and their size.
#[derive(Clone)]
struct MinimumWeight(u64);

impl Weighter<Fingerprint, Entry> for MinimumWeight {
    fn weight(&self, _: &Fingerprint, entry: &Entry) -> u64 {
        entry.bytes().max(self.0)
    }
}

/// A fingerprint is a hash already, so it is not hashed again.
#[derive(Clone, Copy)]
struct NoRehash;

impl BuildHasher for NoRehash {
    type Hasher = LowerHalf;

    fn build_hasher(&self) -> LowerHalf {
        LowerHalf(0)
    }
}

struct LowerHalf(u64);

impl Hasher for LowerHalf {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // A fingerprint does not come this way. It would still be a correct hash.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "only one half is used")]
    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = fingerprint as u64;
    }
}
