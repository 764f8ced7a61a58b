use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::replay_entry::ReplayEntry;
use super::replay_store_error::ReplayStoreError;

/// A store that detects replayed DPoP proofs (RFC 9449 §11.1).
///
/// [`MemoryReplayStore`](super::MemoryReplayStore) is the default, and suffices for one process. Several instances that serve the same clients
/// need a shared store, or a captured proof can be used once at each of them. The crate [`tower-bearer-redis`](https://docs.rs/tower-bearer-redis)
/// has one for Redis and Valkey.
///
/// # The contract
///
/// The server calls [`insert`](Self::insert) once for each request with a proof, after all other checks of the token and the proof have passed.
///
/// 1. **One atomic step.** The store looks for the key and inserts it in one step. Of any number of calls with the same key, concurrent or not,
///    from one server or from several, at most one gets [`Fresh`](Freshness::Fresh). In Redis, use a single `SET` with `NX` and `PX`; a `GET`
///    before a `SET` is not atomic, and a replica must not be read.
/// 2. **How long.** After `Fresh` the key stays for at least [`keep_for`](ReplayEntry::keep_for), counted from the insertion. It may stay longer,
///    because a client never makes the same proof twice. If the store's time unit is too coarse, round up. Nothing may remove the key earlier, so
///    Redis needs the `maxmemory-policy` `noeviction`. A repeated key does not extend the time.
/// 3. **The whole key.** Entries are distinguished by all 32 bytes of [`ReplayKey::as_bytes`](super::ReplayKey::as_bytes), or by at least 16 bytes
///    of a keyed hash of them. Servers that must not see each other's entries use separate prefixes or stores.
/// 4. **Errors refuse.** If the store does not know the answer, because there is no connection, a time limit has passed, the reply is not
///    understood, or the insertion may not survive, it returns [`ReplayStoreError`]. The request is then refused with 503. `Fresh` is never a guess.
/// 5. **No retries.** A command that may have been executed is not sent again: the second one would find the key of the first, and a good proof
///    would be refused as [`Replayed`](Freshness::Replayed). With redis-rs, set `retries(0)`. The client repeats the request with a new proof.
/// 6. **Bounds.** A store that has no room answers [`Full`](Freshness::Full). A store that limits the entries of each
///    [`holder`](super::ReplayKey::holder) answers [`TooManyOfOneKey`](Freshness::TooManyOfOneKey). In both cases it does not insert the key.
/// 7. **Cancellation.** The future of [`ReplayAnswer::Later`] may be dropped at any point, because the client has disconnected or the server has
///    stopped waiting. Whether the key is then inserted is undefined; a later call with the same key may get either answer, as long as point 1
///    holds.
/// 8. **No blocking.** [`insert`](Self::insert) returns without waiting for I/O. Slow work belongs in the future, which has its own time limit.
///
/// If a store loses entries, as Redis does in a restart without persistence or a failover to a lagging replica, the proofs of the last moments
/// can be used once more.
///
/// # A store in Redis
///
/// ```
/// # use std::time::Duration;
/// use tower_bearer::dpop::{Freshness, ReplayAnswer, ReplayEntry, ReplayStore, ReplayStoreError};
/// # #[derive(Clone)]
/// # struct Connection;
/// # impl Connection {
/// #     async fn set_nx_px(&mut self, key: Vec<u8>, px: u64) -> Result<bool, std::io::Error> { Ok(!key.is_empty() && px > 0) }
/// # }
///
/// struct SharedStore {
///     // It can be cloned, does not repeat commands, and has a time limit.
///     connection: Connection,
///     prefix: &'static str,
/// }
///
/// impl ReplayStore for SharedStore {
///     fn insert(&self, entry: ReplayEntry) -> ReplayAnswer {
///         let mut connection = self.connection.clone();
///         let key = [self.prefix.as_bytes(), entry.key.as_bytes()].concat();
///         // Whole milliseconds, rounded up.
///         let milliseconds = entry.keep_for.as_nanos().div_ceil(1_000_000);
///         ReplayAnswer::later(async move {
///             let milliseconds = u64::try_from(milliseconds).map_err(ReplayStoreError::new)?;
///             // SET key "" NX PX milliseconds: true if the reply is OK, and false if it is nil.
///             match connection.set_nx_px(key, milliseconds).await {
///                 Ok(true) => Ok(Freshness::Fresh),
///                 Ok(false) => Ok(Freshness::Replayed),
///                 Err(error) => Err(ReplayStoreError::new(error)),
///             }
///         })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store of used DPoP proofs",
    label = "expected a `ReplayStore`",
    note = "the default is in memory; for Redis or Valkey, use `RedisReplayStore` from the crate `tower-bearer-redis`",
    note = "any other store is your own type with `impl tower_bearer::dpop::ReplayStore`"
)]
pub trait ReplayStore: Send + Sync + 'static {
    /// Inserts the key of a proof unless it is already there, in one atomic step.
    fn insert(&self, entry: ReplayEntry) -> ReplayAnswer;
}

impl<S: ReplayStore + ?Sized> ReplayStore for Arc<S> {
    fn insert(&self, entry: ReplayEntry) -> ReplayAnswer {
        (**self).insert(entry)
    }
}

/// The answer of a [`ReplayStore`], immediate or later.
#[must_use]
pub enum ReplayAnswer {
    /// The answer of a store that does not wait. It needs no allocation.
    Now(Result<Freshness, ReplayStoreError>),
    /// The answer of a store that asks another process.
    Later(ReplayFuture),
}

/// The future in [`ReplayAnswer::Later`]. It borrows nothing from the store, because it moves into the request's future.
pub type ReplayFuture = Pin<Box<dyn Future<Output = Result<Freshness, ReplayStoreError>> + Send>>;

impl ReplayAnswer {
    /// The answer that `answer` resolves to.
    pub fn later(answer: impl Future<Output = Result<Freshness, ReplayStoreError>> + Send + 'static) -> Self {
        Self::Later(Box::pin(answer))
    }
}

impl fmt::Debug for ReplayAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(answer) => f.debug_tuple("Now").field(answer).finish(),
            Self::Later(_) => f.debug_tuple("Later").finish_non_exhaustive(),
        }
    }
}

/// Whether a proof is used for the first time. With every answer but [`Fresh`](Self::Fresh), the request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Freshness {
    /// The key was not there, and is now.
    Fresh,
    /// The key was already there: the request gets 401 `invalid_dpop_proof`.
    Replayed,
    /// The store has no room for another key: the request gets 503. The key was not inserted.
    Full,
    /// The holder of the proof's key has used up its share of the store: the request gets 429. The key was not inserted.
    TooManyOfOneKey,
}
