use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::timeline::Span;

/// How many requests may wait for unknown keys at once, as the documentation of `keys` has it.
const MAX_PENDING: usize = 32;
/// How many spans are remembered.
const REMEMBERED: usize = 65_536;

/// When more requests with a token were in flight than may wait for unknown keys. At no other time can that bound have been
/// reached.
pub(crate) struct InFlight(Mutex<Seen>);

struct Seen {
    count: usize,
    /// Since when there have been too many.
    since: Option<Instant>,
    exceeded: VecDeque<Span>,
}

impl InFlight {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Seen { count: 0, since: None, exceeded: VecDeque::new() }))
    }

    /// One more is in flight, until what this returns is dropped.
    pub(crate) fn start(&self) -> Request<'_> {
        let mut seen = self.seen();
        seen.count += 1;
        if seen.count > MAX_PENDING && seen.since.is_none() {
            seen.since = Some(Instant::now());
        }
        Request(self)
    }

    /// Whether there were too many at some moment of `span`.
    pub(crate) fn exceeded_during(&self, span: Span) -> bool {
        let seen = self.seen();
        let mut latest = seen.exceeded.iter().rev().take_while(|exceeded| exceeded.to >= span.from);
        seen.since.is_some_and(|since| since <= span.to) || latest.any(|exceeded| exceeded.from <= span.to)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight.
pub(crate) struct Request<'f>(&'f InFlight);

impl Drop for Request<'_> {
    fn drop(&mut self) {
        let mut seen = self.0.seen();
        seen.count -= 1;
        if seen.count > MAX_PENDING {
            return;
        }
        if let Some(from) = seen.since.take() {
            if seen.exceeded.len() == REMEMBERED {
                seen.exceeded.pop_front();
            }
            seen.exceeded.push_back(Span { from, to: Instant::now() });
        }
    }
}
