//! What happens next, in the order of time. Among events of the same time, the one that was entered first comes first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// How long one slot is. An event of the present slot costs a place in a heap, and any other one a place in a list.
const SLOT: Duration = Duration::from_millis(10);

/// A time, in microseconds since the start.
pub(crate) type Time = u64;

pub(crate) struct Agenda<E> {
    slots: Vec<Vec<(Time, u64, E)>>,
    present: BinaryHeap<Reverse<(Time, u64, E)>>,
    slot: usize,
    sequence: u64,
}

impl<E: Ord + Copy> Agenda<E> {
    /// For events before `end`. Later ones are dropped.
    pub(crate) fn new(end: Time) -> Self {
        let slots = usize::try_from(end.div_ceil(micros(SLOT))).expect("a number of slots");
        Self { slots: vec![Vec::new(); slots], present: BinaryHeap::new(), slot: 0, sequence: 0 }
    }

    pub(crate) fn enter(&mut self, at: Time, event: E) {
        self.sequence += 1;
        let entry = (at, self.sequence, event);
        let slot = usize::try_from(at / micros(SLOT)).unwrap_or(usize::MAX);
        if slot <= self.slot {
            self.present.push(Reverse(entry));
        } else if let Some(slot) = self.slots.get_mut(slot) {
            slot.push(entry);
        }
    }

    pub(crate) fn next(&mut self) -> Option<(Time, E)> {
        while self.present.is_empty() {
            self.slot += 1;
            let slot = std::mem::take(self.slots.get_mut(self.slot)?);
            self.present.extend(slot.into_iter().map(Reverse));
        }
        self.present.pop().map(|Reverse((at, _, event))| (at, event))
    }
}

pub(crate) fn micros(duration: Duration) -> Time {
    Time::try_from(duration.as_micros()).expect("a time that is near")
}
