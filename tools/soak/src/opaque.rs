//! An issuer of opaque tokens, and which answers about them are right.
//!
//! - A token that was not revoked and is asked about or remembered: granted, at once.
//! - One that was revoked: refused from then on, or still granted for as long as an answer from before the revocation counts, but not after that.
//! - One that the issuer does not know: refused.
//! - While the issuer fails: also 503. The same afterwards, for as long as earlier questions are under way, or the issuer or the token is left alone.
//!   A request waits for no more than 6 seconds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tower_bearer::testing::{Endpoint, Fault, TestIssuer};

use crate::answer::Answer;
use crate::pause::pause;
use crate::realm::AUDIENCE;
use crate::timeline::{Span, Timeline};

/// What its tokens begin with.
pub(crate) const PREFIX: &str = "opaque-";
/// For how long an answer counts.
pub(crate) const LIFETIME: Duration = Duration::from_secs(5);
/// How long one question takes at most, as the documentation has it …
const QUESTION: Duration = Duration::from_secs(5);
/// … give or take.
const ABOUT: Duration = Duration::from_millis(500);
/// How long a question waits for its turn at most.
const TURN: Duration = Duration::from_secs(5);
/// How long an issuer that cannot be reached is left alone, and a second more while one question tries it.
const LEFT_ALONE: Duration = Duration::from_secs(6);
/// How long nobody asks about a token after its question has failed.
const FAILED_LEFT_ALONE: Duration = Duration::from_secs(1);
/// How many tokens are kept to be presented again, and how many revoked ones.
const KEPT: usize = 60;
/// How long it fails at a time.
const FAILS: [f64; 2] = [0.5, 4.0];
/// How long it is well in between: at times so long that nothing is left of the failure, and so short that a run of 75 seconds has
/// most failures.
const IS_WELL: [f64; 2] = [2.0, 9.0];

/// The issuer, and everything that was ever true of it.
pub(crate) struct Opaque {
    pub(crate) issuer: TestIssuer,
    history: Mutex<History>,
}

struct History {
    faults: Timeline<Option<Fault>>,
    current: VecDeque<Arc<OpaqueToken>>,
    revoked: VecDeque<Arc<OpaqueToken>>,
}

pub(crate) struct OpaqueToken {
    pub(crate) text: String,
    pub(crate) subject: String,
    is_known: bool,
    revoked: Mutex<Option<Span>>,
}

impl Opaque {
    pub(crate) fn start(issuer: TestIssuer) -> Self {
        let faults = Timeline::new(None);
        Self { issuer, history: Mutex::new(History { faults, current: VecDeque::new(), revoked: VecDeque::new() }) }
    }

    pub(crate) fn issue(&self, number: u64) -> Arc<OpaqueToken> {
        let subject = format!("user-{number}");
        let claims = self.issuer.token().audience(AUDIENCE).scope("read:me").subject(&subject);
        let text = self.issuer.opaque_token(&claims.expires_in(Duration::from_secs(7200)));
        let token = Arc::new(OpaqueToken { text, subject, is_known: true, revoked: Mutex::default() });
        keep(&mut self.history().current, &token);
        token
    }

    /// A text that the issuer never heard of.
    pub(crate) fn unknown(number: u64) -> Arc<OpaqueToken> {
        let (text, subject) = (format!("{PREFIX}junk-{number}"), format!("user-{number}"));
        Arc::new(OpaqueToken { text, subject, is_known: false, revoked: Mutex::default() })
    }

    pub(crate) fn current(&self, random: &mut fastrand::Rng) -> Option<Arc<OpaqueToken>> {
        pick(&self.history().current, random)
    }

    pub(crate) fn revoked(&self, random: &mut fastrand::Rng) -> Option<Arc<OpaqueToken>> {
        pick(&self.history().revoked, random)
    }

    /// How often it was asked.
    pub(crate) fn questions(&self) -> usize {
        self.issuer.requests(Endpoint::Introspection)
    }

