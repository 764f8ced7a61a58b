use std::time::{Duration, Instant, SystemTime};

use crate::clock::Moment;

/// What to do about one lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The held keys answer it.
    Use,
    /// The held keys answer it, and a fetch is due.
    UseAndRefresh(Fetch),
    /// A fetch is needed to answer it: the one that runs, or this new one.
    Wait { start: Option<Fetch>, wait: Wait },
    /// There is no such key.
    Refuse,
    /// There are no usable keys, and the back-off before the next fetch has not ended.
    Unavailable { retry_after: Duration },
    /// The issuer can be reached, and the next fetch for an unknown key is too far off to wait for it.
    Busy { retry_after: Duration },
}

/// Whether the held keys may be used.
#[derive(Clone, Copy)]
pub(super) enum Usability {
    /// Until that moment, unless something happens before.
    Until(Moment),
    /// They are past their lifetime, and there is no evidence that the issuer cannot be reached.
    Unproven,
    /// There are none, or they are too old.
    No,
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// For the end of a fetch, because no key may be used yet.
    Keys,
    /// For the end of a fetch, or until an unanswered one is evidence that the issuer cannot be reached.
    Refresh,
    /// For the end of a fetch that may bring the key.
    UnknownKey,
}

/// A fetch to carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fetch {
    pub(super) number: u64,
    pub(super) starts_at: Moment,
    /// Whether caches on the way must ask the issuer.
    pub(super) bypass_caches: bool,
}

/// What a fetch returned, as far as time is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document {
    /// How long it is fresh from the start of its fetch, if the issuer says so.
    pub(super) lifetime: Option<Duration>,
    /// How old it was when its fetch started.
    pub(super) age: Duration,
    /// Whether it has a usable key.
    pub(super) has_keys: bool,
}

/// What happened to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reception {
    /// It is held from now on.
    Held,
    /// The one that is held is newer, and stays.
    Outdated,
    /// Its fetch was given up, so it is ignored.
    GivenUp,
}

/// The times of a token. A document that is newer than them proves that a key does not exist.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenTimes {
    pub(crate) arrived: Instant,
    pub(crate) issued: Option<SystemTime>,
    pub(crate) leeway: Duration,
}
