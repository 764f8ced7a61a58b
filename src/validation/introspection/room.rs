use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is asked about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether a token that was active a while ago is still active.
    Renewal,
    /// What is known of a token that has not been seen before, or was refused. Anybody can cause it.
    New,
}

/// Room for a number of questions at once. A quarter of it is kept for renewals, so that a flood of new tokens does not cause
/// those that are in use to be refused.
pub(super) struct Room {
    all: Arc<Semaphore>,
    new: Arc<Semaphore>,
}

/// Room for one question, which is given back when this is dropped.
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _new: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(super) fn new(max: usize) -> Self {
        // If there is room for one alone, it is for both.
        let kept = (max / 4).max(1).min(max.saturating_sub(1));
        Self { all: Arc::new(Semaphore::new(max)), new: Arc::new(Semaphore::new(max - kept)) }
    }

    pub(super) fn try_take(&self, question: Question) -> Option<Place> {
        let new = match question {
            Question::Renewal => None,
            Question::New => Some(Arc::clone(&self.new).try_acquire_owned().ok()?),
        };
        Some(Place { _all: Arc::clone(&self.all).try_acquire_owned().ok()?, _new: new })
    }

    /// Waits until there is room. `None` never happens: nobody closes it.
    pub(super) async fn take(&self, question: Question) -> Option<Place> {
        let new = match question {
            Question::Renewal => None,
            Question::New => Some(Arc::clone(&self.new).acquire_owned().await.ok()?),
        };
        Some(Place { _all: Arc::clone(&self.all).acquire_owned().await.ok()?, _new: new })
    }

    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.all.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_kept_for_renewals() {
        for (max, new) in [(1, 1), (2, 1), (3, 2), (4, 3), (32, 24), (1024, 768)] {
            let room = Room::new(max);
            let taken: Vec<_> = std::iter::from_fn(|| room.try_take(Question::New)).collect();
            assert_eq!(taken.len(), new, "{max}");
            let rest: Vec<_> = std::iter::from_fn(|| room.try_take(Question::Renewal)).collect();
            assert_eq!(rest.len(), max - new, "{max}");
            drop((taken, rest));
            assert_eq!(room.left(), max);
        }
    }
}
