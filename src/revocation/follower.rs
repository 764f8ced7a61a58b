use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::feed::Feed;
use super::revocation_record::RevocationRecord;
use super::revocation_store_error::RevocationStoreError;
use super::revocation_table::RevocationTable;
use super::revocations_full::RevocationsFull;

/// Receives the records that a [`RevocationStore`](super::RevocationStore) reads.
pub struct Follower {
    /// It does not keep the table: the task ends when nobody has it any more.
    table: Weak<RevocationTable>,
    feed: Arc<Feed>,
    changes: watch::Receiver<()>,
    keep_for: Duration,
    fails: AtomicBool,
}

impl Follower {
    pub(super) fn new(table: &Arc<RevocationTable>, feed: Arc<Feed>) -> Self {
        Self {
            changes: table.changes(),
            keep_for: table.keep_for(),
            table: Arc::downgrade(table),
            feed,
            fails: AtomicBool::new(false),
        }
    }

    /// Refuses the tokens that a record concerns, from now on.
    ///
    /// # Errors
    ///
    /// If there is no room. Nothing is revoked then: apply the record again later, and do not report that all is [up to date](Self::up_to_date) until
    /// then.
    pub fn apply(&self, record: &RevocationRecord) -> Result<(), RevocationsFull> {
        self.table.upgrade().map_or(Ok(()), |table| table.apply(record))
    }

    /// How long a record is needed after it was appended, like [`RevocationRecord::keep_for`].
    #[must_use]
    pub fn keep_for(&self) -> Duration {
        self.keep_for
    }

    /// Reports that everything that the store had when it was last asked has been applied. Call it at least every few seconds, even if there is
    /// nothing new: otherwise the store is considered stale.
    pub fn up_to_date(&self) {
        self.feed.heard();
        if self.fails.swap(false, Ordering::Relaxed) {
            tracing::info!("the shared store of revocations answers again");
        }
    }

    /// Reports that the store has failed. The first failure is logged.
    pub fn failed(&self, error: &RevocationStoreError) {
        if self.fails.swap(true, Ordering::Relaxed) {
            return;
        }
        // As an error, so that a subscriber shows its source too.
        let error: &(dyn std::error::Error + 'static) = error;
        tracing::warn!(
            error,
            "the shared store of revocations does not answer, so revocations of other processes are missing"
        );
    }

    /// Whether nobody uses the revocations any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.table.strong_count() == 0
    }

    /// Completes when nobody uses the revocations any more.
    pub async fn closed(&self) {
        let mut changes = self.changes.clone();
        while changes.changed().await.is_ok() {}
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}
