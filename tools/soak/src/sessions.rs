//! Users with sessions, which are revoked at random in this process; the API hears of it from Redis. Which answers are right:
//!
//! - A token of which nothing was revoked before the answer came: granted, at once.
//! - One that was revoked: refused, from a second after Redis has confirmed it while Redis is there, and otherwise from three seconds after
//!   it is there again. Before that it may be granted.
//! - One that was issued to a revoked user in a later second: granted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::testing::TestIssuer;
use tower_bearer_redis::{ConnectError, RedisRevocations};

use crate::answer::Answer;
use crate::expectation::Expectation;
use crate::oracle::{AT_ONCE, Answered};
use crate::pause::pause;
use crate::presentation::{Presentation, Rule};
use crate::realm::AUDIENCE;
use crate::redis::{NAMESPACE, Redis};

/// No token of an issuer whose tokens are not introspected lives longer.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(600);
/// For how long the tokens here are presented. They live longer.
const PRESENTED_FOR: Duration = Duration::from_secs(240);
/// How many users there are.
const USERS: usize = 24;
/// How many tokens are presented again and again, and how many of each kind of revoked ones.
const LIVE: usize = 40;
const KEPT: usize = 60;
/// How many of those count as revoked a moment ago.
const NEW: usize = 6;
/// How often something is revoked.
const REVOKES: [f64; 2] = [0.15, 0.6];
/// How long it waits before it tries again to revoke.
const TRIES_AGAIN: Duration = Duration::from_millis(50);

/// All users, and what of theirs was revoked.
pub(crate) struct Sessions {
    issuer: Arc<TestIssuer>,
    redis: Arc<Redis>,
    revocations: Revocations,
    users: Vec<Arc<Account>>,
    tokens: Mutex<Tokens>,
}

/// What can be revoked as a whole: a user, or a session.
struct Account {
    name: String,
    revoked: Mutex<Vec<Revoked>>,
}

#[derive(Clone, Copy)]
struct Revoked {
    /// When it was first tried.
    from: Instant,
    /// When Redis has confirmed it.
    confirmed: Option<Instant>,
    /// Tokens that were issued up to this second, as dates count, are revoked.
    until: u64,
}

struct SessionToken {
    text: String,
    user: Arc<Account>,
    session: Arc<Account>,
    /// As dates count.
    issued: u64,
    since: Instant,
}

#[derive(Default)]
struct Tokens {
    live: VecDeque<Arc<SessionToken>>,
    of_sessions: VecDeque<Arc<SessionToken>>,
    of_users: VecDeque<Arc<SessionToken>>,
}

/// A token that is presented.
struct Presented {
    token: Arc<SessionToken>,
    redis: Arc<Redis>,
}

impl Sessions {
    /// Within a runtime.
    pub(crate) fn start(issuer: Arc<TestIssuer>, redis: Arc<Redis>) -> Result<Arc<Self>, ConnectError> {
        let store = RedisRevocations::connect(&redis.url(), NAMESPACE)?;
        let revocations = Revocations::new(TOKEN_LIFE).share(store);
        let users = (0..USERS).map(|number| Arc::new(Account::new(format!("user-with-sessions-{number}"))));
        Ok(Arc::new(Self { issuer, redis, revocations, users: users.collect(), tokens: Mutex::default() }))
    }

    pub(crate) fn next(&self, number: u64, random: &mut fastrand::Rng) -> Presentation {
        let tokens = self.tokens();
        let (kind, found) = match random.u32(..10) {
            0..2 => ("session, revoked", pick(&tokens.of_sessions, random)),
            2..4 => ("user, revoked", pick(&tokens.of_users, random)),
            4..9 => ("session", tokens.live.get(random.usize(..LIVE)).cloned()),
            _ => ("session", None),
        };
        drop(tokens);
        let found = found.filter(|token| token.since.elapsed() < PRESENTED_FOR);
        let (kind, token) = found.map_or_else(|| ("session", self.issue(number, random)), |token| (kind, token));
        // One that may be revoked as both is of both kinds.
        let is_later = kind == "session" && token.user.revoked().iter().any(|revoked| revoked.until < token.issued);
        let kind = if is_later { "user, revoked, token issued later" } else { kind };
        Presentation {
            kind,
            path: "/session",
            lines: vec![format!("Bearer {}", token.text)],
            proof: None,
            number,
            rule: Rule::ByDeeds(Box::new(Presented { token, redis: Arc::clone(&self.redis) })),
        }
    }

