use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::answer_source::{AnswerFuture, AnswerSource, Unanswered};
use crate::clock::{Clock, Moment};
use crate::introspection::{Answer, Expected, Introspection, IntrospectionError, SignedAnswer, SignedAnswerError};
use crate::jose::{AlgorithmSet, KnownHeaders, Scratch, SignatureError};
use crate::keys::{KeyStore, PendingLookup, TokenTimes, Verification};

/// The introspection endpoint of an issuer, and its keys if its answers are signed.
pub(crate) struct EndpointSource {
    introspection: Arc<Introspection>,
    clock: Arc<dyn Clock>,
    signatures: Option<Signatures>,
    /// Whether the last question had no answer.
    failed: AtomicBool,
    /// Whether the endpoint has refused the credentials of this server since the last answer.
    refused: AtomicBool,
}

/// What a signed answer has to be (RFC 9701 §5).
pub(crate) struct Signatures {
    pub(crate) keys: KeyStore,
    pub(crate) issuer: Box<str>,
    /// The names of this server.
    pub(crate) audiences: Vec<Box<str>>,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) leeway: Duration,
}

/// The result of one look at a signed answer.
enum Look {
    Verified(Vec<u8>),
    Refused(Fault),
    /// The issuer's keys are being fetched.
    Wait(PendingLookup),
}

/// Why a signed answer is not accepted.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Answer(#[from] SignedAnswerError),
    #[error("the issuer's keys are unavailable")]
    Keys,
    #[error("it is older than the request, expected an iat no earlier than the request minus the leeway")]
    BeforeQuestion,
}

impl AnswerSource for EndpointSource {
    fn ask<'a>(&'a self, token: &'a str) -> AnswerFuture<'a> {
        Box::pin(async move {
            let asked_at = self.clock.now();
            let answer = match self.introspection.endpoint.ask(token, &*self.clock).await {
                Ok(Answer::Json(body)) => body,
                Ok(Answer::Signed(answer)) => self.verified(answer, asked_at).await?,
                Err(error) => return Err(self.unanswered(&error)),
            };
            self.failed.store(false, Ordering::Relaxed);
            self.refused.store(false, Ordering::Relaxed);
            Ok(answer)
        })
    }
}

impl EndpointSource {
    pub(crate) fn new(
        introspection: Arc<Introspection>,
        clock: Arc<dyn Clock>,
        signatures: Option<Signatures>,
    ) -> Self {
        Self { introspection, clock, signatures, failed: AtomicBool::new(false), refused: AtomicBool::new(false) }
    }

    /// Logs the first failure after an answer, and the first refusal of this server's credentials. Anybody can cause more of them.
    fn unanswered(&self, error: &IntrospectionError) -> Unanswered {
        let issuer = self.introspection.endpoint.issuer();
        let is_first = !self.failed.swap(true, Ordering::Relaxed);
        // Only the operator can mend it, so no other failure may hide it.
        if matches!(error, IntrospectionError::OurCredentials { .. }) && !self.refused.swap(true, Ordering::Relaxed) {
            tracing::error!(issuer, %error, "opaque tokens cannot be validated");
        } else if is_first {
            tracing::warn!(issuer, %error, "an opaque token could not be validated");
        } else {
            tracing::debug!(issuer, %error, "an opaque token could not be validated");
        }
        Unanswered { is_outage: error.is_outage(), retry_after: error.retry_after() }
    }

    async fn verified(&self, answer: Vec<u8>, asked_at: SystemTime) -> Result<Vec<u8>, Unanswered> {
        let arrived = Moment::of(&*self.clock);
        let fault = loop {
            match self.try_look(&answer, arrived, asked_at).unwrap_or_else(Look::Refused) {
                Look::Verified(body) => return Ok(body),
                Look::Refused(fault) => break fault,
                Look::Wait(pending) => pending.news().await,
            }
        };
        let issuer = self.introspection.endpoint.issuer();
        tracing::warn!(issuer, error = %fault, "a signed answer about an opaque token is not accepted");
        Err(Unanswered { is_outage: false, retry_after: None })
    }

    fn try_look(&self, answer: &[u8], arrived: Moment, asked_at: SystemTime) -> Result<Look, Fault> {
        // Only an endpoint that was asked for signed answers gives one.
        let Some(signatures) = &self.signatures else { return Err(Fault::Keys) };
        let Signatures { keys: store, issuer, audiences, algorithms, leeway } = signatures;
        let audiences: Vec<_> = audiences.iter().map(|audience| &**audience).collect();
        let expected = Expected { issuer, audiences: &audiences, algorithms: *algorithms, leeway: *leeway };
        let now = Moment::of(&*self.clock);
        let (mut scratch, known) = (Scratch::default(), KnownHeaders::default());
        let answer = SignedAnswer::check(answer, expected, now.wall, &mut scratch, &known)?;
        // Otherwise it could be from before a revocation, and count for longer than answers do.
        // `iat` may have whole seconds, rounded down.
        if answer.issued_at().plus((*leeway).max(Duration::from_secs(1))) < asked_at.into() {
            return Err(Fault::BeforeQuestion);
        }
        let kid = answer.kid();
        let bad_signature = |error| Fault::Answer(SignedAnswerError::of_signature(error, kid));
        let issued = Some(answer.issued_at().into());
        let times = TokenTimes { arrived: arrived.monotonic, issued, leeway: *leeway };
        let verification = store.verify(kid, answer.algorithm(), times, now, |keys, trial| {
            answer.verify(keys, || trial.first(), || trial.try_another())
        });
        match verification {
            Verification::Verified(body, _) => Ok(Look::Verified(body)),
            Verification::Wait(pending) => Ok(Look::Wait(pending)),
            Verification::Unavailable { .. } | Verification::Busy { .. } => Err(Fault::Keys),
            Verification::UnknownKey => Err(bad_signature(SignatureError::NoKey)),
            Verification::Refused(error) => Err(bad_signature(error)),
        }
    }
}
