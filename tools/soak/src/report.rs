use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tower_bearer::testing::Fault;

use crate::answer::Answer;
use crate::client::Cut;
use crate::forgeries::FORGERIES;
use crate::kinds;
use crate::memory::{Memory, WARM_UP};
use crate::oracle::{Case, Oracle};
use crate::promises::{Account, account};
use crate::reloads::Reloads;
use crate::tenants::Tenants;
use crate::totals::Totals;

/// A run shorter than this need not have met everything.
const FULL: u64 = 75;

/// Less than one answer in so many may be excused.
const EXCUSABLE: u64 = 50;
/// How many ways to fail a run must meet, of seven.
const FAULTS: usize = 4;

/// What came of a run.
pub(crate) struct Report {
    pub(crate) length: u64,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    pub(crate) oracle: Oracle,
    pub(crate) totals: Totals,
    pub(crate) memory: Memory,
    pub(crate) cuts: [u64; 3],
    pub(crate) broken: Vec<String>,
    pub(crate) status: Value,
    pub(crate) reloads: Reloads,
    pub(crate) absences: u32,
    pub(crate) tenants: Arc<Tenants>,
    pub(crate) survived: bool,
}

impl Report {
    /// What is not as it must be.
    pub(crate) fn wrongs(&self) -> Vec<String> {
        let Totals { wrong, wrong_accepts, .. } = self.totals;
        let mut wrongs: Vec<_> = self.accounts().into_iter().flat_map(|account| account.broken).collect();
        let mut must = |is_so: bool, otherwise: String| wrongs.extend((!is_so).then_some(otherwise));
        must(wrong == 0, format!("{wrong} answers, {wrong_accepts} of them accepts"));
        must(
            self.totals.excused * EXCUSABLE < self.totals.requests(),
            "too many answers are excused for the run to show anything".into(),
        );
        must(self.broken.is_empty(), format!("{} connections broke: {}", self.broken.len(), self.broken.join("; ")));
        must(self.survived, "the API ended".into());
        must(self.memory.is_bounded(), "the API's memory grows".into());
        let broken = self.reloads.broken(&self.status);
        must(broken.is_empty(), broken.join(", "));
        wrongs.extend(self.tenants.broken(self.end - self.start));
        if self.length >= FULL {
            let kinds = kinds::unmet(&self.totals);
            wrongs.extend(kinds.iter().map(|what| format!("the oracle saw nothing of this kind: {what}")));
            wrongs.extend(
                self.unmet()
                    .into_iter()
                    .map(|what| format!("{what}: did not occur, so the run shows nothing about it")),
            );
        }
        wrongs
    }

    /// What a run must meet to show anything.
    fn unmet(&self) -> Vec<&'static str> {
        let totals = &self.totals;
        let is_met = |case| totals.cases.contains_key(&case);
        let mut unmet: Vec<_> =
            FORGERIES.iter().map(|(kind, _)| *kind).filter(|kind| !totals.answers.contains_key(kind)).collect();
        let mut must = |is_so: bool, what| unmet.extend((!is_so).then_some(what));
        must(totals.of(Answer::Unavailable) > 0, "503");
        must(totals.of(Answer::TooManyRequests) > 0, "429");
        must(totals.not_found > 0, "a token that waited for its key and was refused because there is none");
        must(totals.found > 0, "a token that waited for its key and was good");
        let of = |kind, answer| totals.answers.get(kind).is_some_and(|answers| answers[answer as usize] > 0);
        must(of("opaque, revoked", Answer::Granted), "a revoked token that was asked about before");
        must(of("opaque, revoked", Answer::InvalidToken), "a revoked token that is refused");
        must(of("opaque, unknown", Answer::InvalidToken), "an opaque token that the issuer does not know");
        must(of("opaque", Answer::Unavailable), "an opaque token while its issuer fails");
        must(self.absences > 0, "Redis being away");
        must(self.status["revocations"].as_u64() > Some(0), "a revocation that the API has heard of");
        must(is_met(Case::Opaque), "an issuer that is well and is asked");
        must(is_met(Case::Unknown), "a key that is not known");
        must(is_met(Case::Replaced), "another key under the name");
        must(is_met(Case::Gone), "a key that is gone for good");
        must(is_met(Case::NothingUsable), "a key set without a usable key");
        must(self.status["cache_hits"].as_u64() > Some(0), "the token cache");
        must(self.cuts.iter().all(|cuts| *cuts > 0), "every way to hang up");
        must(self.faults().len() >= FAULTS, "most ways to fail");
        unmet
    }

    fn accounts(&self) -> Vec<Account> {
        let logs = self.oracle.realms.iter().zip(&self.oracle.logs);
        logs.map(|(realm, log)| account(realm, log, &self.oracle.slowness, self.start, self.end)).collect()
    }

    /// What the fetches met with, by kind.
    fn faults(&self) -> BTreeMap<&'static str, usize> {
        let mut faults = BTreeMap::new();
        for (realm, log) in self.oracle.realms.iter().zip(&self.oracle.logs) {
            let history = realm.history();
            for fetch in &log.fetches {
                for fault in history.faults[fetch.endpoint].during(fetch.arrived).flatten() {
                    *faults.entry(name(fault)).or_default() += 1;
                }
            }
        }
        faults
    }
}

