use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use siphasher::sip128::SipHasher24;

use super::key_counts::Columns;
use super::replay_entry::ReplayEntry;
use super::replay_store::{Freshness, ReplayAnswer, ReplayStore};
use super::replay_store_error::ReplayStoreError;
use super::shard::Shard;
use crate::clock::Moment;
use crate::metrics;

/// At 130 seconds for each proof, which are kept for up to twice as long, that is 4,000 requests a second.
const DEFAULT_CAPACITY: usize = 1 << 20;
/// Counts of entries have 32 bits.
const MAX_CAPACITY: usize = u32::MAX as usize;
/// The part of the capacity that one holder can have.
const SHARE: usize = 64;
/// With this many, threads seldom meet, and a table that grows is a small one.
const SHARDS: usize = 64;
/// More than any proof is valid, and little enough for either clock to represent the end of it.
const MAX_KEEP_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A bounded [`ReplayStore`] in the memory of this process.
///
/// A server uses one unless another store is set. A restart empties it, and instances do not see each other's entries. So a captured proof can be
/// used again after a restart, or once at each instance, while its time or its nonce is still accepted.
///
/// - **Entries.** A proof is kept as 16 bytes of a keyed hash, for at least the time in [`keep_for`](ReplayEntry::keep_for) and at most twice that
///   time. Entries are removed in groups, at no cost.
/// - **Memory.** At most 48 bytes for each entry of the capacity, plus 1 MiB. It is allocated as entries are inserted.
/// - **A full store** refuses further proofs with 503, and never drops one that is still valid. Only requests that have passed all other checks reach
///   the store, so it takes valid tokens to fill it.
/// - **One key** holds at most 1/64 of the capacity. Beyond that, its proofs are refused with 429, and other keys are not affected. The counts are
///   estimates that are never too low. With 64 keys at their limit, the probability that a given other key is refused too is below 1 in 100 million.
/// - **Clocks.** An entry expires only when both the monotonic clock and the time of day say so. So a proof does not become usable again if the
///   time of day is set back, or jumps ahead and returns.
///
/// ```
/// use tower_bearer::dpop::MemoryReplayStore;
///
/// // For 20,000 requests a second whose proofs are kept for 130 seconds, as with the default window.
/// let store = MemoryReplayStore::with_capacity(20_000 * 130 * 2);
/// ```
#[must_use]
pub struct MemoryReplayStore {
    shards: Box<[Mutex<Shard>; SHARDS]>,
    /// Without it, strangers could make two proofs collide, or two holders share their counts.
    hasher: SipHasher24,
    capacity: usize,
    /// The entries of all shards, and those that are just being inserted.
    entries: AtomicUsize,
    replayed: AtomicU64,
    full: AtomicU64,
    too_many_of_one_key: AtomicU64,
}

impl MemoryReplayStore {
    /// A store for 1,048,576 entries, which takes 49 MiB at most.
    ///
    /// # Panics
    ///
    /// Same as [`with_capacity`](Self::with_capacity).
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// A store for this many entries, at most 4,294,967,295.
    ///
    /// An instance needs its number of requests per second × the seconds for which a proof is kept × 2, and at least 64 times what its busiest client
    /// needs.
    ///
    /// # Panics
    ///
    /// If the system provides no random bytes; [`try_with_capacity`](Self::try_with_capacity) returns an error.
    pub fn with_capacity(entries: usize) -> Self {
        Self::try_with_capacity(entries)
            .unwrap_or_else(|_| panic!("the system provided no random bytes for a replay store"))
    }

    /// Like [`with_capacity`](Self::with_capacity), but returns an error instead of panicking.
    ///
    /// # Errors
    ///
    /// If the system provides no random bytes.
    pub fn try_with_capacity(entries: usize) -> Result<Self, ReplayStoreError> {
        let mut key = [0; 16];
        aws_lc_rs::rand::fill(&mut key).map_err(ReplayStoreError::new)?;
        Ok(Self {
            shards: Box::new(std::array::from_fn(|_| Mutex::default())),
            hasher: SipHasher24::new_with_key(&key),
            capacity: entries.min(MAX_CAPACITY),
            entries: AtomicUsize::new(0),
            replayed: AtomicU64::new(0),
            full: AtomicU64::new(0),
            too_many_of_one_key: AtomicU64::new(0),
        })
    }

