use std::collections::HashSet;
use std::time::Duration;

use super::key_counts::{Columns, KeyCounts};
use crate::clock::Moment;

/// By how much the time of day may be before the start of a generation. Threads read the clock before they wait for the shard.
const SET_BACK: Duration = Duration::from_secs(1);

/// Entries that were inserted one after another and end together.
pub(super) struct Generation {
    opened: Moment,
    /// When the last of the entries has ended, by each clock.
    until: Moment,
    entries: HashSet<u128>,
    counts: KeyCounts,
}

impl Generation {
    pub(super) fn new(opened: Moment) -> Self {
        Self { opened, until: opened, entries: HashSet::new(), counts: KeyCounts::new() }
    }

    /// Whether an entry that is kept for `keep_for` may join the others.
    ///
    /// A generation takes entries for one `keep_for`, so that its first entry stays for at most two. After the time of day was set back it
    /// takes none: it lasts until that time has come again, and new entries would last as long.
    pub(super) fn is_open(&self, now: Moment, keep_for: Duration) -> bool {
        let set_back = self.opened.wall.duration_since(now.wall).unwrap_or_default();
        now.monotonic.saturating_duration_since(self.opened.monotonic) < keep_for && set_back <= SET_BACK
    }

    /// Whether all entries have ended, by both clocks.
    ///
    /// The monotonic clock decides, unless the time of day was set back. Proofs and nonces carry a time of day. When that is set back by an
    /// hour, a proof of the last minutes becomes acceptable again in an hour, and must then still be known. When it jumps ahead, which
    /// may be undone, nothing ends early by the monotonic clock.
    pub(super) fn has_ended(&self, now: Moment) -> bool {
        now.monotonic >= self.until.monotonic && now.wall >= self.until.wall
    }

    pub(super) fn contains(&self, entry: u128) -> bool {
        self.entries.contains(&entry)
    }

    pub(super) fn count(&self, holder: Columns) -> u32 {
        self.counts.get(holder)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an entry that is not there, which ends at `until` at the earliest.
    pub(super) fn insert(&mut self, entry: u128, holder: Columns, until: Moment) {
        self.entries.insert(entry);
        self.counts.add(holder);
        self.until = self.until.latest(until);
    }
}
