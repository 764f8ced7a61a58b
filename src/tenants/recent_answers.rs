use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Moment;

/// The most answers that are kept. Each has an `iss` of at most 512 bytes.
const MAX_ANSWERS: usize = 1024;
/// How long "there is no such tenant" counts.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// How long a resolver that could not answer is not asked again.
const FAILED_FOR: Duration = Duration::from_secs(1);

/// What the resolver has answered lately, where that is no tenant, and what the application has forgotten. The oldest answer leaves when there are too
/// many.
#[derive(Default)]
pub(super) struct RecentAnswers {
    answers: HashMap<Arc<str>, (RecentAnswer, Moment)>,
    /// In the order in which they came. One that was replaced or removed since has another time.
    order: VecDeque<(Arc<str>, Moment)>,
    /// Apart, so that answers about what strangers name displace none.
    forgotten: Forgotten,
}

/// What the application has forgotten within the last five seconds, or since it forgot the last tenant.
#[derive(Clone, Default)]
pub(super) struct Forgotten {
    tenants: HashMap<Arc<str>, Moment>,
    /// As the other.
    order: VecDeque<(Arc<str>, Moment)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecentAnswer {
    /// There is no such tenant.
    Unknown,
    /// The resolver could not answer, or what it answered is not acceptable.
    Failed,
}

impl RecentAnswers {
    pub(super) fn insert(&mut self, iss: Arc<str>, answer: RecentAnswer, now: Moment) {
        while self.order.len() >= MAX_ANSWERS {
            let Some((oldest, at)) = self.order.pop_front() else { break };
            if self.answers.get(&oldest).is_some_and(|(_, inserted)| *inserted == at) {
                self.answers.remove(&oldest);
            }
        }
        self.order.push_back((Arc::clone(&iss), now));
        self.answers.insert(iss, (answer, now));
    }

    /// The application has forgotten this tenant: there is none for a while.
    pub(super) fn forget(&mut self, iss: Arc<str>, now: Moment) {
        let Forgotten { tenants, order } = &mut self.forgotten;
        while let Some((oldest, at)) = order.front()
            && now.since(*at) >= UNKNOWN_FOR
        {
            if tenants.get(oldest) == Some(at) {
                tenants.remove(oldest);
            }
            order.pop_front();
        }
        order.push_back((Arc::clone(&iss), now));
        tenants.insert(iss, now);
    }

    pub(super) fn forgotten(&self) -> Forgotten {
        self.forgotten.clone()
    }

    pub(super) fn keep_forgotten(&mut self, forgotten: Forgotten) {
        self.forgotten = forgotten;
    }

    /// The answer about an issuer, as long as it counts, and how long it will.
    pub(super) fn get(&self, iss: &str, now: Moment) -> Option<(RecentAnswer, Duration)> {
        let forgotten = self.forgotten.tenants.get(iss).map(|at| UNKNOWN_FOR.saturating_sub(now.since(*at)));
        if let Some(left) = forgotten.filter(|left| !left.is_zero()) {
            return Some((RecentAnswer::Unknown, left));
        }
        let (answer, at) = self.answers.get(iss)?;
        let counts_for = match answer {
            RecentAnswer::Unknown => UNKNOWN_FOR,
            RecentAnswer::Failed => FAILED_FOR,
        };
        let left = counts_for.saturating_sub(now.since(*at));
        (!left.is_zero()).then_some((*answer, left))
    }

    pub(super) fn remove(&mut self, iss: &str) {
        self.answers.remove(iss);
        self.forgotten.tenants.remove(iss);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn an_answer_counts_for_a_few_seconds() {
        let start = Moment::of(&SystemClock);
        let mut answers = RecentAnswers::default();
        answers.insert("a".into(), RecentAnswer::Unknown, start);
        answers.insert("b".into(), RecentAnswer::Failed, start);
        let at = |milliseconds| start.plus(Duration::from_millis(milliseconds));
        assert_eq!(answers.get("a", at(4999)), Some((RecentAnswer::Unknown, Duration::from_millis(1))));
        assert_eq!(answers.get("a", at(5000)), None);
        assert_eq!(answers.get("b", at(999)), Some((RecentAnswer::Failed, Duration::from_millis(1))));
        assert_eq!(answers.get("b", at(1000)), None);
        answers.remove("a");
        assert_eq!(answers.get("a", start), None);
    }

    #[test]
    fn what_the_application_forgets_is_displaced_by_no_answer_and_kept_no_longer() {
        let start = Moment::of(&SystemClock);
        let mut answers = RecentAnswers::default();
        answers.forget("a".into(), start);
        for at in 0..2 * MAX_ANSWERS {
            answers.insert(at.to_string().into(), RecentAnswer::Failed, start);
        }
        let at = |milliseconds| start.plus(Duration::from_millis(milliseconds));
        assert_eq!(answers.get("a", at(4999)), Some((RecentAnswer::Unknown, Duration::from_millis(1))));
        assert_eq!(answers.get("a", at(5000)), None);
        answers.forget("a".into(), at(1000));
        answers.forget("b".into(), at(5500));
        assert!(answers.get("a", at(5999)).is_some(), "it was forgotten again");
        answers.forget("b".into(), at(20_000));
        assert_eq!((answers.forgotten.tenants.len(), answers.forgotten.order.len()), (1, 1));
        answers.remove("b");
        assert_eq!(answers.get("b", at(20_000)), None);
    }

    #[test]
    fn the_oldest_answers_leave() {
        let start = Moment::of(&SystemClock);
        let mut answers = RecentAnswers::default();
        for at in 0..3 * MAX_ANSWERS {
            answers.insert(at.to_string().into(), RecentAnswer::Unknown, start);
            assert!(answers.answers.len() <= MAX_ANSWERS && answers.order.len() <= MAX_ANSWERS);
        }
        assert!(answers.get(&(3 * MAX_ANSWERS - 1).to_string(), start).is_some());
        assert!(answers.get("0", start).is_none());
        // The same one again and again leaves nothing behind.
        for _ in 0..3 * MAX_ANSWERS {
            answers.insert("same".into(), RecentAnswer::Unknown, start);
        }
        assert!(answers.get("same", start).is_some() && answers.order.len() <= MAX_ANSWERS);
    }
}
