use std::time::{Duration, Instant};

/// When something happened: not before `from` and not after `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

impl Span {
    /// The time that `happen` takes.
    pub(crate) fn of<T>(happen: impl FnOnce() -> T) -> (Self, T) {
        let from = Instant::now();
        let result = happen();
        (Self { from, to: Instant::now() }, result)
    }

    /// The same, or so much earlier at most.
    pub(crate) fn before(self, most: Duration) -> Self {
        Self { from: self.from.checked_sub(most).unwrap_or(self.from), ..self }
    }

    /// The end of it, so long at most.
    pub(crate) fn last(self, most: Duration) -> Self {
        Self { from: self.to.checked_sub(most).map_or(self.from, |from| from.max(self.from)), ..self }
    }

    /// The same, so much later at least and at most.
    pub(crate) fn later(self, least: Duration, most: Duration) -> Self {
        Self { from: self.from + least, to: self.to + most }
    }
}

/// A value that changes, and what it was at any time.
pub(crate) struct Timeline<T>(Vec<Change<T>>);

struct Change<T> {
    since: Span,
    value: T,
}

impl<T> Timeline<T> {
    pub(crate) fn new(value: T) -> Self {
        let now = Instant::now();
        Self(vec![Change { since: Span { from: now, to: now }, value }])
    }

    pub(crate) fn change(&mut self, since: Span, value: T) {
        self.0.push(Change { since, value });
    }

    /// Whatever it may have been at some moment of `span`, the oldest first: one value, unless it changed about then.
    pub(crate) fn during(&self, span: Span) -> impl Iterator<Item = &T> {
        let first = self.0.partition_point(|change| change.since.to < span.from).saturating_sub(1);
        self.0[first..].iter().take_while(move |change| change.since.from <= span.to).map(|change| &change.value)
    }

    /// Each stretch of time in which the value surely was such: since when, if not always, and until when, if it still is.
    pub(crate) fn stretches(
        &self,
        is_such: impl Fn(&T) -> bool,
    ) -> impl Iterator<Item = (Option<Instant>, Option<Instant>)> {
        self.0.iter().enumerate().filter(move |(_, change)| is_such(&change.value)).map(|(at, change)| {
            let until = self.0.get(at + 1).map(|next| next.since.from);
            ((at > 0).then_some(change.since.to), until)
        })
    }
}
