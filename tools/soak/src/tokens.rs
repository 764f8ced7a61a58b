use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::realm::Key;
use crate::timeline::Span;

/// How far apart the clock of dates and the one that measures may drift during a run.
pub(crate) const DRIFT: Duration = Duration::from_millis(100);
/// How many tokens are kept to be presented again, of each issuer.
const KEPT: usize = 200;
/// The same for those of past keys: enough that some are older than the leeway.
const KEPT_PAST: usize = 1000;

/// A token that is good, except perhaps for its times and its key.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) subject: String,
    /// Of which issuer, by its place.
    pub(crate) realm: usize,
    pub(crate) key: Key,
    /// What it says about when it was issued, in whole seconds.
    pub(crate) issued: Instant,
    /// From when on it is valid, if it was not always.
    pub(crate) from: Option<Instant>,
    pub(crate) until: Instant,
}

/// What the time says to a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    Future,
    Present,
    Past,
    /// It changed about then.
    Unclear,
}

impl Token {
    pub(crate) fn validity(&self, during: Span) -> Validity {
        let began = self.from.is_none_or(|from| from + DRIFT < during.from);
        let is_future = self.from.is_some_and(|from| from > during.to + DRIFT);
        match (is_future, began, self.until) {
            (true, _, _) => Validity::Future,
            (_, _, until) if until + DRIFT < during.from => Validity::Past,
            (_, true, until) if until > during.to + DRIFT => Validity::Present,
            _ => Validity::Unclear,
        }
    }
}

/// Tokens to present again: so many at most.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) current: VecDeque<Arc<Token>>,
    /// Those whose key signs no more.
    pub(crate) past: VecDeque<Arc<Token>>,
}

impl Kept {
    pub(crate) fn keep(&mut self, token: &Arc<Token>) {
        if self.current.back().is_some_and(|last| last.key != token.key) {
            self.past.extend(self.current.drain(..));
        }
        self.current.push_back(Arc::clone(token));
        for (kept, most) in [(&mut self.current, KEPT), (&mut self.past, KEPT_PAST)] {
            while kept.len() > most {
                kept.pop_front();
            }
        }
    }
}

/// Any one of them, if there is one.
pub(crate) fn pick(kept: &VecDeque<Arc<Token>>, random: &mut fastrand::Rng) -> Option<Arc<Token>> {
    kept.get(random.usize(..kept.len().max(1))).cloned()
}
