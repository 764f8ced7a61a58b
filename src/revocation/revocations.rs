use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::feed::FeedSettings;
use super::feed_status::{FeedKind, FeedStatus};
use super::follower::Follower;
use super::revocation::Revocation;
use super::revocation_store::RevocationStore;
use super::revocation_table::RevocationTable;
use super::revoke_error::RevokeError;
use super::table::Table;
use crate::clock::{Clock, SystemClock};

/// How many revocations of one issuer are kept at a time.
const DEFAULT_QUOTA: usize = 100_000;
/// After what silence a shared store shows as stale.
const STORE_SILENT_AFTER: Duration = Duration::from_secs(10);

/// The revoked tokens, for one server or several: see the [module](super).
///
/// This is a handle: clones share one table. Give a clone to each server that is to refuse the tokens, and keep one to [revoke](Self::revoke) them.
/// The table is in memory, so it is empty after a restart, and every process has its own unless they [share](Self::share) their revocations.
#[derive(Clone)]
pub struct Revocations(Arc<Inner>);

struct Inner {
    table: Arc<RevocationTable>,
    store: OnceLock<Arc<dyn RevocationStore>>,
}

impl Revocations {
    /// Creates an empty table. No token may live longer than `max_token_life`.
    ///
    /// An entry can be forgotten when all tokens that it concerns have expired. So a server with revocations refuses a JWT whose lifetime (`exp` −
    /// `iat`) is longer, and a JWT without `iat`, whose age is unknown. An entry is kept for `max_token_life`, or 10 minutes if that is longer, plus
    /// 2 minutes, which is twice the maximum leeway.
    ///
    /// Introspected tokens may live longer, because their issuer is asked about them again. So also revoke them at the issuer. If it still says that
    /// they are active when the entry is forgotten, they are accepted again.
    ///
    /// # Panics
    ///
    /// If the system provides no random bytes for the key of the table.
    #[must_use]
    pub fn new(max_token_life: Duration) -> Self {
        Self::with(max_token_life, DEFAULT_QUOTA, Arc::new(SystemClock))
    }

    /// Sets how many revocations are kept for one issuer at a time, from now on and for all clones. Each takes at most 150 bytes.
    ///
    /// Default: 100,000.
    #[must_use]
    pub fn quota(self, revocations: usize) -> Self {
        self.0.table.set_quota(revocations);
        self
    }

    /// Sets the source of time, for tests: the same as that of the servers.
    ///
    /// Call this before you clone the handle, because it creates a new table.
    ///
    /// Default: the system's clock.
    ///
    /// # Panics
    ///
    /// If the revocations are already shared or have a feed, whose revocations would not be in the new table.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        assert!(self.status().is_empty(), "the revocations are already shared, or have a feed");
        let quota = self.0.table.read(Table::quota);
        Self::with(self.0.table.max_token_life(), quota, Arc::new(clock))
    }

    /// Revokes tokens: after the call returns, every new request in this process with such a token is refused.
    ///
    /// The future completes immediately or, with a [shared store](Self::share), when the store has the revocation. Other processes refuse the tokens
    /// a moment later. Repeating a revocation changes nothing.
    ///
    /// # Errors
    ///
    /// [`RevokeError::Full`] if there are already as many revocations for the issuer as the [quota](Self::quota) allows: nothing is revoked then.
    /// [`RevokeError::Store`] if the shared store fails: the tokens are refused here, but perhaps nowhere else.
    pub fn revoke(&self, revocation: &Revocation) -> impl Future<Output = Result<(), RevokeError>> + Send + use<> {
        let record = self.0.table.record(revocation);
        let applied = self.0.table.apply(&record);
        // Not before there is room: what no process can apply must not come to the others.
        let appending = applied.as_ref().ok().and_then(|()| self.0.store.get()).map(|store| store.append(record));
        async move {
            applied?;
            match appending {
                Some(appending) => appending.await.map_err(RevokeError::Store),
                None => Ok(()),
            }
        }
    }

    /// Shares the revocations with other processes: they refuse what is revoked here, and vice versa.
    ///
    /// A separate task reads the store, until the last handle and the last server with it are dropped. Until everything in the store has been read, a
    /// server with these revocations is [not ready](crate::ResourceServer::is_ready). It still accepts tokens then, and also while the store does not
    /// answer. [`share_and_refuse_when_stale`](Self::share_and_refuse_when_stale) is stricter.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, or if the revocations are already shared.
    #[must_use]
    pub fn share(self, store: impl RevocationStore) -> Self {
        self.share_with(store, None)
    }

    /// Shares the revocations like [`share`](Self::share), and refuses all tokens with 503 and `Retry-After` while revocations of other processes may
    /// be missing: until the store has been read for the first time, and when it has been silent for longer than `after`.
    ///
    /// This turns an outage of the store into an outage of the service. A store reports every second that it is there, so 5 seconds is a sensible
    /// value; less than 3 seconds is not.
    ///
    /// # Panics
    ///
    /// Same as [`share`](Self::share).
    #[must_use]
    pub fn share_and_refuse_when_stale(self, store: impl RevocationStore, after: Duration) -> Self {
        self.share_with(store, Some(after))
    }

    fn share_with(self, store: impl RevocationStore, refuse_when_stale: Option<Duration>) -> Self {
        let store: Arc<dyn RevocationStore> = Arc::new(store);
        assert!(self.0.store.set(Arc::clone(&store)).is_ok(), "the revocations are already shared");
        let silent_after = Some(STORE_SILENT_AFTER);
        let feed = self.0.table.add_feed(FeedSettings {
            kind: FeedKind::Store,
            issuer: None,
            audience: None,
            silent_after,
            refuse_when_stale,
        });
        let follower = Follower::new(&self.0.table, feed);
        let table = Arc::downgrade(&self.0.table);
        tokio::spawn(async move {
            let ended = tokio::spawn(store.follow(follower)).await;
            if table.strong_count() > 0 {
                let panicked = ended.is_err_and(|error| error.is_panic());
                tracing::error!(
                    panicked,
                    "the shared store of revocations is no longer followed, so revocations of other processes are missing"
                );
            }
        });
        self
    }

    /// The state of the feeds that push revocations to this process, and of the shared store. This is cheap enough to be called every second.
    #[must_use]
    pub fn status(&self) -> Vec<FeedStatus> {
        self.0.table.status()
    }

    /// The number of revocations that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.table.read(Table::len)
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn table(&self) -> Arc<RevocationTable> {
        Arc::clone(&self.0.table)
    }

    /// The source of time, for a feed.
    #[cfg(any(feature = "back-channel-logout", feature = "shared-signals"))]
    pub(crate) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(self.0.table.clock())
    }

    #[cfg(any(feature = "back-channel-logout", feature = "shared-signals"))]
    pub(crate) fn add_feed(&self, settings: FeedSettings) -> Arc<super::feed::Feed> {
        self.0.table.add_feed(settings)
    }

    fn with(max_token_life: Duration, quota: usize, clock: Arc<dyn Clock>) -> Self {
        let table = Arc::new(RevocationTable::new(max_token_life, quota, clock));
        Self(Arc::new(Inner { table, store: OnceLock::new() }))
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations")
            .field("max_token_life", &self.0.table.max_token_life())
            .field("len", &self.len())
            .finish()
    }
}
