use std::collections::{BTreeMap, VecDeque};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use crate::answer::Answer;
use crate::oracle::{AHEAD, Answered, Case, Oracle, Right};
use crate::presentation::Rule;
use crate::supply::LEEWAY;
use crate::tokens::{DRIFT, Validity};

/// How often the issuers are looked at.
const LOOK: Duration = Duration::from_millis(1);
/// How many wrong answers are told in full.
const TOLD: usize = 12;
/// From when on a request counts as one that waited.
const WAITED: Duration = Duration::from_millis(50);

/// What came of all requests.
#[derive(Default)]
pub(crate) struct Totals {
    /// By what was presented.
    pub(crate) answers: BTreeMap<&'static str, [u64; Answer::ALL.len()]>,
    /// To how many of them several answers would have been right.
    uncertain: BTreeMap<&'static str, u64>,
    /// By what there was to know about the key.
    pub(crate) cases: BTreeMap<Case, u64>,
    pub(crate) wrong: u64,
    pub(crate) wrong_accepts: u64,
    /// Answers that would be wrong if the machine had not stood still. Accepts never are among them.
    pub(crate) excused: u64,
    /// The first of them in full.
    pub(crate) told: Vec<String>,
    pub(crate) longest_wait: Duration,
    /// Of those whose key was known.
    pub(crate) longest_wait_with_key: Duration,
    /// Good tokens that waited for their key and got what they came for.
    pub(crate) found: u64,
    /// Tokens that were refused because a fetch came back without their key, and that were too young to be refused for another reason.
    pub(crate) not_found: u64,
}

/// Judges each answer once it is known what the issuers were asked for until shortly after it came. Ends when no more answers
/// will come.
pub(crate) fn judge_all(mut oracle: Oracle, mut answers: Receiver<Answered>, start: Instant) -> (Oracle, Totals) {
    let mut totals = Totals::default();
    let mut queue = VecDeque::new();
    loop {
        let seen = oracle.look();
        let is_over = loop {
            match answers.try_recv() {
                Ok(answered) => queue.push_back(answered),
                Err(TryRecvError::Empty) => break false,
                Err(TryRecvError::Disconnected) => break true,
            }
        };
        while queue.front().is_some_and(|answered: &Answered| answered.during.to + AHEAD < seen) {
            queue.pop_front().iter().for_each(|answered| totals.judge(&oracle, answered, start));
        }
        if is_over && queue.is_empty() {
            return (oracle, totals);
        }
        thread::sleep(LOOK);
    }
}

impl Totals {
    fn judge(&mut self, oracle: &Oracle, answered: &Answered, start: Instant) {
        let right = oracle.right(answered);
        let wait = answered.during.to - answered.during.from;
        let answer = answered.answer;
        self.answers.entry(answered.presentation.kind).or_default()[answer as usize] += 1;
        *self.uncertain.entry(answered.presentation.kind).or_default() += u64::from(right.answers.len() > 1);
        *self.cases.entry(right.case).or_default() += 1;
        self.longest_wait = self.longest_wait.max(wait);
        if matches!(right.case, Case::NoKey | Case::Known | Case::Replaced) {
            self.longest_wait_with_key = self.longest_wait_with_key.max(wait);
        } else if is_by_key(right.case) && answer == Answer::Granted && wait >= WAITED {
            self.found += 1;
        }
        if right.case == Case::Unknown && answer == Answer::InvalidToken && is_young(answered) {
            self.not_found += 1;
        }
        if right.answers.contains(&answer) && wait <= right.within {
            return;
        }
        let may_be_granted = right.answers.contains(&Answer::Granted);
        let is_wrong_accept = answer == Answer::Anothers || answer == Answer::Granted && !may_be_granted;
        if !is_wrong_accept && answer != Answer::Nonsense && oracle.stood_still(answered.during) {
            self.excused += 1;
            return;
        }
        self.wrong += 1;
        self.wrong_accepts += u64::from(is_wrong_accept);
        if self.told.len() < TOLD {
            self.told.push(tell(oracle, answered, &right, start));
        }
    }

    pub(crate) fn requests(&self) -> u64 {
        self.answers.values().flatten().sum()
    }

    pub(crate) fn of_kind(&self, kind: &str) -> u64 {
        self.answers.get(kind).into_iter().flatten().sum()
    }

    pub(crate) fn of_both(&self, kind: &str, answer: Answer) -> u64 {
        self.answers.get(kind).map_or(0, |answers| answers[answer as usize])
    }

    /// To how many of a kind several answers would have been right.
    pub(crate) fn uncertain(&self, kind: &str) -> u64 {
        self.uncertain.get(kind).copied().unwrap_or_default()
    }

    pub(crate) fn of(&self, answer: Answer) -> u64 {
        self.answers.values().map(|answers| answers[answer as usize]).sum()
    }
}

fn is_by_key(case: Case) -> bool {
    !matches!(case, Case::Opaque | Case::OpaqueUnclear | Case::Deeds | Case::DeedsUnclear)
}

/// Whether the token is valid by its times, and so young that no key set can be newer than it by its own account.
fn is_young(answered: &Answered) -> bool {
    match &answered.presentation.rule {
        Rule::ByToken { token, .. } => {
            token.validity(answered.during) == Validity::Present && token.issued + LEEWAY > answered.during.to + DRIFT
        }
        Rule::Always(_) | Rule::ByIssuer { .. } | Rule::ByDeeds(_) => false,
    }
}

fn tell(oracle: &Oracle, answered: &Answered, right: &Right, start: Instant) -> String {
    let Answered { presentation, during, answer, text } = answered;
    let at = during.from.saturating_duration_since(start).as_secs_f64();
    let wait = (during.to - during.from).as_secs_f64();
    let mut told = vec![format!(
        "   {} at {at:.3} for {wait:.3} s: {answer:?}, where {:?} is right within {:?} ({:?})",
        presentation.kind, right.answers, right.within, right.case
    )];
    told.extend(text.as_ref().map(|text| format!("      {text}")));
    if let Rule::ByToken { token, .. } = &presentation.rule {
        told.push(format!("      {:?} of {}", token.key, oracle.realms[token.realm].name));
        told.extend(oracle.circumstances(token.realm, *during, start));
    }
    told.join("\n") + "\n"
}
