use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower_bearer::revocation::{Follower, RevocationRecord, RevocationStoreError};

use super::entry_id::EntryId;
use super::extent::Extent;
use super::recent_appends::RecentAppend;
use super::redis_revocations::Shared;
use super::stream::{Entry, entries_of, extent_of};
use super::stream_error::StreamError;
use crate::connection::{DedicatedConnection, LinkError};

/// How long Redis waits for an entry before it replies that there is none.
const WAIT: Duration = Duration::from_secs(1);
/// How long a reply may take, in addition to that. It has to suffice for a batch over a slow line.
const REPLY_LIMIT: Duration = Duration::from_secs(2);
/// How many entries are read at once: some 40 kB.
const BATCH: usize = 200;
/// How long it pauses before it connects again, twice as long after each failure.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// How often it looks whether the stream has lost entries.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
const TRIM_INTERVAL: Duration = Duration::from_secs(60);
/// How much longer entries stay than a process that starts may need them.
const MARGIN: Duration = Duration::from_secs(60);
/// The longest time for which entries stay because a process says that it needs them. One wrong entry must not end the trimming.
const MAX_KEPT: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// How far back Redis may lose entries that it has confirmed, in a crash or a failover.
const UNCERTAIN: Duration = Duration::from_secs(60);
/// After how long an entry for which the table had no room is read again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const APPENDS_AT_ONCE: usize = 100;

/// Follows the stream over a connection of its own, and applies its entries.
pub(super) struct FollowTask<'f> {
    shared: Arc<Shared>,
    time_limit: Duration,
    follower: &'f Follower,
    /// Entries are read after this ID.
    cursor: EntryId,
    /// What the stream had when it was last looked at.
    extent: Extent,
    /// What this process has appended recently and has not found in the stream since it connected, or since the stream lost entries.
    unseen: BTreeMap<EntryId, RecentAppend>,
    /// The longest time for which a process keeps entries, of those that were read.
    keep_for: Duration,
    /// The first entry for which the table had no room.
    refused: Option<Refused>,
    checked: Instant,
    trimmed: Option<Instant>,
    logged: Logged,
}

struct Refused {
    predecessor: EntryId,
    retry_at: Instant,
}

/// What is logged once.
#[derive(Default)]
struct Logged {
    unreadable: bool,
    full: bool,
    untrimmed: bool,
}

impl<'f> FollowTask<'f> {
    pub(super) fn new(shared: Arc<Shared>, time_limit: Duration, follower: &'f Follower) -> Self {
        Self {
            shared,
            time_limit,
            follower,
            cursor: EntryId::START,
            extent: Extent::default(),
            unseen: BTreeMap::new(),
            keep_for: follower.keep_for(),
            refused: None,
            checked: Instant::now(),
            trimmed: None,
            logged: Logged::default(),
        }
    }

    /// Follows until it is dropped.
    pub(super) async fn run(mut self) {
        let mut pause = MIN_PAUSE;
        loop {
            let Err(error) = self.follow_connection(&mut pause).await;
            self.follower.failed(&RevocationStoreError::new(error));
            sleep(pause).await;
            pause = (2 * pause).min(MAX_PAUSE);
        }
    }

    async fn follow_connection(&mut self, pause: &mut Duration) -> Result<Infallible, StreamError> {
        let mut connection = self.shared.link.connect_dedicated().await?;
        self.trimmed = None;
        // Before the check, which forgets what is older than an intact stream needs: this one may have been away for long.
        self.unseen = self.shared.recent.all();
        if !self.check(&mut connection).await? {
            self.go_back();
        }
        self.shared.memory_policy.start(&self.shared.link);
        // At first without waiting: an empty stream is read at once.
        let mut wait = None;
        loop {
            let is_all = self.read(&mut connection, wait).await?;
            *pause = MIN_PAUSE;
            if is_all {
                self.append_unseen().await?;
                self.trim(&mut connection).await?;
            }
            // Not before all is read: what is missing is not yet appended again, so a stream that takes longer to read would be read again forever.
            let is_due = is_all && self.checked.elapsed() >= CHECK_INTERVAL;
            let is_lost = is_due && self.check(&mut connection).await?;
            let now = Instant::now();
            if let Some(refused) = self.refused.take_if(|refused| refused.retry_at <= now) {
                self.cursor = self.cursor.min(refused.predecessor);
                wait = None;
            } else if is_all && !is_lost {
                if self.refused.is_none() {
                    self.logged.full = false;
                    self.follower.up_to_date();
                }
                wait = Some(self.refused.as_ref().map_or(WAIT, |refused| WAIT.min(refused.retry_at - now)));
            } else {
                wait = None;
            }
        }
    }

    /// Reads a batch and applies it. Whether there was no more.
    async fn read(
        &mut self,
        connection: &mut DedicatedConnection,
        wait: Option<Duration>,
    ) -> Result<bool, StreamError> {
        let command = self.shared.stream.read(self.cursor, BATCH, wait);
        let reply = connection.send(&command, wait.unwrap_or_default() + REPLY_LIMIT).await?;
        let entries = entries_of(reply)?;
        for entry in &entries {
            self.apply(entry);
        }
        Ok(entries.len() < BATCH)
    }

