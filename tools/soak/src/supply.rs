//! What clients present: good tokens, old ones, and bad ones of every kind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tower_bearer::testing::{TestIssuer, TokenBuilder};

use crate::answer::Answer;
use crate::forgeries::{FORGERIES, UNREADABLE};
use crate::opaque::Opaque;
use crate::presentation::{Presentation, Rule};
use crate::proofs::Proofs;
use crate::realm::{AWAY, Key, NAMES, Name, RESTLESS, Realms, Signer, TWIN};
use crate::sessions::Sessions;
use crate::tenants::Tenants;
use crate::tokens::{Kept, Token, pick};

/// What the API allows for clocks that differ.
pub(crate) const LEEWAY: Duration = Duration::from_secs(30);
/// One token in so many is of a kind that comes up now and then.
const RARE: usize = 40;

/// Everything that there is to present.
pub(crate) struct Supply {
    realms: Arc<Realms>,
    stranger: Arc<TestIssuer>,
    opaque: Arc<Opaque>,
    pub(crate) proofs: Proofs,
    sessions: Arc<Sessions>,
    pub(crate) tenants: Arc<Tenants>,
    kept: [Mutex<Kept>; NAMES.len()],
    numbers: AtomicU64,
}

impl Supply {
    pub(crate) fn new(
        realms: Arc<Realms>,
        stranger: Arc<TestIssuer>,
        opaque: Arc<Opaque>,
        proofs: Proofs,
        sessions: Arc<Sessions>,
        tenants: Arc<Tenants>,
    ) -> Self {
        let (kept, numbers) = Default::default();
        Self { realms, stranger, opaque, proofs, sessions, tenants, kept, numbers }
    }

    pub(crate) fn next(&self, random: &mut fastrand::Rng) -> Presentation {
        let realm = [RESTLESS[0], RESTLESS[0], RESTLESS[1], RESTLESS[1], TWIN, AWAY][random.usize(..6)];
        match random.u32(..1000) {
            0..150 => self.forgery(realm, random),
            150..170 => self.without_token(random),
            170..180 => self.two_lines(realm),
            180..200 => self.past(realm, random),
            200..260 => self.altered(realm, random),
            260..300 => self.misattributed(random),
            300..301 => self.unheard(RESTLESS[random.usize(..2)]),
            301..400 => self.opaque(random),
            400..470 => self.proofs.next(self.number(), random),
            470..530 => self.sessions.next(self.number(), random),
            530..600 => self.tenants.next(self.number(), random),
            _ => self.good(realm, random),
        }
    }

    /// A token with the name of a tenant that nobody has.
    pub(crate) fn unknown_tenant(&self, random: &mut fastrand::Rng) -> Presentation {
        self.tenants.unknown(self.number(), random)
    }

    /// A token that would be good if there were a key of the name that it bears.
    pub(crate) fn unheard(&self, realm: usize) -> Presentation {
        let number = self.number();
        let Draft { builder, key, issued } = self.draft(realm, number);
        let builder = builder.header("kid", format!("unheard-{number}"));
        let key = Key { name: Name::Unheard, ..key };
        self.present("unheard key", "/me", &Arc::new(token(realm, key, issued, number, &builder.sign())))
    }

    /// A good token for a handler that takes its time.
    pub(crate) fn slow(&self, random: &mut fastrand::Rng) -> Presentation {
        let token = self.fresh_or_kept(TWIN, random);
        self.present("good, slow", "/slow", &token)
    }

    fn good(&self, realm: usize, random: &mut fastrand::Rng) -> Presentation {
        let token = self.fresh_or_kept(realm, random);
        match random.u32(..20) {
            0 => self.ask("scope lacking", "/admin", &token, Answer::InsufficientScope),
            1 => self.ask("step-up lacking", "/pay", &token, Answer::StepUp),
            2 => self.present("good, optional", "/open", &token),
            3 => self.present("good, slow", "/slow", &token),
            _ => self.present("good", "/me", &token),
        }
    }