    /// It revokes one session or user after the other, until it is aborted.
    pub(crate) async fn revoke(self: Arc<Self>, mut random: fastrand::Rng) {
        loop {
            pause(&mut random, REVOKES).await;
            let (account, revocation, until) = {
                let tokens = &mut *self.tokens();
                let place = random.usize(..tokens.live.len().max(1));
                let Some(token) = tokens.live.get(place).cloned() else { continue };
                let (issuer, now) = (self.issuer.url(), SystemTime::now());
                // From here on nobody says that they are good.
                let is_user = random.bool();
                let is_concerned = |other: &Arc<SessionToken>| {
                    if is_user {
                        Arc::ptr_eq(&other.user, &token.user)
                    } else {
                        Arc::ptr_eq(&other.session, &token.session)
                    }
                };
                let (concerned, others) = tokens.live.drain(..).partition(is_concerned);
                tokens.live = others;
                keep(if is_user { &mut tokens.of_users } else { &mut tokens.of_sessions }, concerned);
                if is_user {
                    let revocation = Revocation::subject(issuer, &token.user.name).at(now);
                    (Arc::clone(&token.user), revocation, seconds(now))
                } else {
                    (Arc::clone(&token.session), Revocation::session(issuer, &token.session.name), u64::MAX)
                }
            };
            account.revoked().push(Revoked { from: Instant::now(), confirmed: None, until });
            while self.revocations.revoke(&revocation).await.is_err() {
                tokio::time::sleep(TRIES_AGAIN).await;
            }
            if let Some(revoked) = account.revoked().last_mut() {
                revoked.confirmed = Some(Instant::now());
            }
        }
    }

    fn issue(&self, number: u64, random: &mut fastrand::Rng) -> Arc<SessionToken> {
        let user = Arc::clone(&self.users[random.usize(..self.users.len())]);
        let session = Arc::new(Account::new(format!("session-{number}")));
        let issued = seconds(SystemTime::now());
        let token = self.issuer.token().audience(AUDIENCE).subject(&user.name).claim("sid", &session.name);
        let text = token.claim("iat", issued).sign();
        let token = Arc::new(SessionToken { text, user, session, issued, since: Instant::now() });
        let live = &mut self.tokens().live;
        live.push_back(Arc::clone(&token));
        if live.len() > LIVE {
            live.pop_front();
        }
        token
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn new(name: String) -> Self {
        Self { name, revoked: Mutex::default() }
    }

    fn revoked(&self) -> MutexGuard<'_, Vec<Revoked>> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expectation for Presented {
    fn right(&self, answered: &Answered, late: Duration) -> (Vec<Answer>, Duration) {
        let (token, during) = (&self.token, answered.during);
        let of_both = [&token.user, &token.session].map(|account| account.revoked().clone());
        let concerns = |revoked: &&Revoked| token.issued <= revoked.until && revoked.from <= during.to;
        let is_heard = |revoked: &Revoked| {
            revoked.confirmed.is_some_and(|confirmed| self.redis.is_surely_heard(confirmed, during.from, late))
        };
        let mut revoked = of_both.iter().flatten().filter(concerns).peekable();
        let mut answers = Vec::new();
        if revoked.peek().is_some() {
            answers.push(Answer::InvalidToken);
        }
        if !revoked.any(is_heard) {
            answers.push(Answer::Granted);
        }
        (answers, AT_ONCE)
    }

    fn echo(&self) -> String {
        self.token.user.name.clone()
    }
}

/// Mostly one that was revoked a moment ago: it may still be remembered.
fn pick(kept: &VecDeque<Arc<SessionToken>>, random: &mut fastrand::Rng) -> Option<Arc<SessionToken>> {
    let newest = if random.u32(..4) > 0 { kept.len().min(NEW) } else { kept.len() };
    (newest > 0).then(|| Arc::clone(&kept[kept.len() - 1 - random.usize(..newest)]))
}

fn keep(kept: &mut VecDeque<Arc<SessionToken>>, more: VecDeque<Arc<SessionToken>>) {
    kept.extend(more);
    while kept.len() > KEPT {
        kept.pop_front();
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
