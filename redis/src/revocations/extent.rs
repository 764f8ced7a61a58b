use std::time::Duration;

use super::entry_id::EntryId;

/// Between which IDs a stream has its entries. The default is that of a stream that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// The first entry, if there is any.
    pub(super) first: Option<EntryId>,
    /// The last ID that was given, whether or not its entry still exists.
    pub(super) last: EntryId,
}

impl Extent {
    /// IDs between which there are entries, if there are any.
    pub(super) fn ends(self) -> [EntryId; 2] {
        self.first.map_or([EntryId::START; 2], |first| [first, self.last])
    }

    /// Whether an entry that was there is gone, although it is too young to have been trimmed.
    pub(super) fn has_lost(self, entry: EntryId, kept: Duration) -> bool {
        let is_within = self.first.is_some_and(|first| first <= entry) && entry <= self.last;
        entry > EntryId::START && !is_within && entry >= self.trimmed_until(kept)
    }

    /// The first entry that is younger than `kept`, by Redis' own clock: trimming removes none from there on.
    pub(super) fn trimmed_until(self, kept: Duration) -> EntryId {
        self.last.earlier(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EntryId {
        text.parse().unwrap()
    }

    #[test]
    fn an_entry_outside_is_lost_unless_it_is_old_enough_to_have_been_trimmed() {
        let stream = Extent { first: Some(id("50000-5")), last: id("90000-5") };
        let kept = Duration::from_secs(60);
        for (entry, lost) in [
            ("0-0", false),
            ("29999-9", false),
            ("30000-0", true),
            ("50000-4", true),
            ("50000-5", false),
            ("70000-0", false),
            ("90000-5", false),
            ("90000-6", true),
            ("99000-0", true),
        ] {
            assert_eq!(stream.has_lost(id(entry), kept), lost, "{entry}");
        }
        // Nothing is in it, or it does not exist.
        for stream in [Extent { first: None, ..stream }, Extent::default()] {
            assert!(stream.has_lost(id("90000-5"), kept));
            assert!(!stream.has_lost(EntryId::START, kept));
        }
    }
}