    fn fresh_or_kept(&self, realm: usize, random: &mut fastrand::Rng) -> Arc<Token> {
        let again = (random.u32(..10) < 6).then(|| pick(&self.kept(realm).current, random)).flatten();
        again.unwrap_or_else(|| self.issue(realm, random))
    }

    /// A good token, now and then one that soon becomes valid or soon ceases to be.
    fn issue(&self, realm: usize, random: &mut fastrand::Rng) -> Arc<Token> {
        let number = self.number();
        let Draft { mut builder, key, issued } = self.draft(realm, number);
        let soon = Duration::from_secs(random.u64(2..15));
        let (mut from, mut until) = (None, Duration::from_secs(300));
        match random.usize(..2 * RARE) {
            0 => until = soon,
            1 => from = Some(soon),
            _ => {}
        }
        let (now, instant) = (unix_time(), Instant::now());
        let valid_until = whole(now + until).saturating_sub(LEEWAY);
        builder = builder.claim("exp", valid_until.as_secs());
        let valid_from = from.map(|from| whole(now + from) + LEEWAY);
        if let Some(nbf) = valid_from {
            builder = builder.claim("nbf", nbf.as_secs());
        }
        let token = Arc::new(Token {
            text: builder.sign(),
            subject: subject(number),
            realm,
            key,
            issued,
            from: valid_from.map(|nbf| instant + nbf.saturating_sub(LEEWAY + now)),
            until: instant + (valid_until + LEEWAY).saturating_sub(now),
        });
        if random.u32(..20) == 0 || from.is_some() || until == soon {
            self.kept(realm).keep(&token);
        }
        token
    }

    /// A token of a key that signs no more, if there is one.
    fn past(&self, realm: usize, random: &mut fastrand::Rng) -> Presentation {
        let token = pick(&self.kept(realm).past, random);
        match token {
            Some(token) => self.present("good, of a past key", "/me", &token),
            None => self.good(realm, random),
        }
    }

    /// A token that was good before somebody touched it.
    fn altered(&self, realm: usize, random: &mut fastrand::Rng) -> Presentation {
        let number = self.number();
        let Draft { builder, key, issued } = self.draft(realm, number);
        let text = builder.sign();
        let (input, signature) = text.rsplit_once('.').unwrap_or_default();
        let (kind, text) = if random.bool() {
            // In the middle, where every bit of a character counts.
            let place = random.usize(4..signature.len() - 4);
            let other = if signature.as_bytes()[place] == b'A' { "B" } else { "A" };
            let flipped = format!("{}{other}{}", &signature[..place], &signature[place + 1..]);
            ("signature altered", format!("{input}.{flipped}"))
        } else {
            let promoted = builder.scope("read:me admin").signing_input();
            ("payload altered", format!("{promoted}.{signature}"))
        };
        let key = Key { signer: Signer::Nobody, ..key };
        self.present(kind, "/me", &Arc::new(token(realm, key, issued, number, &text)))
    }

    /// A token of a restless issuer that another issuer signed, under a name that both have.
    fn misattributed(&self, random: &mut fastrand::Rng) -> Presentation {
        let realm = RESTLESS[random.usize(..2)];
        let number = self.number();
        let Draft { builder, key, issued } = self.draft(realm, number);
        let (kind, signer, other) = if random.bool() {
            ("signed by a stranger", Signer::Stranger, &*self.stranger)
        } else {
            ("signed by another issuer", Signer::Neighbour, &self.realms[TWIN].issuer)
        };
        let key = Key { signer, ..key };
        let text = builder.signed_by(other).sign();
        self.present(kind, "/me", &Arc::new(token(realm, key, issued, number, &text)))
    }

    /// A token that no key makes good.
    fn forgery(&self, realm: usize, random: &mut fastrand::Rng) -> Presentation {
        let number = self.number();
        let (kind, forge) = FORGERIES[random.usize(..FORGERIES.len())];
        let text = forge(self.draft(realm, number).builder);
        let path = if random.bool() { "/me" } else { "/open" };
        self.refused(kind, path, [format!("Bearer {text}")], Answer::InvalidToken)
    }

