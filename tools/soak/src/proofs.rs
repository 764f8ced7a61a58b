//! Clients with keys of their own, whose tokens are bound to them (DPoP), and which answers are right.
//!
//! - A proof that was never sent before: granted, at once.
//! - One that was: granted at most once in total, and refused otherwise.
//! - While Redis is away, where the API keeps the used proofs there: 503, and granted never.
//! - One that is not for this request, this token or this time, or none at all: refused, at once, whatever Redis does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{ProofBuilder, TestClient, TestIssuer};

use crate::answer::Answer;
use crate::expectation::{Expectation, Fixed};
use crate::oracle::{AT_ONCE, Answered};
use crate::presentation::{Presentation, Rule};
use crate::realm::AUDIENCE;
use crate::redis::Redis;
use crate::settings::Settings;

/// How many clients there are.
const CLIENTS: usize = 12;
/// For how long a client uses a token.
const RENEWED_AFTER: Duration = Duration::from_secs(90);
/// How many proofs are kept to be presented again, and how many of them are new.
const KEPT: usize = 600;
const NEW: usize = 20;
/// One proof in so many is presented by two at once.
const TWICE: u32 = 6;

/// All clients, and the proofs that they have used.
pub(crate) struct Proofs {
    issuer: Arc<TestIssuer>,
    redis: Arc<Redis>,
    settings: Arc<Settings>,
    holders: Vec<Holder>,
    used: [Mutex<Used>; 2],
}

/// Where the API keeps used proofs.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Redis,
    /// In the API's own memory, which survives a reload.
    Memory,
}

struct Holder {
    client: TestClient,
    subject: String,
    token: Mutex<Option<(String, Instant)>>,
}

#[derive(Default)]
struct Used {
    kept: VecDeque<Arc<Proof>>,
    /// To be presented once more, at once.
    twice: Vec<Arc<Proof>>,
}

/// A good proof, with everything of its request.
struct Proof {
    token: String,
    text: String,
    subject: String,
    number: u64,
    /// How often Redis was away, and the settings were read again, before it was first presented.
    before: [u32; 2],
    sent: Mutex<Vec<Instant>>,
    is_granted: AtomicBool,
}

/// One of the times that a proof is presented.
struct Attempt {
    proof: Arc<Proof>,
    redis: Option<Arc<Redis>>,
}

impl Proofs {
    pub(crate) fn new(issuer: Arc<TestIssuer>, redis: Arc<Redis>, settings: Arc<Settings>) -> Self {
        let holders = (0..CLIENTS).map(|number| Holder {
            client: TestClient::new(Algorithm::ES256),
            subject: format!("user-bound-{number}"),
            token: Mutex::default(),
        });
        Self { issuer, redis, settings, holders: holders.collect(), used: Default::default() }
    }

    pub(crate) fn next(&self, number: u64, random: &mut fastrand::Rng) -> Presentation {
        match random.u32(..100) {
            0..40 => self.good(Place::Redis, number, random),
            40..58 => self.again(Place::Redis, number, random),
            58..68 => self.good(Place::Memory, number, random),
            68..76 => self.again(Place::Memory, number, random),
            _ => self.bad(number, random),
        }
    }

    /// A proof that was never presented, now and then together with another client.
    pub(crate) fn good(&self, place: Place, number: u64, random: &mut fastrand::Rng) -> Presentation {
        let twin = self.used(place).twice.pop();
        if let Some(twin) = twin {
            return self.present(place.kinds().twice, place, twin);
        }
        let (holder, token) = self.holder(random);
        let text = proof(holder, place, number, &token).sign();
        let before = [self.redis.absences(), self.settings.reloads()];
        let (sent, is_granted, subject) = (Mutex::default(), AtomicBool::new(false), holder.subject.clone());
        let proof = Arc::new(Proof { token, text, subject, number, before, sent, is_granted });
        let is_twice = random.u32(..TWICE) == 0;
        let used = &mut *self.used(place);
        used.kept.push_back(Arc::clone(&proof));
        if used.kept.len() > KEPT {
            used.kept.pop_front();
        }
        if is_twice {
            used.twice.push(Arc::clone(&proof));
        }
        let kind = if is_twice { place.kinds().twice } else { place.kinds().good };
        self.present(kind, place, proof)
    }

    /// A proof that was presented before, mostly a moment ago.
    fn again(&self, place: Place, number: u64, random: &mut fastrand::Rng) -> Presentation {
        let proof = {
            let kept = &self.used(place).kept;
            let newest = if random.bool() { kept.len().min(NEW) } else { kept.len() };
            (newest > 0).then(|| Arc::clone(&kept[kept.len() - 1 - random.usize(..newest)]))
        };
        let Some(proof) = proof else { return self.good(place, number, random) };
        let is_past = match place {
            Place::Redis => proof.before[0] < self.redis.absences(),
            Place::Memory => proof.before[1] < self.settings.reloads(),
        };
        let kinds = place.kinds();
        self.present(if is_past { kinds.past } else { kinds.again }, place, proof)
    }

