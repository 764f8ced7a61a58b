//! Sender-constrained tokens by DPoP (RFC 9449): server nonces, and the store that detects a proof that is used again.

mod nonce;
mod replay;

pub use nonce::{InvalidNonceKeys, NonceError, Nonces};
pub use replay::{
    Freshness, MemoryReplayStatus, MemoryReplayStore, ReplayAnswer, ReplayEntry, ReplayFuture, ReplayKey, ReplayStore,
    ReplayStoreError,
};

pub(crate) use nonce::NonceAge;