    fn opaque(&self, random: &mut fastrand::Rng) -> Presentation {
        let fresh = |number| ("opaque", self.opaque.issue(number));
        let (kind, token) = match random.u32(..20) {
            0..2 => ("opaque, unknown", Opaque::unknown(self.number())),
            2..5 => match self.opaque.revoked(random) {
                Some(token) => ("opaque, revoked", token),
                None => fresh(self.number()),
            },
            5..7 => fresh(self.number()),
            _ => match self.opaque.current(random) {
                Some(token) => ("opaque", token),
                None => fresh(self.number()),
            },
        };
        let (path, granted) = match random.u32(..20) {
            0 => ("/admin", Answer::InsufficientScope),
            1 => ("/pay", Answer::StepUp),
            2 => ("/open", Answer::Granted),
            3 => ("/slow", Answer::Granted),
            _ => ("/me", Answer::Granted),
        };
        let lines = vec![format!("Bearer {}", token.text)];
        let rule = Rule::ByIssuer { token, granted };
        Presentation { kind, path, lines, proof: None, rule, number: self.number() }
    }

    fn without_token(&self, random: &mut fastrand::Rng) -> Presentation {
        match random.usize(..4) {
            0 => self.refused("no credentials", "/me", [], Answer::NoCredentials),
            1 => self.refused("another scheme", "/me", ["Basic dTpw".to_owned()], Answer::NoCredentials),
            2 => self.refused("anonymous, optional", "/open", [], Answer::Granted),
            _ => {
                let line = UNREADABLE[random.usize(..UNREADABLE.len())].to_owned();
                self.refused("malformed header", "/me", [line], Answer::InvalidRequest)
            }
        }
    }

    fn two_lines(&self, realm: usize) -> Presentation {
        let lines = [(); 2].map(|()| format!("Bearer {}", self.draft(realm, self.number()).builder.sign()));
        self.refused("two Authorization lines", "/me", lines, Answer::InvalidRequest)
    }

    fn present(&self, kind: &'static str, path: &'static str, token: &Arc<Token>) -> Presentation {
        self.ask(kind, path, token, Answer::Granted)
    }

    fn ask(&self, kind: &'static str, path: &'static str, token: &Arc<Token>, granted: Answer) -> Presentation {
        let lines = vec![format!("Bearer {}", token.text)];
        Presentation {
            kind,
            path,
            lines,
            proof: None,
            rule: Rule::ByToken { token: Arc::clone(token), granted },
            number: self.number(),
        }
    }

    fn refused<const N: usize>(
        &self,
        kind: &'static str,
        path: &'static str,
        lines: [String; N],
        answer: Answer,
    ) -> Presentation {
        let rule = Rule::Always(answer);
        Presentation { kind, path, lines: lines.into(), proof: None, rule, number: self.number() }
    }

    fn draft(&self, realm: usize, number: u64) -> Draft {
        let (builder, key) = self.realms[realm].token(&self.stranger);
        // Whole seconds, as issuers write them, and what that comes to on this clock.
        let (now, instant) = (unix_time(), Instant::now());
        let builder = builder.subject(&subject(number)).claim("iat", now.as_secs());
        let issued = instant.checked_sub(now.saturating_sub(whole(now))).unwrap_or(instant);
        Draft { builder, key, issued }
    }

    fn kept(&self, realm: usize) -> MutexGuard<'_, Kept> {
        self.kept[realm].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}

/// A token in the making, good at the API.
struct Draft {
    builder: TokenBuilder,
    /// What is to sign it.
    key: Key,
    issued: Instant,
}

/// One that is valid for as long as it is of any use here.
fn token(realm: usize, key: Key, issued: Instant, number: u64, text: &str) -> Token {
    let until = Instant::now() + Duration::from_secs(300);
    Token { text: text.to_owned(), subject: subject(number), realm, key, issued, from: None, until }
}

fn subject(number: u64) -> String {
    format!("user-{number}")
}

fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// For one of the [`FORGERIES`].
pub(crate) fn seconds_from_now(seconds: i64) -> serde_json::Value {
    json!(i64::try_from(unix_time().as_secs()).unwrap_or(i64::MAX).saturating_add(seconds))
}