    fn apply(&mut self, entry: &Entry) {
        let predecessor = std::mem::replace(&mut self.cursor, entry.id);
        self.unseen.remove(&entry.id);
        let error = match entry.record.as_deref().map(RevocationRecord::from_json) {
            Some(Ok(record)) => {
                self.keep_for = self.keep_for.max(record.keep_for().min(MAX_KEPT));
                if let Err(full) = self.follower.apply(&record) {
                    self.refuse(predecessor, &full);
                }
                return;
            }
            Some(Err(error)) => error.to_string(),
            None => "found no record".to_owned(),
        };
        if !std::mem::replace(&mut self.logged.unreadable, true) {
            let id = entry.id;
            tracing::warn!(%id, error, "an entry of the stream of revocations cannot be read, and such entries are skipped");
        }
    }

    /// Later entries are still applied: they may be of other issuers, or concern what is in the table already.
    fn refuse(&mut self, predecessor: EntryId, error: &dyn std::fmt::Display) {
        self.refused.get_or_insert_with(|| Refused { predecessor, retry_at: Instant::now() + RETRY_AFTER });
        if !std::mem::replace(&mut self.logged.full, true) {
            tracing::warn!(%error, "revocations of other processes are not applied until there is room");
        }
    }

    /// Makes the task read again everything that may have changed while there was no connection. The server may be another one now, which
    /// lacks the last entries, and whose clock gives lower IDs to those that have come since.
    fn go_back(&mut self) {
        let first = self.unseen.first_key_value().map_or(self.cursor, |(id, _)| id.earlier(Duration::from_millis(1)));
        self.cursor = self.cursor.earlier(UNCERTAIN).min(first);
    }

    /// Looks whether the stream still has what it had. If not, everything is to be read again.
    async fn check(&mut self, connection: &mut DedicatedConnection) -> Result<bool, StreamError> {
        // Before the stream is looked at, so that it has them.
        let own = self.shared.recent.ends();
        let extent = extent_of(connection.send(&self.shared.stream.extent(), REPLY_LIMIT).await)?;
        self.checked = Instant::now();
        let kept = self.kept();
        let mut known = self.extent.ends().into_iter().chain(own);
        let is_lost = extent.last < self.cursor || known.any(|entry| extent.has_lost(entry, kept));
        if is_lost {
            tracing::warn!(
                known = %self.cursor,
                first = %extent.first.unwrap_or_default(),
                last = %extent.last,
                "Redis has lost revocations: the stream is read again, and what this process has recently appended is appended again"
            );
            self.cursor = EntryId::START;
            self.refused = None;
            self.unseen = self.shared.recent.all();
        } else if self.unseen.is_empty() {
            self.shared.recent.remove_older_than(UNCERTAIN);
        }
        self.extent = extent;
        Ok(is_lost)
    }

    /// From time to time, removes what no process needs any more. Ages are measured by Redis' own time, read a moment ago over the same
    /// connection, so neither this machine's clock nor that of another server decides. All entries have been read, so it is known for how
    /// long they are needed.
    async fn trim(&mut self, connection: &mut DedicatedConnection) -> Result<(), StreamError> {
        if self.trimmed.is_some_and(|trimmed| trimmed.elapsed() < TRIM_INTERVAL) {
            return Ok(());
        }
        let command = self.shared.stream.trim(self.extent.trimmed_until(self.kept()));
        match connection.send(&command, REPLY_LIMIT).await {
            // Others, such as READONLY, mean that this is not the server to follow.
            Err(LinkError::Command(error))
                if matches!(error.code(), Some("ERR" | "MISCONF" | "NOPERM" | "NOREPLICAS" | "OOM")) =>
            {
                if !std::mem::replace(&mut self.logged.untrimmed, true) {
                    tracing::warn!(%error, "the stream of revocations cannot be trimmed, so it grows");
                }
            }
            reply => drop(reply?),
        }
        self.trimmed = Some(Instant::now());
        Ok(())
    }

    fn kept(&self) -> Duration {
        self.keep_for.saturating_add(MARGIN)
    }

    /// Appends again what the stream has lost, so that the others get it.
    async fn append_unseen(&mut self) -> Result<(), StreamError> {
        let unseen = std::mem::take(&mut self.unseen);
        if unseen.is_empty() {
            return Ok(());
        }
        let count = unseen.len();
        let mut appends = JoinSet::new();
        for (id, append) in unseen {
            if appends.len() >= APPENDS_AT_ONCE {
                finish(appends.join_next().await)?;
            }
            let (shared, limit) = (Arc::clone(&self.shared), self.time_limit);
            appends.spawn(async move {
                shared.append(append.record, limit).await?;
                shared.recent.remove(id);
                Ok(())
            });
        }
        while !appends.is_empty() {
            finish(appends.join_next().await)?;
        }
        tracing::warn!(count, "appended again the revocations that Redis had lost");
        Ok(())
    }
}

fn finish(joined: Option<Result<Result<(), StreamError>, tokio::task::JoinError>>) -> Result<(), StreamError> {
    match joined {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) => Err(LinkError::Cancelled(Arc::new(error)).into()),
        None => Ok(()),
    }
}
