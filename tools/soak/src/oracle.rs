//! Which answers are right: what the documentation of the crate promises about a request, given what the issuers had
//! published, when they were asked, and what the request presents. Nothing in here knows how the layer works.
//!
//! Nobody knows exactly when the API held which keys. It is known what each fetch may have brought and between which moments
//! that landed; so there are one or more key sets, mostly one, that may have been [held] while the request was judged, and an
//! answer is right if one of them makes it so:
//!
//! - The key is in it under its name: granted, at once.
//! - The name is in it for another key: refused, at once.
//! - The name is not in it: refused, if the set is as of a time after the request was sent, or after the token was issued plus
//!   the leeway; at once, if the held set surely is. Otherwise one of these, and nobody is kept waiting for longer than 6 seconds:
//!   - 429, if so many fetches began lately that the next is more than a second off; or if one runs or is about to, and more
//!     requests are under way than may wait for it.
//!   - 503, if a fetch failed and none has succeeded since, for as long as the issuer is to be left alone for more than another
//!     second; or after 6 seconds, if it did not answer.
//! - There is no key in it that can be used, or none is held: 503, if the issuer is left alone, or after 6 seconds, as above.
//!
//! What does not depend on a key has one right answer, at once. What is right about an opaque token is written in [opaque], about a
//! token that is bound to a key of its client in [proofs], about one that may be revoked in [sessions], and about a tenant's in
//! [tenants].
//!
//! [held]: crate::held
//! [opaque]: crate::opaque
//! [proofs]: crate::proofs
//! [sessions]: crate::sessions
//! [tenants]: crate::tenants

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::answer::Answer;
use crate::expectation::Expectation;
use crate::fetches::{Fetch, Log, Outcome};
use crate::held::{Held, LEAD, Word};
use crate::in_flight::InFlight;
use crate::opaque::{Opaque, OpaqueToken};
use crate::presentation::{Presentation, Rule};
use crate::realm::{NAMES, Realms};
use crate::slowness::Slowness;
use crate::timeline::Span;
use crate::tokens::{Token, Validity};

/// How late an answer may be, on an idle machine, if the request has to wait for nothing.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);
/// How long an answer is on its way at most, on an idle machine, once it is decided.
const ON_ITS_WAY: Duration = Duration::from_millis(500);
/// How long a request waits for a key at most …
const PATIENCE: Duration = Duration::from_secs(6);
/// … give or take.
const ABOUT: Duration = Duration::from_millis(200);
/// From when on a machine is so slow that a fetch may take longer than the rest of that.
const SLOW: Duration = Duration::from_millis(300);
/// From when on it counts as standing still, so that a fetch may fail through no fault of its issuer …
const STANDSTILL: Duration = Duration::from_secs(2);
/// … and for how long that may matter.
const AFTERMATH: Duration = Duration::from_secs(15);
/// How far off a fetch for a key that is not known may be to be waited for.
const WORTH_WAITING: Duration = Duration::from_secs(1);
/// How often there may be one more such fetch. Two may follow one another at once.
const INTERVAL: Duration = Duration::from_secs(5);
/// If the next such fetch is not worth waiting for: how long ago, at most, the last one began, and the one before it.
const SPENT: [Duration; 2] = [Duration::from_secs(4), Duration::from_secs(9)];
/// How much longer than its client a request may be there, after that has hung up.
const LINGERS: Duration = Duration::from_millis(500);
/// How long keys past their lifetime are not used while nothing shows that the issuer cannot be reached.
const UNANSWERED: Duration = Duration::from_secs(1);
/// How far beyond an answer the issuers' requests must be known to judge it.
pub(crate) const AHEAD: Duration = Duration::from_secs(3);
/// How long an issuer is left alone after its first failure, and at most.
pub(crate) const BACK_OFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// The answer to one request.
pub(crate) struct Answered {
    pub(crate) presentation: Presentation,
    /// From before its first byte was sent until after the last of the answer was received.
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
    /// Its name is surely not among those of a key set that is newer than the token.
    Gone,
    /// There is no key that can be used.
    NothingUsable,
    /// It changed about then.
    Unclear,
    /// The token is opaque, and its issuer answers.
    Opaque,
    /// … or fails about then.
    OpaqueUnclear,
    /// What was done here decides, and there is one right answer …
    Deeds,
    /// … or several, because it was done about then.
    DeedsUnclear,
}

