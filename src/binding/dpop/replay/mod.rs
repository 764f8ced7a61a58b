//! Detection of replayed proofs (RFC 9449 §11.1): the trait for a store, and the in-memory store.

mod generation;
mod key_counts;
mod memory;
#[cfg(test)]
mod memory_attacks;
#[cfg(test)]
mod memory_tests;
mod replay_entry;
mod replay_key;
mod replay_store;
mod replay_store_error;
mod shard;

pub use memory::{MemoryReplayStatus, MemoryReplayStore};
pub use replay_entry::ReplayEntry;
pub use replay_key::ReplayKey;
pub use replay_store::{Freshness, ReplayAnswer, ReplayFuture, ReplayStore};
pub use replay_store_error::ReplayStoreError;
