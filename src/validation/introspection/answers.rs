use std::time::Duration;

use moka::sync::Cache;

use super::super::cache::Fingerprint;
use super::super::token_error::TokenError;
use crate::AccessToken;
use crate::clock::Moment;

/// How long a refused token is remembered, so that it does not cost a call each time.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// How long no further question is asked about a token whose question failed: one odd token must not look like an outage.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// How many of each. A refused token takes some 200 bytes, and at most 5 KiB if its audiences are many and long.
const MAX_REFUSED: u64 = 10_000;
/// How long a token is known to have been active after its answer has ended.
const RENEWABLE_FOR: Duration = Duration::from_secs(10 * 60);
/// What an entry costs beside its token, in bytes: the nodes, counts and copies of the fingerprint that the cache and the allocator
/// keep for it.
const OVERHEAD: usize = 400;

/// What the endpoint has said about tokens, for as long as that counts. The tokens themselves are not kept, only keyed hashes.
///
/// Every deadline is checked at each use. That the cache also drops what has ended only saves memory.
pub(super) struct Answers {
    active: Cache<Fingerprint, Active>,
    refused: Cache<Fingerprint, Refused>,
    failed: Cache<Fingerprint, Moment>,
    lifetime: Duration,
}

/// A token that was active when the endpoint was asked.
#[derive(Clone)]
pub(super) struct Active {
    pub(super) token: AccessToken,
    asked_at: Moment,
}

#[derive(Clone)]
struct Refused {
    error: TokenError,
    asked_at: Moment,
}

impl Answers {
    /// `lifetime` is how long an answer counts, from when the endpoint was asked; zero keeps no active token.
    pub(super) fn new(lifetime: Duration, bytes: u64) -> Self {
        let weigh = |_: &Fingerprint, entry: &Active| u32::try_from(entry.bytes()).unwrap_or(u32::MAX);
        let active = Cache::builder().weigher(weigh).max_capacity(bytes).time_to_live(lifetime + RENEWABLE_FOR);
        let refused = Cache::builder().max_capacity(MAX_REFUSED).time_to_live(REFUSED_FOR);
        let failed = Cache::builder().max_capacity(MAX_REFUSED).time_to_live(FAILED_FOR);
        Self { active: active.build(), refused: refused.build(), failed: failed.build(), lifetime }
    }

    pub(super) fn active(&self, fingerprint: Fingerprint, now: Moment) -> Option<Active> {
        self.active.get(&fingerprint).filter(|entry| now.since(entry.asked_at) < self.lifetime)
    }

    pub(super) fn refused(&self, fingerprint: Fingerprint, now: Moment) -> Option<TokenError> {
        let entry = self.refused.get(&fingerprint)?;
        (now.since(entry.asked_at) < REFUSED_FOR).then_some(entry.error)
    }

    /// When to ask again, if a question has failed a moment ago.
    pub(super) fn failed(&self, fingerprint: Fingerprint, now: Moment) -> Option<Duration> {
        let asked_at = self.failed.get(&fingerprint)?;
        FAILED_FOR.checked_sub(now.since(asked_at)).filter(|rest| !rest.is_zero())
    }

    /// Whether a token was active at the last question about it.
    pub(super) fn was_active(&self, fingerprint: Fingerprint) -> bool {
        self.active.contains_key(&fingerprint)
    }

    pub(super) fn keep_failed(&self, fingerprint: Fingerprint, now: Moment) {
        self.failed.insert(fingerprint, now);
    }

    pub(super) fn keep_active(&self, fingerprint: Fingerprint, token: AccessToken, asked_at: Moment) {
        self.refused.invalidate(&fingerprint);
        if !self.lifetime.is_zero() {
            self.active.insert(fingerprint, Active { token, asked_at });
        }
    }

    pub(super) fn keep_refused(&self, fingerprint: Fingerprint, error: TokenError, asked_at: Moment) {
        // Whatever was known of it before has ended.
        self.active.invalidate(&fingerprint);
        // Time alone may make such a token good.
        if !matches!(error, TokenError::NotYetValid { .. } | TokenError::IssuedInTheFuture { .. }) {
            self.refused.insert(fingerprint, Refused { error, asked_at });
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (u64, u64) {
        self.active.run_pending_tasks();
        self.refused.run_pending_tasks();
        (self.active.weighted_size(), self.refused.entry_count())
    }
}

impl Active {
    fn bytes(&self) -> usize {
        OVERHEAD + size_of::<Self>() + self.token.footprint()
    }
}
