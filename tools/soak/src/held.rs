//! What may have been held while a request was judged, and what that has to say about its token.

use std::sync::Arc;
use std::time::Duration;

use crate::fetches::Outcome;
use crate::realm::{Name, Published};
use crate::supply::LEEWAY;
use crate::timeline::Span;
use crate::tokens::{DRIFT, Token};

/// How long, at most, a fetch had been running on an idle machine when its request arrived at the issuer: it may have asked for
/// the metadata first.
pub(crate) const LEAD: Duration = Duration::from_millis(300);
/// How long an attempt that failed shows that the issuer cannot be reached.
const EVIDENCE: Duration = Duration::from_secs(75);

/// What may have been held at some moment of the request.
pub(crate) struct Held<'o> {
    sets: Vec<(&'o Outcome, &'o Arc<Published>)>,
    /// What was surely held before the request was sent, unless something later was.
    base: Option<&'o Outcome>,
}

/// What a key set has to say about the key of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Verifies,
    IsAnother,
    /// The name is not in it. That is the end of the token if the set is as of a time after the request was sent, or after the
    /// token was issued, the leeway counted.
    Lacks {
        may_be_newer: bool,
        must_be_newer: bool,
    },
    /// There is no key in it that can be used.
    NothingUsable,
}

impl Word {
    /// Only a later key set can tell.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Lacks { must_be_newer: false, .. } | Self::NothingUsable)
    }
}

impl<'o> Held<'o> {
    pub(crate) fn of(recent: &'o [Outcome], during: Span) -> Self {
        let base =
            recent.iter().rposition(|outcome| outcome.surely_brought_a_set() && outcome.landed.to <= during.from);
        let since = recent[base.unwrap_or(0)..].iter().filter(|outcome| outcome.landed.from <= during.to);
        Self {
            sets: since.flat_map(|outcome| outcome.keys.iter().map(move |keys| (outcome, keys))).collect(),
            base: base.map(|base| &recent[base]),
        }
    }

    pub(crate) fn may_be_nothing(&self) -> bool {
        self.base.is_none()
    }

    /// What each set has to say. `late` is how much longer than on an idle machine everything may take.
    pub(crate) fn words(&self, token: &Token, during: Span, late: Duration) -> Vec<Word> {
        self.sets.iter().map(|(outcome, keys)| word(outcome, keys, token, during, late)).collect()
    }

    /// Whether the keys may have been past their lifetime while nothing showed that the issuer cannot be reached.
    pub(crate) fn may_be_unproven(&self, recent: &[Outcome], during: Span, late: Duration) -> bool {
        let Some(base) = self.base else { return false };
        let may_be_stale = base.fetch.arrived.from + base.lifetime[0] <= during.to + LEAD + late;
        let is_evidence = |outcome: &Outcome| {
            outcome.surely_failed()
                && outcome.landed.to <= during.from
                && outcome.fetch.arrived.from + EVIDENCE >= during.to + LEAD + late
        };
        may_be_stale && !recent.iter().any(is_evidence)
    }
}

fn word(outcome: &Outcome, keys: &Published, token: &Token, during: Span, late: Duration) -> Word {
    if keys.is_empty() {
        return Word::NothingUsable;
    }
    let signer = match token.key.name {
        Name::Generation(generation) => keys.get(&generation),
        Name::Unheard => None,
    };
    match signer {
        Some(signer) if *signer == token.key.signer => Word::Verifies,
        Some(_) => Word::IsAnother,
        None => {
            let arrived = outcome.fetch.arrived;
            let issued = token.issued + LEEWAY;
            Word::Lacks {
                may_be_newer: arrived.to >= during.from || arrived.to + DRIFT >= issued,
                must_be_newer: arrived.from >= issued + DRIFT + LEAD + late,
            }
        }
    }
}
