use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::feed::{Feed, FeedSettings};
use super::feed_status::FeedStatus;
use super::revocation::Revocation;
use super::revocation_record::RevocationRecord;
use super::revocations_full::RevocationsFull;
use super::table::{MAX_ANSWER_LIFE, Table};
use super::token_facts::TokenFacts;
use crate::clock::{Clock, Moment};
use crate::metrics;

/// The largest leeway that a server may have.
const MAX_LEEWAY: Duration = Duration::from_secs(60);
/// By how much the clock of another process may be ahead. What it revokes until a later time counts as until then.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

/// The table that a handle shares with servers and their tokens, and the feeds that fill it.
pub(crate) struct RevocationTable {
    max_token_life: Duration,
    table: RwLock<Table>,
    state: State,
    changes: watch::Sender<()>,
    clock: Arc<dyn Clock>,
    feeds: ArcSwap<Vec<Arc<Feed>>>,
}

/// What every request reads. It has a cache line to itself, which only a change writes: a lookup writes to the lock of the table, and a
/// token at its first use to the number of handles.
#[repr(align(128))]
struct State {
    /// It changes after the table does. It starts at one: nothing has been checked at zero.
    epoch: AtomicU64,
    /// Whether there is a feed whose silence refuses tokens.
    may_refuse: AtomicBool,
}

impl RevocationTable {
    pub(super) fn new(max_token_life: Duration, quota: usize, clock: Arc<dyn Clock>) -> Self {
        let mut key = [0; 16];
        aws_lc_rs::rand::fill(&mut key).expect("the system has random bytes");
        let table = Table::new(&key, keep_for(max_token_life), quota, clock.monotonic());
        Self {
            max_token_life,
            table: RwLock::new(table),
            state: State { epoch: AtomicU64::new(1), may_refuse: AtomicBool::new(false) },
            changes: watch::Sender::new(()),
            clock,
            feeds: ArcSwap::default(),
        }
    }

    pub(crate) fn max_token_life(&self) -> Duration {
        self.max_token_life
    }

    /// How long a revocation is kept.
    pub(super) fn keep_for(&self) -> Duration {
        keep_for(self.max_token_life)
    }

    #[cfg(any(feature = "back-channel-logout", feature = "shared-signals"))]
    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A number that changes with the table. A token that was not revoked at this number is not revoked as long as it stays the same.
    pub(crate) fn epoch(&self) -> u64 {
        self.state.epoch.load(Ordering::Acquire)
    }

    /// The number of a table in which the token is not revoked; `None` if it is.
    pub(crate) fn epoch_without(&self, token: &TokenFacts<'_>) -> Option<u64> {
        // The number is read with the table: what is added afterwards changes it.
        self.read(|table| (!table.holds(token)).then(|| self.epoch()))
    }

    #[cfg(feature = "introspection")]
    pub(crate) fn holds(&self, token: &TokenFacts<'_>) -> bool {
        self.read(|table| table.holds(token))
    }

    /// Completes after the next change of the table that comes after this call.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The record of a revocation that is made now.
    pub(super) fn record(&self, revocation: &Revocation) -> RevocationRecord {
        let now = self.clock.now();
        let at = revocation.at.map_or(now, |at| at.min(now));
        RevocationRecord { revocation: revocation.clone(), at, recorded: now, keep_for: self.keep_for() }
    }

    pub(super) fn apply(&self, record: &RevocationRecord) -> Result<(), RevocationsFull> {
        let now = Moment::of(&*self.clock);
        let latest = now.wall.checked_add(MAX_CLOCK_DIFFERENCE).unwrap_or(now.wall);
        let (at, recorded) = (record.at.min(latest), record.recorded.min(now.wall));
        let mut table = self.write();
        let added = table.add(&record.revocation, at, recorded, now);
        metrics::revocations(table.len());
        if added? {
            // With the table, so that a token that is looked up at the new number finds the new entry.
            self.state.epoch.fetch_add(1, Ordering::Release);
            drop(table);
            self.changes.send_replace(());
        }
        Ok(())
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Table) -> T) -> T {
        read(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_quota(&self, quota: usize) {
        self.write().set_quota(quota);
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a feed. If there is one with the same settings, whose receiver is made again, that one goes on; if only its limits differ, it is
    /// replaced: nobody would be heard at the former one.
    pub(super) fn add_feed(&self, settings: FeedSettings) -> Arc<Feed> {
        let new = Arc::new(Feed::new(settings, Arc::clone(&self.clock)));
        let mut added = Arc::clone(&new);
        self.feeds.rcu(|feeds| {
            let mut feeds = Vec::clone(feeds);
            added = Arc::clone(&new);
            match feeds.iter_mut().find(|feed| feed.has_source_of(&new)) {
                Some(same) if same.has_settings_of(&new) => added = Arc::clone(same),
                Some(former) => *former = Arc::clone(&new),
                None => feeds.push(Arc::clone(&new)),
            }
            feeds
        });
        self.state.may_refuse.fetch_or(added.refuses_when_stale(), Ordering::Release);
        added
    }

    pub(super) fn status(&self) -> Vec<FeedStatus> {
        self.feeds.load().iter().map(|feed| feed.status()).collect()
    }

    /// Whether a feed is silent for so long that no token may be accepted. It costs a load, unless a feed has such a limit.
    pub(crate) fn is_stale(&self) -> bool {
        self.state.may_refuse.load(Ordering::Acquire) && {
            let now = Moment::of(&*self.clock);
            self.feeds.load().iter().any(|feed| feed.refuses(now))
        }
    }

    /// Whether the revocations that existed when the process started are known, and no feed that then refuses tokens is stale.
    pub(crate) fn is_ready(&self) -> bool {
        self.feeds.load().iter().all(|feed| feed.is_ready()) && !self.is_stale()
    }

    /// Completes when the revocations that existed when the process started are known.
    pub(crate) async fn ready(&self) {
        let feeds = self.feeds.load_full();
        for feed in feeds.iter() {
            feed.ready().await;
        }
    }
}

/// A token may be issued a leeway ahead of its revocation, by the issuer's clock, and is accepted for a leeway after it expires.
fn keep_for(max_token_life: Duration) -> Duration {
    max_token_life.max(MAX_ANSWER_LIFE).saturating_add(2 * MAX_LEEWAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    /// Otherwise a token could be looked up at the new number before the new entry is there, and pass from then on.
    #[test]
    fn the_epoch_changes_with_the_table_and_not_before() {
        let table = RevocationTable::new(Duration::from_secs(60), 10, Arc::new(SystemClock));
        let record = table.record(&Revocation::session("https://login.example.com", "s"));
        // The store, too, has to keep it for as long as an answer about an opaque token counts, and twice the leeway.
        assert_eq!(record.keep_for(), Duration::from_secs(10 * 60 + 2 * 60));
        let reader = table.table.read().unwrap();
        std::thread::scope(|threads| {
            let revoking = threads.spawn(|| table.apply(&record).unwrap());
            // It has the time to go as far as it can.
            for _ in 0..10_000 {
                std::thread::yield_now();
            }
            assert_eq!((table.epoch(), revoking.is_finished()), (1, false));
            drop(reader);
            revoking.join().unwrap();
        });
        assert_eq!((table.epoch(), table.read(Table::len)), (2, 1));
        // What changes nothing looks up no token again.
        table.apply(&record).unwrap();
        assert_eq!(table.epoch(), 2);
    }
}
