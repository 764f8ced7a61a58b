use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::super::cache::{Fingerprint, Fingerprinter};
use super::super::token_error::TokenError;
use super::super::verify_error::VerifyError;
use super::active::is_active;
use super::answer_source::{AnswerSource, Unanswered};
use super::answers::{Active, Answers};
use super::circuit::{Admitted, CallEnd, Circuit};
use super::loads::{Join, Loads, PendingAnswer, RunningLoad, Verdict};
use super::room::{Question, Room};
use crate::AccessToken;
use crate::clock::{Clock, Moment};
use crate::metrics;

/// How many tokens may wait for the endpoint, including those that it is being asked about. Each holds its text, at most 16 KiB.
const MAX_LOADS: usize = 1024;
/// How long a token waits until the endpoint is asked about it. Requests wait for 6 seconds in all.
const MAX_WAIT_FOR_CALL: Duration = Duration::from_secs(5);
/// How long a call may take. The endpoint has a shorter limit of its own.
const MAX_CALL: Duration = Duration::from_secs(10);
/// How long an explanation may take.
const MAX_EXPLANATION: Duration = Duration::from_secs(6);
/// When to try again if there are more.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(1);
/// When to try again after a call without an answer, unless the endpoint says when.
const RETRY_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The bounds of an [`Introspector`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How long an answer is used, from when the endpoint was asked.
    pub(crate) lifetime: Duration,
    /// How much memory the answers may take, in bytes.
    pub(crate) bytes: u64,
    /// How many calls may be on their way at once.
    pub(crate) calls: usize,
}

