use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use super::revocation::Revocation;
use super::revocations_full::RevocationsFull;
use super::table::Table;
use super::token_facts::TokenFacts;
use crate::clock::{Clock, Moment, SystemClock};

/// How many revocations of one issuer are kept at a time.
const DEFAULT_QUOTA: usize = 100_000;
/// The largest leeway that a server may have.
const MAX_LEEWAY: Duration = Duration::from_secs(60);
/// The longest time for which the answer about an opaque token is remembered.
const MAX_ANSWER_LIFE: Duration = Duration::from_secs(10 * 60);

/// The tokens that are revoked, for one server or for several: see the [module](super).
///
/// It is a handle: clones share one table. Give a clone to each server that is to refuse the tokens, and keep one to
/// [revoke](Self::revoke). The table is in memory, so it is empty after a restart, and every process has its own.
#[derive(Clone)]
pub struct Revocations(Arc<RevocationTable>);

/// The table that a handle shares with servers and their tokens.
pub(crate) struct RevocationTable {
    max_token_life: Duration,
    table: RwLock<Table>,
    /// It changes after the table does. It starts at one: nothing has been checked at zero.
    epoch: AtomicU64,
    changes: watch::Sender<()>,
    clock: Arc<dyn Clock>,
}

impl Revocations {
    /// No revocations, for servers none of whose tokens lives longer than `max_token_life`.
    ///
    /// An entry can be forgotten when all tokens that it concerns have expired. So a server with revocations refuses a JWT whose lifetime
    /// (`exp` − `iat`) is longer, and one without `iat`, whose age is unknown. The entry is kept for `max_token_life`, but at least 10
    /// minutes, and for 2 minutes more, which is twice the largest leeway.
    ///
    /// Tokens that are introspected may live longer: their issuer is asked about them again. So revoke them at the issuer too. If it still says
    /// that they are active when the entry is forgotten, they are good again, whatever was revoked.
    ///
    /// # Panics
    ///
    /// If the system has no random bytes, of which the key of the table is made.
    #[must_use]
    pub fn new(max_token_life: Duration) -> Self {
        Self::with(max_token_life, DEFAULT_QUOTA, Arc::new(SystemClock))
    }

    /// How many revocations of one issuer are kept at a time. Each takes at most 150 bytes.
    ///
    /// Call it before the handle is cloned: it makes a new table.
    ///
    /// Default: 100,000.
    #[must_use]
    pub fn quota(self, revocations: usize) -> Self {
        Self::with(self.0.max_token_life, revocations, Arc::clone(&self.0.clock))
    }

    /// The source of time: that of the servers, for tests.
    ///
    /// Call it before the handle is cloned: it makes a new table.
    ///
    /// Default: the system's clock.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        let quota = self.0.read(Table::quota);
        Self::with(self.0.max_token_life, quota, Arc::new(clock))
    }

    /// Revokes tokens: when it returns, every request that begins is refused if it has one of them.
    ///
    /// It never waits for I/O. Revoking the same again changes nothing.
    ///
    /// # Errors
    ///
    /// If there are as many revocations of the issuer as the [quota](Self::quota) allows. Nothing is revoked then.
    pub fn revoke(&self, revocation: &Revocation) -> Result<(), RevocationsFull> {
        self.0.revoke(revocation)
    }

    /// How many revocations are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read(Table::len)
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn table(&self) -> Arc<RevocationTable> {
        Arc::clone(&self.0)
    }

    fn with(max_token_life: Duration, quota: usize, clock: Arc<dyn Clock>) -> Self {
        let mut key = [0; 16];
        aws_lc_rs::rand::fill(&mut key).expect("the system has random bytes");
        // A token may be issued a leeway ahead of its revocation, by the issuer's clock, and is accepted for a leeway after it expires.
        let lifetime = max_token_life.max(MAX_ANSWER_LIFE).saturating_add(2 * MAX_LEEWAY);
        let table = Table::new(&key, lifetime, quota, clock.monotonic());
        Self(Arc::new(RevocationTable {
            max_token_life,
            table: RwLock::new(table),
            epoch: AtomicU64::new(1),
            changes: watch::Sender::new(()),
            clock,
        }))
    }
}

impl RevocationTable {
    pub(crate) fn max_token_life(&self) -> Duration {
        self.max_token_life
    }

    /// A number that changes with the table. A token that was not revoked at this number is not revoked as long as it stays the same.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
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

    fn revoke(&self, revocation: &Revocation) -> Result<(), RevocationsFull> {
        let now = Moment::of(&*self.clock);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if table.add(revocation, now)? {
            // With the table, so that a token that is looked up at the new number finds the new entry.
            self.epoch.fetch_add(1, Ordering::Release);
            drop(table);
            self.changes.send_replace(());
        }
        Ok(())
    }

    fn read<T>(&self, read: impl FnOnce(&Table) -> T) -> T {
        read(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("max_token_life", &self.0.max_token_life).field("len", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise a token could be looked up at the new number before the new entry is there, and pass from then on.
    #[test]
    fn the_epoch_changes_with_the_table_and_not_before() {
        let revocations = Revocations::new(Duration::from_secs(60));
        let table = revocations.table();
        let reader = table.table.read().unwrap();
        std::thread::scope(|threads| {
            let revoking =
                threads.spawn(|| revocations.revoke(&Revocation::session("https://login.example.com", "s")).unwrap());
            // It has the time to go as far as it can.
            for _ in 0..10_000 {
                std::thread::yield_now();
            }
            assert_eq!((table.epoch(), revoking.is_finished()), (1, false));
            drop(reader);
            revoking.join().unwrap();
        });
        assert_eq!((table.epoch(), revocations.len()), (2, 1));
        // What changes nothing looks up no token again.
        revocations.revoke(&Revocation::session("https://login.example.com", "s")).unwrap();
        assert_eq!(table.epoch(), 2);
    }
}
