use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// How many maps there are. The whole table is locked while one of them grows, which takes as long as there are entries in it.
const SHARDS: usize = 64;

/// A map by hashes that are spread evenly, in parts: of a million entries none grows for longer than a millisecond.
pub(super) struct Entries<T>(Box<[HashMap<u128, T, BuildHasherDefault<KeyHasher>>; SHARDS]>);

/// The keys are hashes already, by a secret key. So a part of one is its hash: not the part that tells the shard.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.is_empty(), "only write_u128 is called");
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = (key >> 64) as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<T> Entries<T> {
    pub(super) fn new() -> Self {
        Self(Box::new(std::array::from_fn(|_| HashMap::default())))
    }

    pub(super) fn get(&self, key: u128) -> Option<&T> {
        self.0[shard(key)].get(&key)
    }

    pub(super) fn get_mut(&mut self, key: u128) -> Option<&mut T> {
        self.0[shard(key)].get_mut(&key)
    }

    pub(super) fn contains(&self, key: u128) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn insert(&mut self, key: u128, entry: T) {
        self.0[shard(key)].insert(key, entry);
    }

    pub(super) fn remove(&mut self, key: u128) {
        self.0[shard(key)].remove(&key);
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(HashMap::len).sum()
    }
}

fn shard(key: u128) -> usize {
    key as usize % SHARDS
}
