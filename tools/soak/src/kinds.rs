//! What is presented beside tokens of issuers that rotate, and what the oracle must have seen of each kind.

use std::fmt::{self, Display, Formatter};

use crate::answer::Answer;
use crate::totals::Totals;

/// What came of requests of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Refused,
    /// 503 or 429: the client keeps its token.
    PutOff,
}

use Outcome::{Accepted, PutOff, Refused};

const KINDS: &[(&str, &[Outcome])] = &[
    ("bound", &[Accepted, PutOff]),
    ("bound, sent twice at once", &[Accepted, Refused]),
    ("bound, replayed", &[Refused, PutOff]),
    ("bound, replayed after Redis was away", &[Refused]),
    ("bound, in memory", &[Accepted]),
    ("bound, in memory, sent twice at once", &[Accepted, Refused]),
    ("bound, in memory, replayed", &[Refused]),
    ("bound, in memory, replayed after a reload", &[Refused]),
    ("bound, proof of another key", &[Refused]),
    ("bound, proof signed with another key", &[Refused]),
    ("bound, proof for another URL", &[Refused]),
    ("bound, proof for another method", &[Refused]),
    ("bound, proof for another token", &[Refused]),
    ("bound, old proof", &[Refused]),
    ("bound, no proof", &[Refused]),
    ("bound, sent as Bearer", &[Refused]),
    ("session", &[Accepted]),
    ("session, revoked", &[Refused]),
    ("user, revoked", &[Refused]),
    ("user, revoked, token issued later", &[Accepted]),
    ("tenant", &[Accepted]),
    ("tenant that comes and goes", &[Accepted, Refused]),
    ("tenant, rare", &[Accepted]),
    ("tenant, rare, forged", &[Refused]),
    ("tenant, signed by another", &[Refused]),
    ("tenant, unknown", &[Refused, PutOff]),
    ("tenant outside of the pattern", &[Refused]),
    ("tenant, in memory, at first", &[Accepted]),
    ("tenant, in memory, in use", &[Accepted]),
    ("tenant, in memory, idle", &[Refused]),
];

/// What the oracle saw nothing of.
pub(crate) fn unmet(totals: &Totals) -> Vec<String> {
    let unmet = |(kind, outcomes): &(&'static str, &[Outcome])| {
        let missing = outcomes.iter().filter(|outcome| outcome.count(kind, totals) == 0);
        missing.map(|outcome| format!("{kind}: {}", outcome.name())).collect::<Vec<_>>()
    };
    let is_uncertain = |kind: &str| totals.of_kind(kind) > 0 && totals.of_kind(kind) == totals.uncertain(kind);
    let uncertain = KINDS.iter().map(|(kind, _)| *kind).filter(|kind| is_uncertain(kind));
    KINDS.iter().flat_map(unmet).chain(uncertain.map(|kind| format!("{kind}: with one right answer"))).collect()
}

/// The last page of the report.
pub(crate) struct Page<'t>(pub(crate) &'t Totals);

impl Display for Page<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| kind | accepted | refused | put off | uncertain |\n|---|---:|---:|---:|---:|")?;
        for (kind, _) in KINDS {
            let [accepted, refused, put_off] = [Accepted, Refused, PutOff].map(|outcome| outcome.count(kind, self.0));
            writeln!(f, "| {kind} | {accepted} | {refused} | {put_off} | {} |", self.0.uncertain(kind))?;
        }
        writeln!(f)
    }
}

impl Outcome {
    fn count(self, kind: &str, totals: &Totals) -> u64 {
        let is_such = |answer: &&Answer| match answer {
            Answer::Granted => self == Accepted,
            Answer::Unavailable | Answer::TooManyRequests => self == PutOff,
            Answer::Anothers | Answer::Nonsense => false,
            _ => self == Refused,
        };
        Answer::ALL.iter().filter(is_such).map(|answer| totals.of_both(kind, *answer)).sum()
    }

    fn name(self) -> &'static str {
        match self {
            Accepted => "accepted",
            Refused => "refused",
            PutOff => "put off",
        }
    }
}
