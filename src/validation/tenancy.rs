use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::token::TenantValue;

/// How precisely the time of a tenant's last use is known.
const USE_INTERVAL: Duration = Duration::from_secs(1);

/// What an issuer that was resolved at run time has in addition: where it stands, when a token of it was last accepted, and the application's
/// value.
pub(crate) struct Tenancy {
    standing: AtomicU8,
    since: Instant,
    /// When a token was last accepted, in milliseconds after `since`.
    used: AtomicU64,
    value: Option<TenantValue>,
}

/// Where a tenant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No token of it was accepted yet.
    Probation,
    /// It is in the table.
    Active,
    /// It has left the table, or was forgotten.
    Ended,
}

impl Tenancy {
    pub(crate) fn new(value: Option<TenantValue>, now: Instant) -> Self {
        Self { standing: AtomicU8::new(Standing::Probation as u8), since: now, used: AtomicU64::new(0), value }
    }

    pub(crate) fn value(&self) -> Option<&TenantValue> {
        self.value.as_ref()
    }

    pub(crate) fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Acquire) {
            0 => Standing::Probation,
            1 => Standing::Active,
            _ => Standing::Ended,
        }
    }

    pub(crate) fn set_standing(&self, standing: Standing) {
        self.standing.store(standing as u8, Ordering::Release);
    }

    /// A token was accepted. Returns whether that is recorded: a second use within a second is not, so that processors rarely share what is
    /// written here.
    pub(crate) fn touch(&self, now: Instant) -> bool {
        let is_recorded = self.idle_for(now) >= USE_INTERVAL;
        if is_recorded {
            self.used.store(self.milliseconds(now), Ordering::Relaxed);
        }
        is_recorded
    }

    /// How long ago it was resolved.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// How long no token was accepted.
    pub(crate) fn idle_for(&self, now: Instant) -> Duration {
        Duration::from_millis(self.milliseconds(now).saturating_sub(self.used.load(Ordering::Relaxed)))
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.since).as_millis()).unwrap_or(u64::MAX)
    }
}
