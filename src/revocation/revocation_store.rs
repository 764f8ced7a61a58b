use std::pin::Pin;
use std::sync::Arc;

use super::follower::Follower;
use super::revocation_record::RevocationRecord;
use super::revocation_store_error::RevocationStoreError;

/// Where processes share revocations: a log that each of them appends to and follows.
///
/// [`Revocations::share`](super::Revocations::share) takes one. `RedisRevocations` of the crate `tower-bearer-redis` is one for Redis and Valkey. Any
/// other log will do that keeps a record for as long as [it says](RevocationRecord::keep_for), such as a table of a database with
/// notifications.
///
/// The order of records does not matter, and a record may come twice: a revocation that is known already changes nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store of revocations",
    label = "expected a `RevocationStore`",
    note = "for Redis or Valkey, write `RedisRevocations` of the package `tower-bearer-redis`",
    note = "any other store is a type of yours with `impl tower_bearer::revocation::RevocationStore`"
)]
pub trait RevocationStore: Send + Sync + 'static {
    /// Appends a record. It completes when the store has it, so that no process that starts afterwards can miss it.
    ///
    /// The future borrows nothing from the store, because it may outlive the call. It should have a time limit of its own.
    fn append(&self, record: RevocationRecord) -> AppendFuture;

    /// Reads all records that are there, [says so](Follower::up_to_date), and goes on with those that are appended, by any process.
    ///
    /// It is called once, in a task of its own, and should return when the follower is [closed](Follower::closed). Until then it should go on, whatever
    /// fails, and begin again where it was.
    fn follow(self: Arc<Self>, follower: Follower) -> FollowFuture;
}

/// What [`RevocationStore::append`] returns.
pub type AppendFuture = Pin<Box<dyn Future<Output = Result<(), RevocationStoreError>> + Send>>;

/// What [`RevocationStore::follow`] returns.
pub type FollowFuture = Pin<Box<dyn Future<Output = ()> + Send>>;
