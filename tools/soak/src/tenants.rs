//! Issuers that the API knows at run time alone: tenants, of which there are more than its table holds. Which answers are right:
//!
//! - A token of a tenant that the database has: granted. At once if the tenant is in the table, and otherwise when its keys were fetched.
//! - One of a tenant that it does not have: refused, from the next request after the API was told to forget it.
//! - After the database has it again: granted, from the next request after the API was told, or else from 5 seconds later on.
//! - One of a tenant that nobody has, or that another tenant has signed: refused.
//! - Amid a flood of strangers' names, also 429, but never for a tenant in the table.
//!
//! The tenants that are always in use are never fetched anew, whatever else happens.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{Endpoint, TestIssuer, TokenBuilder};

use crate::answer::Answer;
use crate::connection::Connection;
use crate::expectation::Expectation;
use crate::oracle::{AT_ONCE, Answered};
use crate::presentation::{Presentation, Rule};
use crate::realm::AUDIENCE;
use crate::timeline::{Span, Timeline};

/// Where tenants are, by their names. Nobody is there: the database says where their keys are.
pub(crate) const PATTERN: &str = "http://127.0.0.1:9/{tenant}";
/// How many the table holds.
pub(crate) const TABLE: usize = 16;
/// Those that are always in use, …
const BUSY: usize = 8;
/// … those that come and go, …
const CHANGING: usize = 4;
/// … and those that come up now and then: with the others, more than the table holds.
const RARE: usize = 14;
/// How often one of those comes up at most: less often than keys may be fetched.
const RARELY: Duration = Duration::from_millis(300);
/// How long, at most, the API remembers that there is no such tenant, and a little longer.
const UNKNOWN_FOR: Duration = Duration::from_millis(5200);
/// How long a tenant takes at most to be loaded, on an idle machine.
const LOADED_WITHIN: Duration = Duration::from_secs(1);
/// How much longer a flood is felt than it lasts.
const AFTER_A_FLOOD: Duration = Duration::from_secs(5);
/// How long a tenant's token is presented.
const RENEWED_AFTER: Duration = Duration::from_secs(60);
/// How often the keys of one that is always in use may be fetched: at the start, each time that they are refreshed, and after a bad signature.
const REFRESHED_AFTER: u64 = 300;
const SECOND_LOOK_AFTER: u64 = 60;

/// All tenants, and the database of them.
pub(crate) struct Tenants {
    database: PathBuf,
    api: SocketAddr,
    all: Vec<Arc<Tenant>>,
    /// Those of the part of the API that keeps all in memory: one in use, and one idle.
    pub(crate) local: [Arc<Tenant>; 2],
    rare_at: Mutex<Option<Instant>>,
    floods: Arc<Mutex<Timeline<bool>>>,
}

pub(crate) struct Tenant {
    name: String,
    issuer: TestIssuer,
    /// Whether the API must know it.
    is_known: Mutex<Timeline<bool>>,
    token: Mutex<Option<(String, Instant)>>,
}

/// How the API learns of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    AtOnce,
    /// By asking the database itself.
    Never,
}

/// A token with the name of a tenant.
struct Named {
    tenant: Option<Arc<Tenant>>,
    echo: String,
    is_forged: bool,
    /// No flood puts it off.
    is_spared: bool,
    floods: Arc<Mutex<Timeline<bool>>>,
}

impl Tenants {
    pub(crate) fn start(database: PathBuf, api: SocketAddr) -> io::Result<Arc<Self>> {
        fs::create_dir_all(&database)?;
        let all: Vec<_> =
            (0..BUSY + CHANGING + RARE).map(|number| Arc::new(Tenant::start(format!("tenant-{number}")))).collect();
        let local = ["in-use", "idle"].map(|name| Arc::new(Tenant::start(name.to_owned())));
        for tenant in all.iter().chain(&local) {
            tenant.record(&database)?;
        }
        let floods = Arc::new(Mutex::new(Timeline::new(false)));
        Ok(Arc::new(Self { database, api, all, local, rare_at: Mutex::default(), floods }))
    }

