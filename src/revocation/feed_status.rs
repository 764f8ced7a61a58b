use std::time::SystemTime;

/// The state of one source of revocations: see [`Revocations::status`](super::Revocations::status).
#[derive(Clone, Debug)]
pub struct FeedStatus {
    pub(super) kind: FeedKind,
    pub(super) issuer: Option<Box<str>>,
    pub(super) last_heard: Option<SystemTime>,
    pub(super) is_ready: bool,
    pub(super) is_stale: bool,
    pub(super) events: [u64; EventOutcome::ALL.len()],
    pub(super) stream_state: Option<StreamState>,
    pub(super) verification_state: Option<Box<str>>,
}

/// The kind of a source of revocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FeedKind {
    /// Security event tokens that a transmitter pushes (Shared Signals, RFC 8935).
    SharedSignals,
    /// Logout tokens of an OpenID provider (OpenID Connect Back-Channel Logout).
    BackChannelLogout,
    /// The store that several processes [share](super::Revocations::share).
    Store,
}

/// The outcome of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventOutcome {
    /// Tokens have been revoked, or already were.
    Revoked,
    /// The event is valid, but gives no reason to revoke anything.
    NoEffect,
    /// The event names its subject in a form that tokens cannot be compared with, such as an email address: nothing is revoked.
    Unmatched,
    /// The event is about a subject of an issuer that the feed does not speak for: nothing is revoked.
    OtherIssuer,
    /// The event was not acceptable, or there was no room: its sender got an error.
    Refused,
}

/// What a transmitter has said about its stream of events (Shared Signals, `stream-updated`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamState {
    /// Events are sent.
    Enabled,
    /// Events are held back for now.
    Paused,
    /// Events are neither sent nor kept.
    Disabled,
}

impl FeedStatus {
    /// The kind of the feed.
    #[must_use]
    pub fn kind(&self) -> FeedKind {
        self.kind
    }

    /// The issuer whose messages the feed accepts; `None` for a shared store.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// When the last good message arrived, or when the shared store last reported that there is nothing new.
    #[must_use]
    pub fn last_heard(&self) -> Option<SystemTime> {
        self.last_heard
    }

    /// Whether the revocations that existed when the process started are known. It can be false only for a shared store.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Whether the feed has been silent for longer than its limit, so that revocations may be missing.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// How many events have had this outcome since the process started.
    #[must_use]
    pub fn events(&self, outcome: EventOutcome) -> u64 {
        self.events[outcome as usize]
    }

    /// What the transmitter last said about its stream; `None` if it has said nothing.
    #[must_use]
    pub fn stream_state(&self) -> Option<StreamState> {
        self.stream_state
    }

    /// The `state` of the last verification event, by which you recognize the answer to your request for one.
    #[must_use]
    pub fn verification_state(&self) -> Option<&str> {
        self.verification_state.as_deref()
    }
}

impl FeedKind {
    /// A constant word for the kind, also used as the label of a metric: `shared_signals`, `back_channel_logout` or `store`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SharedSignals => "shared_signals",
            Self::BackChannelLogout => "back_channel_logout",
            Self::Store => "store",
        }
    }
}

impl EventOutcome {
    pub(super) const ALL: [Self; 5] =
        [Self::Revoked, Self::NoEffect, Self::Unmatched, Self::OtherIssuer, Self::Refused];

    /// A constant word for the outcome, also used as the label of a metric: `revoked`, `no_effect`, `unmatched`, `other_issuer` or
    /// `refused`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::NoEffect => "no_effect",
            Self::Unmatched => "unmatched",
            Self::OtherIssuer => "other_issuer",
            Self::Refused => "refused",
        }
    }
}
