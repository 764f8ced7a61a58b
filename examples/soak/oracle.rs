//! Which answers are right: what the documentation of the crate promises about a request, given what the issuers had
//! published, when they were asked, and what the request presents. Nothing in here knows how the layer works.
//!
//! Nobody knows exactly when the API held which keys. It is known what each fetch may have brought and between which moments
//! that landed; so there is a set of key sets that may have been held while the request was judged, mostly of one, and an
//! answer is right if one of them makes it so:
//!
//! - The key is in it under its name: granted, at once.
//! - The name is in it for another key: refused, at once.
//! - The name is not in it: refused, if a fetch that may have begun after the request was sent came back without the name, or
//!   did so a moment ago and nothing has changed since. Or 503, if a fetch failed that nothing has made up for, for as long as
//!   the issuer is left alone then; or after 6 seconds, if it did not answer. Nothing else is right, and nobody is kept
//!   waiting for longer.
//! - None is held: 503, as above.
//!
//! What does not depend on a key has one right answer, at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::answer::Answer;
use crate::fetches::{Fetch, Log, Outcome};
use crate::presentation::{Presentation, Rule};
use crate::realm::{Key, NAMES, Name, Published, Realms};
use crate::slowness::Slowness;
use crate::timeline::Span;
use crate::tokens::{Token, Validity};

/// How late an answer may be that nothing has to be waited for, on an idle machine.
const AT_ONCE: Duration = Duration::from_secs(1);
/// How long a request waits for a key at most …
const PATIENCE: Duration = Duration::from_secs(6);
/// … give or take.
const ABOUT: Duration = Duration::from_millis(200);
/// From when on a machine is so slow that a fetch may take longer than the rest of that.
const SLOW: Duration = Duration::from_millis(300);
/// From when on it stands still, in which a fetch may fail through no fault of its issuer …
const STANDSTILL: Duration = Duration::from_secs(2);
/// … and for how long that may matter.
const AFTERMATH: Duration = Duration::from_secs(15);
/// How long a name that was not found is known not to exist.
const ABSENT: Duration = Duration::from_secs(5);
/// How long an issuer is left alone after its first failure, and at most.
pub(crate) const BACK_OFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// The answer to one request.
pub(crate) struct Answered {
    pub(crate) presentation: Presentation,
    /// From before its first octet was sent until after the last of the answer was received.
    pub(crate) during: Span,
    pub(crate) answer: Answer,
    /// The response as it came, if it was none of the sound ones.
    pub(crate) text: Option<String>,
}

/// The answers that are right, and how soon.
pub(crate) struct Right {
    pub(crate) answers: Vec<Answer>,
    pub(crate) within: Duration,
    /// Why, for the totals.
    pub(crate) case: Case,
}

/// What there is to know about the key of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Case {
    /// It does not matter.
    NoKey,
    Known,
    Replaced,
    Unknown,
    /// It changed about then.
    Unclear,
}

/// What a key set has to say about a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Verifies,
    IsAnother,
    Unknown,
}

pub(crate) struct Oracle {
    pub(crate) realms: Arc<Realms>,
    pub(crate) logs: [Log; NAMES.len()],
    pub(crate) slowness: Arc<Slowness>,
    looked: Instant,
}

impl Oracle {
    pub(crate) fn new(realms: Arc<Realms>, slowness: Arc<Slowness>) -> Self {
        Self { realms, logs: Default::default(), slowness, looked: Instant::now() }
    }

    /// Sees what the issuers were asked for until now. Returns until when everything is known.
    pub(crate) fn look(&mut self) -> Instant {
        let now = Instant::now();
        for (log, realm) in self.logs.iter_mut().zip(self.realms.iter()) {
            log.look(realm, self.looked);
        }
        self.looked = now;
        now.min(self.slowness.known_until())
    }

    /// To be asked once everything is known until the answer came.
    pub(crate) fn right(&self, answered: &Answered) -> Right {
        let mut right = self.right_in_time(answered);
        right.within += self.slowness.during(answered.during);
        right
    }

    fn right_in_time(&self, answered: &Answered) -> Right {
        let (token, granted) = match &answered.presentation.rule {
            Rule::Always(answer) => return Right { answers: vec![*answer], within: AT_ONCE, case: Case::NoKey },
            Rule::ByToken { token, granted } => (token, *granted),
        };
        match token.validity(answered.during) {
            Validity::Past | Validity::Future => {
                Right { answers: vec![Answer::InvalidToken], within: AT_ONCE, case: Case::NoKey }
            }
            Validity::Present => self.by_key(token, granted, answered.during),
            Validity::Unclear => {
                let mut right = self.by_key(token, granted, answered.during);
                right.answers.push(Answer::InvalidToken);
                right
            }
        }
    }

    fn by_key(&self, token: &Token, granted: Answer, during: Span) -> Right {
        let recent = self.recent(token.realm, during);
        let held = Held::of(&recent, during);
        let words: Vec<_> = held.keys.iter().map(|keys| word(keys, token.key)).collect();

        let unknown = held.may_be_nothing || words.contains(&Word::Unknown);
        let mut answers = Vec::new();
        if words.contains(&Word::Verifies) {
            answers.push(granted);
        }
        let is_refused = words.contains(&Word::Unknown) && is_known_to_be_absent(&recent, token.key, during);
        if is_refused || words.contains(&Word::IsAnother) {
            answers.push(Answer::InvalidToken);
        }
        if unknown && (is_left_alone(&recent, during) || self.is_kept_waiting(&recent, during)) {
            answers.push(Answer::Unavailable);
        }
        let case = match &*words {
            [first, rest @ ..] if rest.iter().any(|word| word != first) || held.may_be_nothing => Case::Unclear,
            [Word::Verifies, ..] => Case::Known,
            [Word::IsAnother, ..] => Case::Replaced,
            [] | [Word::Unknown, ..] => Case::Unknown,
        };
        Right { answers, within: if unknown { PATIENCE + AT_ONCE } else { AT_ONCE }, case }
    }

