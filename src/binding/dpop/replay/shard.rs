use std::time::Duration;

use super::generation::Generation;
use super::key_counts::Columns;
use crate::clock::Moment;

/// There are two, and one or two more for each time that the time of day is set back. A shard with this many opens no more of them.
const MAX_GENERATIONS: usize = 8;

/// The entries of some of the holders. An entry stays for at least the time for which it is to be kept, and for at most twice that.
#[derive(Default)]
pub(super) struct Shard {
    /// The newest one is the last.
    generations: Vec<Generation>,
}

impl Shard {
    /// Drops the generations that have ended, each as a whole, and returns how many entries they had.
    pub(super) fn drop_ended(&mut self, now: Moment) -> usize {
        let before = self.len();
        self.generations.retain(|generation| !generation.has_ended(now));
        before - self.len()
    }

    pub(super) fn contains(&self, entry: u128) -> bool {
        self.generations.iter().any(|generation| generation.contains(entry))
    }

    /// How many entries the holder has, or more.
    pub(super) fn count(&self, holder: Columns) -> u32 {
        self.generations.iter().fold(0, |sum, generation| sum.saturating_add(generation.count(holder)))
    }

    /// Adds an entry that is not there, and that is kept for `keep_for`, until `until`.
    pub(super) fn insert(&mut self, entry: u128, holder: Columns, now: Moment, keep_for: Duration, until: Moment) {
        let is_full = self.generations.len() >= MAX_GENERATIONS;
        let is_open = self.generations.last().is_some_and(|last| is_full || last.is_open(now, keep_for));
        if !is_open {
            self.generations.push(Generation::new(now));
        }
        if let Some(newest) = self.generations.last_mut() {
            newest.insert(entry, holder, until);
        }
    }

    fn len(&self) -> usize {
        self.generations.iter().map(Generation::len).sum()
    }
}
