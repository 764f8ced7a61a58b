use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::entry_id::EntryId;

/// How many are kept. They take a few megabytes.
const MAX: usize = 10_000;

/// What this process has appended recently, in case Redis loses it.
///
/// Redis may lose what it has confirmed: the last second in a crash, because it writes to disk once a second, and the last moments in a
/// failover, because it replicates after it has replied. Without persistence it loses all.
#[derive(Default)]
pub(super) struct RecentAppends(Mutex<BTreeMap<EntryId, RecentAppend>>);

#[derive(Clone)]
pub(super) struct RecentAppend {
    pub(super) record: Arc<str>,
    at: Instant,
}

impl RecentAppends {
    pub(super) fn add(&self, id: EntryId, record: Arc<str>) {
        let mut entries = self.lock();
        entries.insert(id, RecentAppend { record, at: Instant::now() });
        if entries.len() > MAX {
            entries.pop_first();
        }
    }

    /// The first and the last ID.
    pub(super) fn ends(&self) -> [EntryId; 2] {
        let entries = self.lock();
        [entries.first_key_value(), entries.last_key_value()].map(|end| end.map(|(id, _)| *id).unwrap_or_default())
    }

    pub(super) fn all(&self) -> BTreeMap<EntryId, RecentAppend> {
        self.lock().clone()
    }

    pub(super) fn remove(&self, id: EntryId) {
        self.lock().remove(&id);
    }

    /// Forgets what is older. Call it when the stream has been seen intact.
    pub(super) fn remove_older_than(&self, age: Duration) {
        let now = Instant::now();
        self.lock().retain(|_, append| now.saturating_duration_since(append.at) <= age);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<EntryId, RecentAppend>> {
        // No code panics between two changes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EntryId {
        text.parse().unwrap()
    }

    #[test]
    fn it_keeps_the_latest_ones() {
        let recent = RecentAppends::default();
        assert_eq!(recent.ends(), [EntryId::START; 2]);
        for n in 1..=MAX + 5 {
            recent.add(id(&format!("{n}-0")), "record".into());
        }
        assert_eq!(recent.all().len(), MAX);
        assert_eq!(recent.ends(), [id("6-0"), id(&format!("{}-0", MAX + 5))]);
        recent.remove(id("6-0"));
        assert_eq!(recent.ends()[0], id("7-0"));
    }

    #[test]
    fn it_forgets_what_is_older() {
        let recent = RecentAppends::default();
        recent.add(id("1-0"), "older".into());
        std::thread::sleep(Duration::from_millis(20));
        recent.add(id("2-0"), "younger".into());
        recent.remove_older_than(Duration::from_secs(10));
        assert_eq!(recent.all().len(), 2);
        recent.remove_older_than(Duration::from_millis(15));
        assert_eq!(recent.ends(), [id("2-0"); 2]);
    }
}