fn name(fault: &Fault) -> &'static str {
    match fault {
        Fault::Status(_) => "status",
        Fault::Delay(_) => "delay",
        Fault::Hang => "hang",
        Fault::Body(_) => "body",
        Fault::Redirect(_) => "redirect",
        Fault::Disconnect => "disconnect",
        Fault::Truncate => "truncate",
        _ => "other",
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { totals, memory, status, .. } = self;
        write!(f, "\n| presented |")?;
        Answer::ALL.iter().try_for_each(|answer| write!(f, " {} |", answer.name()))?;
        writeln!(f, "\n|---|{}", "---:|".repeat(Answer::ALL.len()))?;
        for (kind, answers) in &totals.answers {
            write!(f, "| {kind} |")?;
            answers.iter().try_for_each(|count| write!(f, " {count} |"))?;
            writeln!(f)?;
        }
        write!(f, "| all |")?;
        Answer::ALL.iter().try_for_each(|answer| write!(f, " {} |", totals.of(*answer)))?;

        let requests = totals.requests();
        writeln!(
            f,
            "\n\nrequests: {requests}, wrong answers: {}, wrong accepts: {}; excused because the machine stood still: {}",
            totals.wrong, totals.wrong_accepts, totals.excused
        )?;
        totals.told.iter().try_for_each(|told| write!(f, "{told}"))?;
        writeln!(f, "by what was known of the key: {:?}", totals.cases)?;
        writeln!(
            f,
            "longest wait: {:.3} s, with the key held: {:.3} s, without the layer: {:.3} s; good tokens that waited for \
             their key: {}, tokens refused because a fetch did not bring theirs: {}",
            totals.longest_wait.as_secs_f64(),
            totals.longest_wait_with_key.as_secs_f64(),
            self.oracle.slowness.most().as_secs_f64(),
            totals.found,
            totals.not_found
        )?;
        let cuts: Vec<_> = Cut::NAMES.iter().zip(self.cuts).map(|(name, count)| format!("{count} {name}")).collect();
        writeln!(f, "disconnects: {}; connections that broke: {}", cuts.join(", "), self.broken.len())?;
        writeln!(f, "fetches that met a fault: {:?}", self.faults())?;
        for (realm, account) in self.oracle.realms.iter().zip(self.accounts()) {
            let Account { fetches, budget, failures, .. } = account;
            let rotations = realm.history().rotations();
            writeln!(
                f,
                "{}: {rotations} rotations, {fetches} fetches of at most {budget}, {failures} failures",
                realm.name
            )?;
        }
        let [busy, changing, rare] = self.tenants.fetches();
        writeln!(
            f,
            "fetches for tenants: {busy} of those in use, {changing} of those that come and go, {rare} of rare ones; \
             Redis was away {} times",
            self.absences
        )?;
        writeln!(f, "opaque: {} questions", self.oracle.opaque.questions())?;
        writeln!(f, "status of the API: {status}")?;
        writeln!(
            f,
            "memory of the API in KiB: {} at the start, {} after {} s, {} after a minute, {} at the end, {} at most",
            memory.at(Duration::ZERO),
            memory.at(WARM_UP),
            WARM_UP.as_secs(),
            memory.at(Duration::from_secs(60)),
            memory.at(Duration::MAX),
            memory.most(),
        )?;
        writeln!(f, "minute by minute: {:?}", memory.minutes())?;
        write!(f, "{}", kinds::Page(totals))
    }
}
