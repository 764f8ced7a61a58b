use super::decision::Fetch;
use crate::clock::Moment;

/// The fetch that runs, or that is about to.
#[cfg_attr(test, derive(Clone))]
pub(super) struct RunningFetch {
    pub(super) fetch: Fetch,
    pub(super) reason: Reason,
    pub(super) began: Option<Moment>,
    pub(super) is_unanswered: bool,
}

/// Why a fetch is made. It is counted against a budget when it begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Nothing can be validated before it, so it is never delayed, but it spends an attempt for an unknown key if one is left.
    FirstKeys,
    UnknownKey,
    Mismatch,
    /// The held keys are due for a refresh.
    Age,
}