    /// Whether the request was given up after its time because the issuer took its own, or the machine: the turn of a fetch
    /// may come so late that only a second is left for it.
    fn is_kept_waiting(&self, recent: &[Outcome], during: Span) -> bool {
        let is_slow = |outcome: &Outcome| {
            outcome.is_slow && outcome.fetch.arrived.from <= during.to && outcome.landed.to >= during.from
        };
        let was_slow = || recent.iter().any(is_slow) || self.slowness.during(during) >= SLOW;
        during.to - during.from + ABOUT >= PATIENCE && was_slow()
    }

    /// Whether the machine stood still about then: fetches may have ended that never reached an issuer, and nobody can say what
    /// is right but that nothing bad may be granted.
    pub(crate) fn stood_still(&self, during: Span) -> bool {
        self.slowness.during(during.before(AFTERMATH)) >= STANDSTILL
    }

    /// What the issuer was asked for, the oldest first: back to the last time when it surely brought keys, long enough ago
    /// that nothing before counts.
    fn recent(&self, realm: usize, during: Span) -> Vec<Outcome> {
        let history = self.realms[realm].history();
        let mut recent = Vec::new();
        for fetch in self.logs[realm].fetches.iter().rev() {
            let outcome = Outcome::of(*fetch, &history, &self.slowness);
            let is_enough = outcome.surely_brought_keys() && outcome.landed.to + ABSENT + AT_ONCE < during.from;
            recent.push(outcome);
            if is_enough {
                break;
            }
        }
        recent.reverse();
        recent
    }

    /// What happened at an issuer lately, for whoever looks into a wrong answer.
    pub(crate) fn circumstances(&self, realm: usize, during: Span, start: Instant) -> Vec<String> {
        let at = |instant: Instant| format!("{:.3}", instant.saturating_duration_since(start).as_secs_f64());
        let tell = |outcome: &Outcome| {
            let Fetch { endpoint, arrived } = outcome.fetch;
            let what = if endpoint == 1 { "keys" } else { "metadata" };
            let keys: Vec<_> = outcome.keys.iter().map(|keys| format!("{keys:?}")).collect();
            let failed = if outcome.may_have_failed { " or failed" } else { "" };
            format!(
                "      {what} asked for at {}–{}, landed at {}–{}: {}{failed}",
                at(arrived.from),
                at(arrived.to),
                at(outcome.landed.from),
                at(outcome.landed.to),
                keys.join(" or "),
            )
        };
        self.recent(realm, during).iter().map(tell).collect()
    }
}

/// What may have been held at some moment of the request.
struct Held<'o> {
    keys: Vec<&'o Arc<Published>>,
    may_be_nothing: bool,
}

impl<'o> Held<'o> {
    fn of(recent: &'o [Outcome], during: Span) -> Self {
        let base = recent.iter().rposition(|outcome| outcome.surely_brought_keys() && outcome.landed.to <= during.from);
        let since = recent[base.unwrap_or(0)..].iter().filter(|outcome| outcome.landed.from <= during.to);
        Self { keys: since.flat_map(|outcome| &outcome.keys).collect(), may_be_nothing: base.is_none() }
    }
}

fn word(keys: &Published, key: Key) -> Word {
    let Name::Generation(generation) = key.name else { return Word::Unknown };
    match keys.get(&generation) {
        Some(signer) if *signer == key.signer => Word::Verifies,
        Some(_) => Word::IsAnother,
        None => Word::Unknown,
    }
}

/// Whether a fetch came back without the name that may have begun after the request was sent, or may have done so less than
/// [`ABSENT`] before it without that anything is known to have changed since.
fn is_known_to_be_absent(recent: &[Outcome], key: Key, during: Span) -> bool {
    let lacks = |outcome: &&Outcome| outcome.keys.iter().any(|keys| word(keys, key) == Word::Unknown);
    let may_have_landed = recent.iter().filter(|outcome| outcome.landed.from <= during.to);
    may_have_landed.filter(lacks).any(|outcome| {
        let is_later = outcome.fetch.arrived.to >= during.from;
        let is_remembered = key.name != Name::Unheard
            && outcome.landed.to + ABSENT >= during.from
            && !recent.iter().any(|later| has_changed(outcome, later, during));
        is_later || is_remembered
    })
}

/// Whether `later` surely brought other keys than `before`, and before the request.
fn has_changed(before: &Outcome, later: &Outcome, during: Span) -> bool {
    let is_between = later.fetch.arrived.from > before.landed.to && later.landed.to < during.from;
    is_between && later.surely_brought_keys() && !later.keys.iter().any(|keys| before.keys.contains(keys))
}

/// Whether the issuer may have been left alone at some moment of the request, because it had failed.
fn is_left_alone(recent: &[Outcome], during: Span) -> bool {
    let (mut failures, mut alone) = (0, false);
    for outcome in recent {
        if outcome.surely_brought_keys() {
            failures = 0;
            alone &= outcome.landed.to > during.from;
        } else if outcome.may_have_failed {
            let until = outcome.landed.to + back_off(failures);
            failures += 1;
            alone |= outcome.landed.from <= during.to && until >= during.from;
        }
    }
    alone
}

/// How long an issuer is left alone at most that has failed so often before.
pub(crate) fn back_off(failures: u32) -> Duration {
    (BACK_OFF[0] * (1 << failures.min(6))).min(BACK_OFF[1])
}
