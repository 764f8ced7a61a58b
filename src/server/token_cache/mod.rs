//! Tokens that were verified before: a good signature stays good as long as its key does, so it need not be verified again.
//!
//! What is found here is a claim about the past. Whoever takes an entry out judges again whatever may have changed since:
//! the time, and whether [the very key](Entry::key) that verified the token is one of its issuer's now. Nothing depends on
//! an entry being removed in time, because an insert may always come a moment after.

mod counters;
mod doorkeeper;
mod settings;

use std::hash::{BuildHasher, Hasher};
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use siphasher::sip128::SipHasher24;

use self::counters::Counters;
use self::doorkeeper::Doorkeeper;
use crate::AccessToken;
use crate::jose::KeyIdentity;
use crate::metrics;
use crate::token::Validity;

pub use settings::{TokenCache, TokenCacheStatus};

/// What one entry costs beside its token, in bytes: the nodes, counts and copies of the fingerprint that the cache and the
/// allocator keep for it. Measured as the growth of a process, by `cargo bench --bench memory`.
const OVERHEAD: usize = 350;

/// The least that a shard is given, if there is as much: with less, the largest tokens would fit in none. They have 16 KiB, of
/// which their payloads are 12, and those count twice with [`Claims`](crate::Claims).
const SHARD: u64 = 64 * 1024;
/// More than any machine has, and little enough for the cache to add weights up before it compares them with the bound.
const MAX_BYTES: u64 = 1 << 60;
/// The least that an entry can count for: what it costs beside the token.
const SMALLEST: u64 = (OVERHEAD + size_of::<Entry>()) as u64;

/// The verified tokens of one server. Its policies never change, so the index of an issuer stands for the rules that a token
/// was judged by.
pub(super) struct VerifiedTokens {
    entries: Cache<Fingerprint, Entry, Share, AsItIs>,
    /// Holds a key of this cache alone, so that nobody outside can make two tokens collide.
    hasher: SipHasher24,
    doorkeeper: Doorkeeper,
    counters: Counters,
}

/// Stands for a token that is not kept: SipHash-2-4 with 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint(u128);

/// A token and what its being good depends on.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) token: AccessToken,
    /// The token's own, once more: in a large cache every look at another place in memory costs as much as a tenth of a hit.
    pub(super) validity: Validity,
    /// The key that verified it.
    pub(super) key: KeyIdentity,
    /// The index of its issuer among those that are trusted.
    pub(super) issuer: usize,
}

impl VerifiedTokens {
    /// `None` if nothing is to be kept, or if the system has no randomness for a key.
    pub(super) fn new(settings: &TokenCache) -> Option<Self> {
        let TokenCache { entries, bytes } = *settings;
        let bytes = bytes.min(MAX_BYTES);
        let mut key = [0; 16];
        if entries == 0 || bytes == 0 || aws_lc_rs::rand::fill(&mut key).is_err() {
            return None;
        }
        // For every two entries that it expects, the cache remembers one that is gone, and that is in none of its weights: so
        // it must not expect more than there is room for.
        let entries = entries.min(bytes / SMALLEST).max(1);
        let options = OptionsBuilder::new()
            .shards(shards(bytes))
            .weight_capacity(bytes)
            .estimated_items_capacity(usize::try_from(entries).unwrap_or(usize::MAX))
            // The rest is for what is new. A token that was used often is dead an hour later, and must not keep the one that
            // takes its place out; what comes once the doorkeeper keeps out. No entry may be larger than this part, and a
            // single one counts as much as the whole.
            .hot_allocation(if entries == 1 { 1.0 } else { 0.7 })
            .build()
            .ok()?;
        Some(Self {
            entries: Cache::with_options(options, Share(bytes.div_ceil(entries)), AsItIs, DefaultLifecycle::default()),
            hasher: SipHasher24::new_with_key(&key),
            doorkeeper: Doorkeeper::for_entries(entries),
            counters: Counters::default(),
        })
    }

    pub(super) fn fingerprint(&self, token: &str) -> Fingerprint {
        Fingerprint(self.hasher.hash(token.as_bytes()).as_u128())
    }

    pub(super) fn get(&self, fingerprint: Fingerprint) -> Option<Entry> {
        self.entries.get(&fingerprint)
    }

    /// An entry was good enough.
    pub(super) fn hit(&self) {
        self.counters.hit();
        metrics::token_remembered();
    }

    /// A token was verified by its signature. It is kept from the second time on: most tokens that come once never come
    /// again, and each would cost as much as two dozen look-ups and displace another.
    pub(super) fn verified(&self, fingerprint: Fingerprint, entry: Entry) {
        self.counters.miss();
        metrics::token_verified();
        if self.doorkeeper.has_seen(fingerprint.0) {
            self.entries.insert(fingerprint, entry);
        }
    }

    /// The token was good once and is no more. Nothing depends on this but room for others.
    pub(super) fn forget(&self, fingerprint: Fingerprint) {
        self.entries.remove(&fingerprint);
    }

    pub(super) fn status(&self) -> TokenCacheStatus {
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

/// The bytes that an entry counts for at least. So one bound serves as both: there are never more entries than shares.
#[derive(Clone)]
struct Share(u64);

impl Weighter<Fingerprint, Entry> for Share {
    fn weight(&self, _: &Fingerprint, entry: &Entry) -> u64 {
        entry.bytes().max(self.0)
    }
}

/// Fingerprints are as random as can be: hashing them again gains nothing.
#[derive(Clone, Copy)]
struct AsItIs;

impl BuildHasher for AsItIs {
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

    fn write(&mut self, octets: &[u8]) {
        // Not how a fingerprint comes; it would still be a correct hash.
        for octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "one half is meant")]
    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = fingerprint as u64;
    }
}