    /// How full the store is, and what it has refused.
    #[must_use]
    pub fn status(&self) -> MemoryReplayStatus {
        MemoryReplayStatus {
            entries: self.entries.load(Ordering::Relaxed),
            capacity: self.capacity,
            replayed: self.replayed.load(Ordering::Relaxed),
            full: self.full.load(Ordering::Relaxed),
            too_many_of_one_key: self.too_many_of_one_key.load(Ordering::Relaxed),
        }
    }

    /// [`insert`](ReplayStore::insert) of this store, which does not wait.
    fn insert_now(&self, entry: &ReplayEntry) -> Result<Freshness, ReplayStoreError> {
        if entry.keep_for > MAX_KEEP_FOR {
            let seconds = entry.keep_for.as_secs();
            return Err(ReplayStoreError::new(format!(
                "expected proofs to be kept for at most 24 h, and found {seconds} s"
            )));
        }
        let mut freshness = self.try_insert(entry);
        if freshness == Freshness::Full {
            // Entries of shards that had no request since may have ended.
            self.drop_ended(entry.moment());
            freshness = self.try_insert(entry);
        }
        metrics::replay_store(self.entries.load(Ordering::Relaxed), self.capacity);
        let refused = match freshness {
            Freshness::Fresh => return Ok(freshness),
            Freshness::Replayed => &self.replayed,
            Freshness::Full => &self.full,
            Freshness::TooManyOfOneKey => &self.too_many_of_one_key,
        };
        refused.fetch_add(1, Ordering::Relaxed);
        Ok(freshness)
    }

    fn try_insert(&self, entry: &ReplayEntry) -> Freshness {
        let now = entry.moment();
        let hash = self.hasher.hash(entry.key.as_bytes()).as_u128();
        let (shard, columns) = self.place(entry.key.holder());
        let mut shard = lock(shard);
        self.release(shard.drop_ended(now));
        if shard.contains(hash) {
            return Freshness::Replayed;
        }
        if shard.count(columns) as usize >= (self.capacity / SHARE).max(1) {
            return Freshness::TooManyOfOneKey;
        }
        if !self.reserve() {
            return Freshness::Full;
        }
        shard.insert(hash, columns, now, entry.keep_for, now.plus(entry.keep_for));
        Freshness::Fresh
    }

    /// All entries of one holder are in one shard, so the lock of that shard makes its count exact.
    fn place(&self, holder: &[u8; 16]) -> (&Mutex<Shard>, Columns) {
        let [shard, a, b, c, d, ..] = self.hasher.hash(holder).as_u128().to_le_bytes();
        (&self.shards[usize::from(shard) % SHARDS], [a, b, c, d])
    }

    /// Counts one entry more, if there is room for it.
    fn reserve(&self) -> bool {
        let one_more = |entries| (entries < self.capacity).then_some(entries + 1);
        self.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    fn release(&self, entries: usize) {
        if entries > 0 {
            self.entries.fetch_sub(entries, Ordering::Relaxed);
        }
    }

    /// Drops what has ended in all shards but those that are in use, which do it themselves.
    fn drop_ended(&self, now: Moment) {
        for shard in self.shards.iter() {
            match shard.try_lock() {
                Ok(mut shard) => self.release(shard.drop_ended(now)),
                Err(TryLockError::Poisoned(shard)) => self.release(shard.into_inner().drop_ended(now)),
                Err(TryLockError::WouldBlock) => {}
            }
        }
    }
}

impl ReplayStore for MemoryReplayStore {
    fn insert(&self, entry: ReplayEntry) -> ReplayAnswer {
        ReplayAnswer::Now(self.insert_now(&entry))
    }
}

impl Default for MemoryReplayStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryReplayStore {
    /// The status, without entries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryReplayStore").field(&self.status()).finish()
    }
}

/// How full a [`MemoryReplayStore`] is, and what it has refused since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryReplayStatus {
    /// How many entries are kept. Some may already have ended, because they are removed at the next insertion.
    pub entries: usize,
    /// How many entries the store has room for.
    pub capacity: usize,
    /// How many proofs were [`Replayed`](Freshness::Replayed).
    pub replayed: u64,
    /// How many proofs were refused because the store was [`Full`](Freshness::Full).
    pub full: u64,
    /// How many proofs were refused because their key had used up its [share](Freshness::TooManyOfOneKey).
    pub too_many_of_one_key: u64,
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // No code panics between two changes of a shard.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
