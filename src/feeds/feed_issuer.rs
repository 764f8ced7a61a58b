use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::answer::Answer;
use super::event_message::{EventMessage, LEEWAY};
use super::invalid_feed::InvalidFeed;
use super::message_error::MessageError;
use crate::Issuer;
use crate::clock::{Clock, Moment};
use crate::jose::{AlgorithmSet, KnownHeaders, SignatureError};
use crate::keys::{KeyStore, PendingLookups, TokenTimes, Verification};

/// The maximum time that a message waits for a key, as for tokens.
const MAX_WAIT: Duration = Duration::from_secs(6);
/// When to retry after that.
const RETRY_AFTER_WAITING: Duration = Duration::from_secs(5);

/// The issuer whose messages a feed takes. Its keys are held apart from those for tokens, with fetches and budgets of their own: what strangers
/// send here costs users nothing.
pub(super) struct FeedIssuer {
    pub(super) name: Box<str>,
    pub(super) algorithms: AlgorithmSet,
    pub(super) known_headers: KnownHeaders,
    pub(super) clock: Arc<dyn Clock>,
    keys: KeyStore,
}

/// Why a signature is not verified.
pub(super) enum Unverifiable {
    Refused(MessageError),
    /// The message may be good.
    Unavailable {
        retry_after: Duration,
    },
    /// It may be good, and its sender or others cause too much work.
    Busy {
        retry_after: Duration,
    },
}

impl Unverifiable {
    /// What the sender gets. `refuse` makes the answer to a bad message.
    pub(super) fn answer(self, refuse: impl FnOnce(&MessageError) -> Answer) -> Answer {
        match self {
            Self::Refused(error) => refuse(&error),
            Self::Unavailable { retry_after } => Answer::later(StatusCode::SERVICE_UNAVAILABLE, retry_after),
            Self::Busy { retry_after } => Answer::later(StatusCode::TOO_MANY_REQUESTS, retry_after),
        }
    }
}

impl FeedIssuer {
    pub(super) fn new(issuer: &Issuer, clock: Arc<dyn Clock>) -> Result<Self, InvalidFeed> {
        issuer.check()?;
        let name: Box<str> = issuer.identities.name().into();
        if issuer.identities.only().is_none() || issuer.user_flow.is_some() {
            return Err(InvalidFeed::NoOwnIdentifier { issuer: name });
        }
        #[cfg(feature = "introspection")]
        if issuer.introspection.is_some() {
            return Err(InvalidFeed::Introspected { issuer: name });
        }
        let purpose = issuer.dialect.key_purpose;
        let keys = KeyStore::new(&name, issuer.key_source(), purpose, Arc::clone(&clock), PendingLookups::default());
        Ok(Self { name, algorithms: issuer.algorithms, known_headers: KnownHeaders::default(), clock, keys })
    }

    /// Verifies the signature of a message that arrived at `arrived`. Waits for the issuer's keys if they have to be fetched.
    pub(super) async fn verify(&self, message: &EventMessage<'_>, arrived: Instant) -> Result<(), Unverifiable> {
        let late = Err(Unverifiable::Unavailable { retry_after: RETRY_AFTER_WAITING });
        tokio::time::timeout(MAX_WAIT, self.wait_and_verify(message, arrived)).await.unwrap_or(late)
    }

    async fn wait_and_verify(&self, message: &EventMessage<'_>, arrived: Instant) -> Result<(), Unverifiable> {
        let EventMessage { jws, issued_at, .. } = message;
        let header = jws.header();
        let kid = header.kid.as_deref();
        let times = TokenTimes { arrived, issued: Some((*issued_at).into()), leeway: LEEWAY };
        let refused = |error| Err(Unverifiable::Refused(MessageError::of_signature(error, kid)));
        loop {
            let now = Moment::of(&*self.clock);
            let verification = self.keys.verify(kid, header.algorithm, times, now, |keys, trial| {
                let (_, key) = jws.verify(keys, |_| true, || trial.first(), || trial.try_another())?;
                // What was checked before is this payload.
                Ok(((), key.identity()))
            });
            match verification {
                Verification::Verified((), _) => return Ok(()),
                Verification::Wait(pending) => pending.news().await,
                Verification::Unavailable { retry_after } => return Err(Unverifiable::Unavailable { retry_after }),
                Verification::Busy { retry_after } => return Err(Unverifiable::Busy { retry_after }),
                Verification::UnknownKey => return refused(SignatureError::NoKey),
                Verification::Refused(error) => return refused(error),
            }
        }
    }
}