/// What an issuer says about its opaque tokens, asked once for each token, however many requests have it.
pub(crate) struct Introspector {
    issuer: Box<str>,
    /// What its tokens begin with, if that is known.
    prefixes: Box<[Box<str>]>,
    source: Arc<dyn AnswerSource>,
    fingerprints: Fingerprinter,
    answers: Answers,
    loads: Arc<Loads>,
    calls: Room,
    circuit: Mutex<Circuit>,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

/// What is known of a token.
pub(crate) enum Lookup {
    /// It was active a moment ago. Its times have yet to be checked.
    Active(AccessToken),
    Refused(VerifyError),
    Wait(PendingAnswer),
    /// The endpoint has to be asked: [`Introspector::load`], in a task of its own.
    Ask(RunningLoad, PendingAnswer),
}

/// What the endpoint has answered about a token.
pub(crate) struct Answer {
    pub(crate) active: bool,
    /// A JSON object without a name twice.
    pub(crate) body: Vec<u8>,
    pub(crate) asked_at: Moment,
}

impl Introspector {
    /// `None` if the system has no randomness for the key of the fingerprints.
    pub(crate) fn new(
        issuer: &str,
        prefixes: Box<[Box<str>]>,
        source: Arc<dyn AnswerSource>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Option<Self> {
        Some(Self {
            issuer: issuer.into(),
            prefixes,
            source,
            fingerprints: Fingerprinter::new()?,
            answers: Answers::new(limits.lifetime, limits.bytes),
            loads: Loads::new(MAX_LOADS),
            calls: Room::new(limits.calls),
            circuit: Mutex::new(Circuit::new(Moment::of(&*clock))),
            clock,
            limits,
        })
    }

    /// Whether the token begins as tokens of this issuer do.
    pub(crate) fn has_prefix_of(&self, token: &str) -> bool {
        self.prefixes.iter().any(|prefix| token.starts_with(&**prefix))
    }

    /// Whether a token may begin in any way.
    pub(crate) fn takes_any(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// What is known of a token that arrives `now`.
    pub(crate) fn look_up(&self, token: &str, now: Moment) -> Lookup {
        let fingerprint = self.fingerprints.of(token);
        if let Some(known) = self.known(fingerprint, now) {
            return known;
        }
        let question = if self.answers.was_active(fingerprint) { Question::Renewal } else { Question::New };
        match self.loads.join(fingerprint, question, now, || self.known(fingerprint, now)) {
            Join::Joined(pending) => Lookup::Wait(pending),
            Join::Begin(load, pending) => Lookup::Ask(load, pending),
            Join::Known(known) => known,
            Join::Full => Lookup::Refused(Self::full()),
        }
    }

    /// Asks the endpoint about the token of a load. Everybody who waits for it gets the verdict of `validate`, which gets the answer and the
    /// time of the question.
    pub(crate) async fn load(
        &self,
        load: RunningLoad,
        token: Box<str>,
        validate: impl FnOnce(&[u8], SystemTime) -> Result<AccessToken, TokenError> + Send,
    ) {
        let verdict = self.ask(&load, &token, validate).await;
        load.end(verdict);
    }

    async fn ask(
        &self,
        load: &RunningLoad,
        token: &str,
        validate: impl FnOnce(&[u8], SystemTime) -> Result<AccessToken, TokenError> + Send,
    ) -> Verdict {
        let mut place = self.calls.try_take(load.question());
        if place.is_none() {
            let waited = tokio::time::timeout(MAX_WAIT_FOR_CALL, self.calls.take(load.question())).await;
            // Those who sent a flood of tokens may all have gone.
            place = waited.ok().flatten().filter(|_| load.is_wanted());
        }
        let Some(_place) = place else { return Err(unavailable(RETRY_AFTER_FAILURE)) };
        let on_send = || {
            if self.limits.lifetime.is_zero() {
                load.close();
            }
        };
        let Answer { active, body, asked_at } = match self.call(token, on_send).await {
            Ok(answer) => answer,
            Err(Failure::NotAsked { retry_after }) => return Err(unavailable(retry_after)),
            Err(Failure::NoAnswer { retry_after }) => {
                self.answers.keep_failed(load.fingerprint(), Moment::of(&*self.clock));
                return Err(unavailable(retry_after));
            }
        };
        match if active { validate(&body, asked_at.wall) } else { Err(TokenError::Inactive) } {
            Ok(token) => {
                self.answers.keep_active(load.fingerprint(), token.clone(), asked_at);
                Ok(token)
            }
            Err(error) => {
                self.answers.keep_refused(load.fingerprint(), error.clone(), asked_at);
                Err(error.into())
            }
        }
    }

    /// The answer about a token, asked anew for an explanation. Nothing is remembered. The bounds are those of new tokens.
    pub(crate) async fn answer_anew(&self, token: &str) -> Result<Answer, VerifyError> {
        let Some(_load) = self.loads.place(Question::New) else { return Err(Self::full()) };
        let asked = async {
            let _place = self.calls.take(Question::New).await;
            self.call(token, || {}).await.map_err(|failure| unavailable(failure.retry_after()))
        };
        tokio::time::timeout(MAX_EXPLANATION, asked).await.unwrap_or(Err(unavailable(RETRY_AFTER_FAILURE)))
    }

    /// Asks the endpoint about a token.
    async fn call(&self, token: &str, on_send: impl FnOnce() + Send) -> Result<Answer, Failure> {
        let call = Call::begin(self).map_err(|retry_after| Failure::NotAsked { retry_after })?;
        on_send();
        let asked_at = Moment::of(&*self.clock);
        let late = Err(Unanswered { is_outage: true, retry_after: None });
        let answer = tokio::time::timeout(MAX_CALL, self.source.ask(token)).await.unwrap_or(late);
        call.end(&answer);
        let answer = answer.and_then(|body| match is_active(&body) {
            Ok(active) => Ok(Answer { active, body, asked_at }),
            Err(error) => {
                let issuer = &*self.issuer;
                tracing::warn!(issuer, %error, "the introspection endpoint answered without an acceptable JSON object");
                Err(Unanswered { is_outage: false, retry_after: None })
            }
        });
        let took = self.clock.monotonic().saturating_duration_since(asked_at.monotonic);
        match &answer {
            Ok(_) => metrics::introspected(&self.issuer, took),
            Err(_) => metrics::introspection_failed(&self.issuer, took),
        }
        answer.map_err(|Unanswered { retry_after, .. }| Failure::NoAnswer {
            retry_after: retry_after.unwrap_or(RETRY_AFTER_FAILURE),
        })
    }

    fn known(&self, fingerprint: Fingerprint, now: Moment) -> Option<Lookup> {
        // The issuer may say something else about a token of a user who was signed out since.
        if let Some(Active { token, .. }) = self.answers.active(fingerprint, now).filter(|it| !it.token.is_revoked()) {
            return Some(Lookup::Active(token));
        }
        let refused = self.answers.refused(fingerprint, now).map(VerifyError::from);
        let failed = || self.answers.failed(fingerprint, now).map(unavailable);
        refused.or_else(failed).map(Lookup::Refused)
    }

    fn full() -> VerifyError {
        VerifyError::TooManyRequests { retry_after: RETRY_WHEN_FULL }
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable(retry_after: Duration) -> VerifyError {
    VerifyError::IntrospectionUnavailable { retry_after }
}

/// Why there is no answer, and when to try again.
#[derive(Clone, Copy)]
enum Failure {
    /// The endpoint is left alone for now.
    NotAsked {
        retry_after: Duration,
    },
    NoAnswer {
        retry_after: Duration,
    },
}

impl Failure {
    fn retry_after(self) -> Duration {
        let (Self::NotAsked { retry_after } | Self::NoAnswer { retry_after }) = self;
        retry_after
    }
}

/// One call of the endpoint. Its end is counted, even if its task is dropped.
struct Call<'i> {
    introspector: &'i Introspector,
    admitted: Admitted,
    end: CallEnd,
}

impl<'i> Call<'i> {
    /// If the endpoint may not be called now, when to try again.
    fn begin(introspector: &'i Introspector) -> Result<Self, Duration> {
        let admitted = introspector.circuit().admit(Moment::of(&*introspector.clock))?;
        Ok(Self { introspector, admitted, end: CallEnd::Cancelled })
    }

    fn end(mut self, answer: &Result<Vec<u8>, Unanswered>) {
        let is_outage = matches!(answer, Err(Unanswered { is_outage: true, .. }));
        self.end = if is_outage { CallEnd::Outage } else { CallEnd::Answered };
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let Introspector { issuer, clock, .. } = self.introspector;
        let (changed, is_open) = {
            let mut circuit = self.introspector.circuit();
            (circuit.record(self.admitted, self.end, Moment::of(&**clock)), circuit.is_open())
        };
        metrics::introspection_circuit(issuer, is_open);
        match (changed, is_open) {
            (true, true) => {
                tracing::warn!(
                    issuer,
                    "the introspection endpoint does not answer, so nothing is sent to it for 5 seconds"
                );
            }
            (true, false) => tracing::info!(issuer, "the introspection endpoint answers again"),
            (false, _) => {}
        }
    }
}

impl Drop for Introspector {
    /// An issuer that was removed by a reload is no outage.
    fn drop(&mut self) {
        if self.circuit().is_open() {
            metrics::introspection_circuit(&self.issuer, false);
        }
    }
}

impl fmt::Debug for Introspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspector")
            .field("issuer", &self.issuer)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "testing"))]
#[path = "tests/introspector.rs"]
mod tests;