pub(crate) struct Oracle {
    pub(crate) realms: Arc<Realms>,
    pub(crate) opaque: Arc<Opaque>,
    pub(crate) logs: [Log; NAMES.len()],
    pub(crate) slowness: Arc<Slowness>,
    in_flight: Arc<InFlight>,
    looked: Instant,
}

impl Oracle {
    pub(crate) fn new(
        realms: Arc<Realms>,
        opaque: Arc<Opaque>,
        slowness: Arc<Slowness>,
        in_flight: Arc<InFlight>,
    ) -> Self {
        Self { realms, opaque, logs: Default::default(), slowness, in_flight, looked: Instant::now() }
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

    /// To be asked once everything is known until [`AHEAD`] after the answer came.
    pub(crate) fn right(&self, answered: &Answered) -> Right {
        let mut right = self.right_in_time(answered);
        right.within += self.slowness.during(answered.during);
        right
    }

    fn right_in_time(&self, answered: &Answered) -> Right {
        let (token, granted) = match &answered.presentation.rule {
            Rule::Always(answer) => return Right { answers: vec![*answer], within: AT_ONCE, case: Case::NoKey },
            Rule::ByIssuer { token, granted } => return self.by_issuer(token, *granted, answered.during),
            Rule::ByDeeds(expectation) => return self.by_deeds(&**expectation, answered),
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

    fn by_issuer(&self, token: &OpaqueToken, granted: Answer, during: Span) -> Right {
        let late = self.slowness.during(during.later(Duration::ZERO, AHEAD));
        let (answers, may_fail) = self.opaque.right(token, granted, during, late);
        let (within, case) = if may_fail { (PATIENCE + AT_ONCE, Case::OpaqueUnclear) } else { (AT_ONCE, Case::Opaque) };
        Right { answers, within, case }
    }

    fn by_deeds(&self, expectation: &dyn Expectation, answered: &Answered) -> Right {
        let late = self.slowness.during(answered.during.later(Duration::ZERO, AHEAD));
        let (answers, within) = expectation.right(answered, late);
        let case = if answers.len() > 1 { Case::DeedsUnclear } else { Case::Deeds };
        Right { answers, within, case }
    }

    fn by_key(&self, token: &Token, granted: Answer, during: Span) -> Right {
        let recent = self.recent(token.realm, during);
        let late = self.slowness.during(during.later(Duration::ZERO, AHEAD));
        // What was held when the request was sent says how long it may wait. What was held in the end says what becomes of it.
        let held = Held::of(&recent, during);
        let words = held.words(token, during, late);
        let within = if held.may_be_nothing() || words.iter().any(|word| word.is_open()) {
            PATIENCE + AT_ONCE
        } else if held.may_be_unproven(&recent, during, late) {
            UNANSWERED + AT_ONCE
        } else {
            AT_ONCE
        };
        let answers = self.answers(token, granted, &recent, during, late);
        Right { answers, within, case: case(&words, held.may_be_nothing()) }
    }

    fn answers(&self, token: &Token, granted: Answer, recent: &[Outcome], during: Span, late: Duration) -> Vec<Answer> {
        let decided = during.last(ON_ITS_WAY + late);
        let held = Held::of(recent, decided);
        let words = held.words(token, during, late);
        let is_nothing = held.may_be_nothing() || words.contains(&Word::NothingUsable);
        let is_unknown = words.iter().any(|word| matches!(word, Word::Lacks { must_be_newer: false, .. }));
        let mut answers = Vec::new();
        if words.contains(&Word::Verifies) {
            answers.push(granted);
        }
        if words.iter().any(|word| matches!(word, Word::IsAnother | Word::Lacks { may_be_newer: true, .. })) {
            answers.push(Answer::InvalidToken);
        }
        if is_nothing && is_left_alone(recent, decided, Duration::ZERO)
            || is_unknown && is_left_alone(recent, decided, WORTH_WAITING)
            || (is_nothing || is_unknown) && self.is_kept_waiting(recent, during)
        {
            answers.push(Answer::Unavailable);
        }
        if is_unknown && (is_spent(recent, decided, late) || self.is_full(recent, decided, late)) {
            answers.push(Answer::TooManyRequests);
        }
        answers
    }

    /// Whether a fetch may run or start within a second, and more requests may want to wait for it than may.
    fn is_full(&self, recent: &[Outcome], during: Span, late: Duration) -> bool {
        let is_about_then = |outcome: &Outcome| {
            outcome.fetch.arrived.from <= during.to + WORTH_WAITING + LEAD + late && outcome.landed.to >= during.from
        };
        recent.iter().any(is_about_then) && self.in_flight.exceeded_during(during.before(LINGERS + late))
    }

    /// Whether the request was given up when its time was up, because the issuer or the machine was slow: the turn of a fetch
    /// may come so late that only a second is left for it.
    fn is_kept_waiting(&self, recent: &[Outcome], during: Span) -> bool {
        let is_slow = |outcome: &Outcome| {
            outcome.is_slow && outcome.fetch.arrived.from <= during.to && outcome.landed.to >= during.from
        };
        let was_slow = || recent.iter().any(is_slow) || self.slowness.during(during) >= SLOW;
        during.to - during.from + ABOUT >= PATIENCE && was_slow()
    }

    /// Whether the machine stood still about then: fetches that never reached an issuer may have ended, and nobody can say what
    /// is right, except that nothing bad may be granted.
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
            let is_enough = outcome.surely_brought_keys() && outcome.landed.to + 2 * INTERVAL < during.from;
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

fn case(words: &[Word], may_be_nothing: bool) -> Case {
    let one = |word: &Word| match word {
        Word::Verifies => Case::Known,
        Word::IsAnother => Case::Replaced,
        Word::Lacks { must_be_newer: true, .. } => Case::Gone,
        Word::Lacks { .. } => Case::Unknown,
        Word::NothingUsable => Case::NothingUsable,
    };
    match words {
        [] => Case::Unknown,
        [first, rest @ ..] if may_be_nothing || rest.iter().any(|word| one(word) != one(first)) => Case::Unclear,
        [first, ..] => one(first),
    }
}

/// Whether the fetches for unknown keys may have been used up at some moment of the request, and the next more than a second
/// off: then one of them began less than an interval ago, and another less than an interval before that.
fn is_spent(recent: &[Outcome], during: Span, late: Duration) -> bool {
    let begun_within = |most: Duration| {
        let begun = recent.iter().filter(|outcome| outcome.may_be_an_attempt()).map(|outcome| outcome.fetch.arrived);
        begun.filter(|arrived| arrived.from <= during.to + LEAD + late && arrived.to + most >= during.from).count()
    };
    begun_within(SPENT[0]) >= 1 && begun_within(SPENT[1]) >= 2
}

/// Whether the issuer may have been left alone for more than `spare` from some moment of the request on, because it had failed.
fn is_left_alone(recent: &[Outcome], during: Span, spare: Duration) -> bool {
    let (mut failures, mut alone) = (0, false);
    for outcome in recent {
        if outcome.surely_brought_keys() {
            failures = 0;
            alone &= outcome.landed.to > during.from;
        } else if outcome.may_have_been_in_vain() {
            let alone_for = back_off(failures).saturating_sub(spare);
            failures += 1;
            alone |= !alone_for.is_zero()
                && outcome.landed.from <= during.to
                && outcome.landed.to + alone_for >= during.from;
        }
    }
    alone
}

/// How long, at most, an issuer that has failed so often before is left alone.
pub(crate) fn back_off(failures: u32) -> Duration {
    (BACK_OFF[0] * (1 << failures.min(6))).min(BACK_OFF[1])
}