    pub(crate) fn next(&self, number: u64, random: &mut fastrand::Rng) -> Presentation {
        let busy = &self.all[random.usize(..BUSY)];
        match random.u32(..20) {
            0..3 => match self.rare(random) {
                Some(rare) if random.u32(..4) == 0 => self.forged("tenant, rare, forged", &rare, number, random),
                Some(rare) => self.good("tenant, rare", &rare, number),
                None => self.good("tenant", busy, number),
            },
            3..8 => {
                let changing = &self.all[BUSY + random.usize(..CHANGING)];
                self.good("tenant that comes and goes", changing, number)
            }
            8..10 => self.unknown(number, random),
            10 => self.forged("tenant, signed by another", busy, number, random),
            _ => self.good("tenant", busy, number),
        }
    }

    /// A token with the name of a tenant that nobody has.
    pub(crate) fn unknown(&self, number: u64, random: &mut fastrand::Rng) -> Presentation {
        let signer = &self.all[random.usize(..BUSY)];
        let name = format!("nobody-{number}");
        let (kind, iss) = match random.u32(..4) {
            0 => ("tenant outside of the pattern", issuer_of(&format!("{name}/x"))),
            _ => ("tenant, unknown", issuer_of(&name)),
        };
        let token = signer.issuer.token().audience(AUDIENCE).claim("iss", iss).sign();
        self.present(kind, "/tenant", &token, None, number, kind != "tenant, unknown")
    }

    /// Says for a while that there is a flood.
    pub(crate) fn flood(&self, is_on: bool) {
        let now = Instant::now();
        let since = if is_on { Span { from: now, to: now } } else { Span { from: now, to: now + AFTER_A_FLOOD } };
        self.floods.lock().unwrap_or_else(PoisonError::into_inner).change(since, is_on);
    }

    /// The token of a tenant for the part that keeps all in memory.
    pub(crate) fn local(&self, kind: &'static str, tenant: &Arc<Tenant>, number: u64) -> Presentation {
        let token = tenant.token();
        self.present(kind, "/local/tenant", &token, Some(Arc::clone(tenant)), number, true)
    }

    pub(crate) fn changing(&self, random: &mut fastrand::Rng) -> &Arc<Tenant> {
        &self.all[BUSY + random.usize(..CHANGING)]
    }

    /// The database has the tenant no more. What the API must know of it is the caller's to say if it is never told.
    pub(crate) async fn remove(&self, tenant: &Tenant, told: Told) -> io::Result<()> {
        let from = Instant::now();
        fs::remove_file(self.database.join(&tenant.name))?;
        if told == Told::AtOnce {
            self.tell("forget", tenant).await?;
            tenant.is_known().change(Span { from, to: Instant::now() }, false);
        }
        Ok(())
    }

    /// The database has the tenant again.
    pub(crate) async fn add(&self, tenant: &Tenant, told: Told) -> io::Result<()> {
        let from = Instant::now();
        tenant.record(&self.database)?;
        if told == Told::AtOnce {
            self.tell("add", tenant).await?;
        }
        let least = if told == Told::AtOnce { Duration::ZERO } else { UNKNOWN_FOR };
        tenant.is_known().change(Span { from, to: Instant::now() + least }, true);
        Ok(())
    }

    /// Which of those that are always in use were fetched too often.
    pub(crate) fn broken(&self, length: Duration) -> Vec<String> {
        let seconds = length.as_secs();
        let most = 2 + seconds / REFRESHED_AFTER + seconds / SECOND_LOOK_AFTER;
        let fetches = |tenant: &Tenant| tenant.issuer.requests(Endpoint::Jwks) as u64;
        let tell = |tenant: &Tenant| format!("{}: {} fetches of at most {most}", tenant.name, fetches(tenant));
        self.all[..BUSY].iter().filter(|tenant| fetches(tenant) > most).map(|tenant| tell(tenant)).collect()
    }

    /// How often keys were fetched: of those that are always in use, of those that come and go, and of those that come up rarely.
    pub(crate) fn fetches(&self) -> [usize; 3] {
        let (busy, others) = self.all.split_at(BUSY);
        let (changing, rare) = others.split_at(CHANGING);
        [busy, changing, rare].map(|tenants| tenants.iter().map(|tenant| tenant.issuer.requests(Endpoint::Jwks)).sum())
    }

    fn good(&self, kind: &'static str, tenant: &Arc<Tenant>, number: u64) -> Presentation {
        let is_spared = kind == "tenant";
        self.present(kind, "/tenant", &tenant.token(), Some(Arc::clone(tenant)), number, is_spared)
    }