    /// A request without a proof, or with the wrong one.
    fn bad(&self, number: u64, random: &mut fastrand::Rng) -> Presentation {
        let (holder, token) = self.holder(random);
        let place = Place::Redis;
        let good = || proof(holder, place, number, &token);
        let url = |number: u64| format!("{AUDIENCE}{}/{number}", place.path());
        let ago = |seconds| SystemTime::now().checked_sub(Duration::from_secs(seconds)).unwrap_or(SystemTime::now());
        let (kind, proof) = match random.u32(..8) {
            0 => {
                let other = TestClient::new(Algorithm::ES256);
                ("bound, proof of another key", Some(other.proof("GET", &url(number), &token).sign()))
            }
            1 => {
                let other = TestClient::new(Algorithm::ES256);
                ("bound, proof signed with another key", Some(good().signed_by(&other).sign()))
            }
            2 => ("bound, proof for another URL", Some(good().claim("htu", url(number + 1)).sign())),
            3 => ("bound, proof for another method", Some(good().claim("htm", "POST").sign())),
            4 => ("bound, proof for another token", Some(good().for_token("another").sign())),
            5 => ("bound, old proof", Some(good().issued_at(ago(random.u64(64..3600))).sign())),
            6 => ("bound, no proof", None),
            _ => {
                let lines = vec![format!("Bearer {token}")];
                let with_proof = random.bool().then(|| good().sign());
                return refused("bound, sent as Bearer", place, lines, with_proof, number, Answer::InvalidToken);
            }
        };
        refused(kind, place, vec![format!("DPoP {token}")], proof, number, Answer::InvalidProof)
    }

    fn present(&self, kind: &'static str, place: Place, proof: Arc<Proof>) -> Presentation {
        proof.sent().push(Instant::now());
        let redis = matches!(place, Place::Redis).then(|| Arc::clone(&self.redis));
        Presentation {
            kind,
            path: place.path(),
            lines: vec![format!("DPoP {}", proof.token)],
            proof: Some(proof.text.clone()),
            number: proof.number,
            rule: Rule::ByDeeds(Box::new(Attempt { proof, redis })),
        }
    }

    /// A client with a good token.
    fn holder(&self, random: &mut fastrand::Rng) -> (&Holder, String) {
        let holder = &self.holders[random.usize(..self.holders.len())];
        let mut token = holder.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((text, since)) = &*token
            && since.elapsed() < RENEWED_AFTER
        {
            return (holder, text.clone());
        }
        let text = self.issuer.token().audience(AUDIENCE).subject(&holder.subject).bound_to(&holder.client).sign();
        *token = Some((text.clone(), Instant::now()));
        (holder, text)
    }

    fn used(&self, place: Place) -> MutexGuard<'_, Used> {
        self.used[place as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn path(self) -> &'static str {
        match self {
            Self::Redis => "/bound",
            Self::Memory => "/local/bound",
        }
    }

    fn kinds(self) -> &'static Kinds {
        match self {
            Self::Redis => &Kinds {
                good: "bound",
                twice: "bound, sent twice at once",
                again: "bound, replayed",
                past: "bound, replayed after Redis was away",
            },
            Self::Memory => &Kinds {
                good: "bound, in memory",
                twice: "bound, in memory, sent twice at once",
                again: "bound, in memory, replayed",
                past: "bound, in memory, replayed after a reload",
            },
        }
    }
}

/// What proofs are called.
struct Kinds {
    good: &'static str,
    twice: &'static str,
    again: &'static str,
    past: &'static str,
}

impl Proof {
    fn sent(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expectation for Attempt {
    fn right(&self, answered: &Answered, late: Duration) -> (Vec<Answer>, Duration) {
        let during = answered.during;
        let redis = self.redis.as_ref();
        let mut answers = Vec::new();
        if redis.is_none_or(|redis| !redis.is_surely_away(during)) {
            let was_granted = self.proof.is_granted.load(Ordering::Relaxed);
            if answered.answer == Answer::Granted {
                self.proof.is_granted.store(true, Ordering::Relaxed);
            }
            if !was_granted {
                answers.push(Answer::Granted);
            }
            // This one is among them.
            if self.proof.sent().iter().filter(|sent| **sent <= during.to).count() > 1 {
                answers.push(Answer::InvalidProof);
            }
        }
        if redis.is_some_and(|redis| redis.may_be_away(during, late)) {
            answers.push(Answer::Unavailable);
        }
        // Redis has its turn too.
        (answers, if redis.is_some() { AT_ONCE + late } else { AT_ONCE })
    }

    fn echo(&self) -> String {
        self.proof.subject.clone()
    }
}

fn proof(holder: &Holder, place: Place, number: u64, token: &str) -> ProofBuilder {
    holder.client.proof("GET", &format!("{AUDIENCE}{}/{number}", place.path()), token)
}

fn refused(
    kind: &'static str,
    place: Place,
    lines: Vec<String>,
    proof: Option<String>,
    number: u64,
    answer: Answer,
) -> Presentation {
    let rule = Rule::ByDeeds(Box::new(Fixed { answer, echo: String::new(), within: AT_ONCE }));
    Presentation { kind, path: place.path(), lines, proof, rule, number }
}
