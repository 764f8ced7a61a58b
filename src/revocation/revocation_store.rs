use std::pin::Pin;
use std::sync::Arc;

use super::follower::Follower;
use super::revocation_record::RevocationRecord;
use super::revocation_store_error::RevocationStoreError;

/// Where processes share revocations: a log that every process appends to and follows.
///
/// [`Revocations::share`](super::Revocations::share) takes one. `RedisRevocations` in the crate `tower-bearer-redis` is
/// one for Redis and Valkey. Any other log that keeps a record for [as long as it is needed](RevocationRecord::keep_for)
/// will do, such as a database table with notifications.
///
/// The order of records does not matter, and a record may occur twice: a revocation that is already known changes nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store of revocations",
    label = "expected a `RevocationStore`",
    note = "for Redis or Valkey, use `RedisRevocations` from the crate `tower-bearer-redis`",
    note = "any other store is your own type with `impl tower_bearer::revocation::RevocationStore`"
)]
pub trait RevocationStore: Send + Sync + 'static {
    /// Appends a record. The future completes once the store has it, so that no process that starts afterwards can miss
    /// it.
    ///
    /// The future borrows nothing from the store, because it may outlive the call. It should have its own time limit.
    fn append(&self, record: RevocationRecord) -> AppendFuture;

    /// Reads all existing records, [reports that](Follower::up_to_date), and then reads the records that any process
    /// appends.
    ///
    /// It is called once, in a separate task, and should return when the follower is [closed](Follower::closed). Until
    /// then, whatever fails, it should retry and resume where it was.
    fn follow(self: Arc<Self>, follower: Follower) -> FollowFuture;
}

/// What [`RevocationStore::append`] returns.
pub type AppendFuture = Pin<Box<dyn Future<Output = Result<(), RevocationStoreError>> + Send>>;

/// What [`RevocationStore::follow`] returns.
pub type FollowFuture = Pin<Box<dyn Future<Output = ()> + Send>>;