    fn forged(&self, kind: &'static str, tenant: &Tenant, number: u64, random: &mut fastrand::Rng) -> Presentation {
        let others: Vec<_> = self.all.iter().filter(|other| other.name != tenant.name).collect();
        let signer = &others[random.usize(..others.len())].issuer;
        let token = tenant.draft().signed_by(signer).sign();
        self.present(kind, "/tenant", &token, None, number, false)
    }

    /// One that comes up now and then, if its time has come.
    fn rare(&self, random: &mut fastrand::Rng) -> Option<Arc<Tenant>> {
        let mut rare_at = self.rare_at.lock().unwrap_or_else(PoisonError::into_inner);
        if rare_at.is_some_and(|last| last.elapsed() < RARELY) {
            return None;
        }
        *rare_at = Some(Instant::now());
        Some(Arc::clone(&self.all[BUSY + CHANGING + random.usize(..RARE)]))
    }

    fn present(
        &self,
        kind: &'static str,
        path: &'static str,
        token: &str,
        tenant: Option<Arc<Tenant>>,
        number: u64,
        is_spared: bool,
    ) -> Presentation {
        let echo = tenant.as_ref().map(|tenant| format!("{} user-1", tenant.name)).unwrap_or_default();
        let named = Named { is_forged: tenant.is_none(), tenant, echo, is_spared, floods: Arc::clone(&self.floods) };
        let lines = vec![format!("Bearer {token}")];
        Presentation { kind, path, lines, proof: None, number, rule: Rule::ByDeeds(Box::new(named)) }
    }

    /// Tells the API, and waits until it has heard.
    async fn tell(&self, what: &str, tenant: &Tenant) -> io::Result<()> {
        let mut connection = Connection::open(self.api).await?;
        let request = format!("GET /tenants/{what}/{} HTTP/1.1\r\nHost: api.example.test\r\n\r\n", tenant.name);
        connection.send(request.as_bytes()).await?;
        match connection.receive().await?.status {
            200 => Ok(()),
            status => Err(io::Error::other(format!("the API answered {status} to {what}"))),
        }
    }
}

impl Tenant {
    fn start(name: String) -> Self {
        let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).start();
        Self { name, issuer, is_known: Mutex::new(Timeline::new(true)), token: Mutex::default() }
    }

    /// Writes where its keys are into the database, as a whole.
    fn record(&self, database: &Path) -> io::Result<()> {
        let new = database.join(format!("{}.new", self.name));
        fs::write(&new, self.issuer.jwks_url())?;
        fs::rename(new, database.join(&self.name))
    }

    /// What it must be taken for from now on.
    pub(crate) fn must_be_known(&self, is_known: bool) {
        let now = Instant::now();
        self.is_known().change(Span { from: now, to: now }, is_known);
    }

    fn draft(&self) -> TokenBuilder {
        self.issuer.token().audience(AUDIENCE).claim("iss", issuer_of(&self.name))
    }

    fn token(&self) -> String {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((text, since)) = &*token
            && since.elapsed() < RENEWED_AFTER
        {
            return text.clone();
        }
        let text = self.draft().sign();
        *token = Some((text.clone(), Instant::now()));
        text
    }

    fn is_known(&self) -> MutexGuard<'_, Timeline<bool>> {
        self.is_known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expectation for Named {
    fn right(&self, answered: &Answered, late: Duration) -> (Vec<Answer>, Duration) {
        let during = answered.during.before(late);
        let mut answers = Vec::new();
        for is_known in
            self.tenant.iter().flat_map(|tenant| tenant.is_known().during(during).copied().collect::<Vec<_>>())
        {
            answers.push(if is_known { Answer::Granted } else { Answer::InvalidToken });
        }
        if self.is_forged {
            answers.push(Answer::InvalidToken);
        }
        let floods = self.floods.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_spared && floods.during(during).any(|is_on| *is_on) {
            answers.push(Answer::TooManyRequests);
        }
        answers.sort_unstable();
        answers.dedup();
        // The database, the issuer and the API each have their turn.
        (answers, if self.is_spared { AT_ONCE } else { AT_ONCE + LOADED_WITHIN + late })
    }

    fn echo(&self) -> String {
        self.echo.clone()
    }
}

/// The identifier of the issuer with this name.
pub(crate) fn issuer_of(name: &str) -> String {
    PATTERN.replace("{tenant}", name)
}
