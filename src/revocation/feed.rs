use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::feed_status::{EventOutcome, FeedKind, FeedStatus, StreamState};
use crate::clock::{Clock, Moment};
use crate::metrics;
use crate::settled_until::SettledUntil;

/// A silence that never ends, short enough to be added to any time.
const LONGEST_SILENCE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// One source of revocations: when it was last heard, and what has become of its events.
pub(crate) struct Feed {
    settings: FeedSettings,
    clock: Arc<dyn Clock>,
    /// Until when it may be silent.
    fresh_until: SettledUntil,
    /// Until when it may be silent without tokens being refused.
    usable_until: SettledUntil,
    ready: watch::Sender<bool>,
    events: [AtomicU64; EventOutcome::ALL.len()],
    heard: Mutex<Heard>,
}

/// What a feed is, and what its silence means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FeedSettings {
    pub(crate) kind: FeedKind,
    pub(crate) issuer: Option<Box<str>>,
    /// The `aud` of its messages.
    pub(crate) audience: Option<Box<str>>,
    /// How long it may be silent. `None`: for any time.
    pub(crate) silent_after: Option<Duration>,
    /// After what silence tokens are refused.
    pub(crate) refuse_when_stale: Option<Duration>,
}

#[derive(Default)]
struct Heard {
    last: Option<SystemTime>,
    stream_state: Option<StreamState>,
    verification_state: Option<Box<str>>,
}

impl Feed {
    pub(super) fn new(settings: FeedSettings, clock: Arc<dyn Clock>) -> Self {
        let now = Moment::of(&*clock);
        let is_ready = settings.kind != FeedKind::Store;
        let feed = Self {
            fresh_until: SettledUntil::never(now),
            usable_until: SettledUntil::never(now),
            ready: watch::Sender::new(is_ready),
            events: Default::default(),
            heard: Mutex::default(),
            settings,
            clock,
        };
        if is_ready {
            feed.postpone(now);
        }
        feed
    }

    /// Whether the messages of both come from the same sender and are for the same audience. Two stores may be different ones.
    pub(super) fn has_source_of(&self, other: &Self) -> bool {
        let source = |feed: &Self| {
            let FeedSettings { kind, issuer, audience, .. } = feed.settings.clone();
            (kind, issuer, audience)
        };
        self.settings.kind != FeedKind::Store && source(self) == source(other)
    }

    pub(super) fn has_settings_of(&self, other: &Self) -> bool {
        self.settings == other.settings
    }

    /// A good message has come, or the store has said that there is nothing new.
    pub(crate) fn heard(&self) {
        let now = Moment::of(&*self.clock);
        self.heard_state().last = Some(now.wall);
        self.postpone(now);
        self.ready.send_if_modified(|ready| !std::mem::replace(ready, true));
        metrics::revocation_feed_heard(self.settings.kind.name(), self.issuer(), now.wall);
    }

    /// A good message has come that was issued then. One that is older than the time for which the feed may be silent is no sign of
    /// life: somebody may have captured it and may send it again while the sender cannot be reached.
    #[cfg(feature = "shared-signals")]
    pub(crate) fn heard_message(&self, issued_at: SystemTime) {
        let age = self.clock.now().duration_since(issued_at).unwrap_or_default();
        if self.longest_silence().is_none_or(|longest| age <= longest) {
            self.heard();
        }
    }

    /// Counts an event.
    #[cfg(any(feature = "back-channel-logout", feature = "shared-signals"))]
    pub(crate) fn count(&self, outcome: EventOutcome) {
        self.events[outcome as usize].fetch_add(1, Ordering::Relaxed);
        metrics::revocation_event(self.settings.kind.name(), self.issuer(), outcome.name());
    }

    #[cfg(feature = "shared-signals")]
    pub(crate) fn set_stream_state(&self, state: StreamState) {
        self.heard_state().stream_state = Some(state);
    }

    #[cfg(feature = "shared-signals")]
    pub(crate) fn set_verification_state(&self, state: Option<&str>) {
        self.heard_state().verification_state = state.map(Into::into);
    }

    pub(super) fn refuses_when_stale(&self) -> bool {
        self.settings.refuse_when_stale.is_some()
    }

    /// Whether tokens are to be refused because of its silence, or because it is not ready.
    pub(super) fn refuses(&self, now: Moment) -> bool {
        self.refuses_when_stale() && !self.usable_until.holds(now)
    }

    pub(super) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    pub(super) async fn ready(&self) {
        // It fails only without a sender, which is here.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    pub(super) fn status(&self) -> FeedStatus {
        let now = Moment::of(&*self.clock);
        let heard = self.heard_state();
        FeedStatus {
            kind: self.settings.kind,
            issuer: self.settings.issuer.clone(),
            last_heard: heard.last,
            is_ready: self.is_ready(),
            is_stale: self.is_stale(now),
            events: EventOutcome::ALL.map(|outcome| self.events[outcome as usize].load(Ordering::Relaxed)),
            stream_state: heard.stream_state,
            verification_state: heard.verification_state.clone(),
        }
    }

    fn is_stale(&self, now: Moment) -> bool {
        let is_silent = self.longest_silence().is_some() && !self.fresh_until.holds(now);
        is_silent || !self.is_ready()
    }

    /// It is fresh from now on, for as long as it may be silent.
    fn postpone(&self, now: Moment) {
        for (until, silence) in
            [(&self.fresh_until, self.longest_silence()), (&self.usable_until, self.settings.refuse_when_stale)]
        {
            if let Some(silence) = silence {
                until.set(Some(now.plus(silence.min(LONGEST_SILENCE))));
            }
        }
    }

    fn longest_silence(&self) -> Option<Duration> {
        let FeedSettings { silent_after, refuse_when_stale, .. } = &self.settings;
        silent_after.iter().chain(refuse_when_stale).min().copied()
    }

    fn issuer(&self) -> &str {
        self.settings.issuer.as_deref().unwrap_or_default()
    }

    fn heard_state(&self) -> MutexGuard<'_, Heard> {
        // No code panics between two changes.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