    /// The answers that are right, and whether the issuer may fail about then, so that they take longer.
    pub(crate) fn right(
        &self,
        token: &OpaqueToken,
        granted: Answer,
        during: Span,
        late: Duration,
    ) -> (Vec<Answer>, bool) {
        let mut answers = Vec::new();
        let revoked = *token.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = LIFETIME.max(QUESTION) + ABOUT;
        if token.is_known && revoked.is_none_or(|revoked| revoked.to + counts + late >= during.from) {
            answers.push(granted);
        }
        if !token.is_known || revoked.is_some_and(|revoked| revoked.from <= during.to) {
            answers.push(Answer::InvalidToken);
        }
        let may_fail = self.may_fail(during, late);
        if may_fail {
            answers.push(Answer::Unavailable);
        }
        (answers, may_fail)
    }

    /// Whether a question on whose answer the request depended may have failed, or may not have been asked.
    fn may_fail(&self, during: Span, late: Duration) -> bool {
        let faults = &self.history().faults;
        let long = TURN.max(LEFT_ALONE) + QUESTION + ABOUT + late;
        faults.during(during.before(FAILED_LEFT_ALONE + ABOUT + late)).any(Option::is_some)
            || faults.during(during.before(long)).flatten().any(lasts)
    }

    /// It fails now and then, in every way, until it is aborted.
    pub(crate) async fn fail_now_and_then(
        self: Arc<Self>,
        mut random: fastrand::Rng,
        start: Instant,
        is_verbose: bool,
    ) {
        let mut kinds: Vec<usize> = Vec::new();
        loop {
            pause(&mut random, IS_WELL).await;
            if kinds.is_empty() {
                kinds.extend(0..8);
                random.shuffle(&mut kinds);
            }
            let fault = match kinds.pop() {
                Some(0) => Fault::Status(500),
                Some(1) => Fault::Status([429, 502, 503, 504][random.usize(..4)]),
                Some(2) => Fault::Delay(Duration::from_millis(random.u64(100..2_000))),
                Some(3) => Fault::Hang,
                Some(4) => {
                    Fault::Body([&b"<html>"[..], b"{\"active\":true,\"active\":true}", b"[]"][random.usize(..3)].into())
                }
                Some(5) => Fault::Redirect(self.issuer.introspection_url()),
                Some(6) => Fault::Disconnect,
                _ => Fault::Truncate,
            };
            if is_verbose {
                println!("{:8.3} opaque: {fault:?}", start.elapsed().as_secs_f64());
            }
            self.change(Some(fault));
            pause(&mut random, FAILS).await;
            self.change(None);
        }
    }

    /// It revokes one token after the other, until it is aborted.
    pub(crate) async fn revoke(self: Arc<Self>, mut random: fastrand::Rng) {
        loop {
            pause(&mut random, [0.1, 0.5]).await;
            let history = &mut *self.history();
            let place = random.usize(..history.current.len().max(1));
            let Some(token) = history.current.remove(place) else { continue };
            let (since, ()) = Span::of(|| self.issuer.revoke(&token.text));
            *token.revoked.lock().unwrap_or_else(PoisonError::into_inner) = Some(since);
            keep(&mut history.revoked, &token);
        }
    }

    fn change(&self, fault: Option<Fault>) {
        let mut history = self.history();
        let (since, ()) = Span::of(|| match &fault {
            Some(fault) => self.issuer.fail(Endpoint::Introspection, fault.clone()),
            None => self.issuer.recover(),
        });
        history.faults.change(since, fault);
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a failure is felt after its end: questions take their time, or the issuer is left alone because of it.
fn lasts(fault: &Fault) -> bool {
    matches!(fault, Fault::Hang | Fault::Delay(_) | Fault::Status(429 | 502..=504))
}

fn keep(kept: &mut VecDeque<Arc<OpaqueToken>>, token: &Arc<OpaqueToken>) {
    kept.push_back(Arc::clone(token));
    if kept.len() > KEPT {
        kept.pop_front();
    }
}

fn pick(kept: &VecDeque<Arc<OpaqueToken>>, random: &mut fastrand::Rng) -> Option<Arc<OpaqueToken>> {
    kept.get(random.usize(..kept.len().max(1))).cloned()
}
