//! What the issuer is asked, and who is refused meanwhile.

use std::thread;
use std::time::Duration;

use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};

use super::wait_until_ready;
use crate::issuer;
use crate::link::{Setup, Statuses, Verdict, Worker};
use crate::rows::{Kind, ROWS, Row};
use crate::table::Table;

/// Keys of it are made in no time.
const ALGORITHM: Algorithm = Algorithm::ES256;

const HERD: usize = 200;
const JWKS_DELAY: Duration = Duration::from_millis(200);

const FLOOD: usize = 1_000;
const FLOOD_INTERVAL: Duration = Duration::from_millis(2);

/// How long the keys have been in when they are replaced.
const BEFORE_ROTATION: Duration = Duration::from_secs(2);
const AFTER_ROTATION: usize = 500;
const ROTATION_INTERVAL: Duration = Duration::from_millis(10);

struct Counts {
    herd: Herd,
    flood: Flood,
    rotation: Rotation,
    rotation_after_junk: Rotation,
}

struct Herd {
    jwks_requests: usize,
    refused: Statuses,
    started_after: Duration,
    slowest: Duration,
}

struct Flood {
    jwks_requests: usize,
    statuses: Statuses,
}

struct Rotation {
    jwks_requests: usize,
    refused: Statuses,
    /// When the first token of the new key was sent that was accepted.
    accepted_after: Option<Duration>,
}

pub fn run() {
    // Most of this is waiting, so that all can wait at once, each for an issuer of its own.
    let counted: Vec<_> = thread::scope(|scope| {
        let rows = ROWS.iter().filter(|row| row.kind == Kind::Peer);
        let running: Vec<_> = rows.map(|row| (row, scope.spawn(|| count(row)))).collect();
        running.into_iter().map(|(row, counts)| (row, counts.join().expect("no row panics"))).collect()
    });

    let mut table = Table::new([
        "",
        "cold herd of 200: JWKS requests",
        "refused",
        "start took, then the slowest",
        "1,000 unknown kids: JWKS requests",
        "answers",
        "rotation: refused of 500",
        "JWKS requests",
        "rotation after one junk kid: refused of 500",
        "JWKS requests",
    ]);
    for (row, Counts { herd, flood, rotation, rotation_after_junk }) in &counted {
        table.row(vec![
            row.title(),
            herd.jwks_requests.to_string(),
            describe(&herd.refused),
            format!("{} ms, {} ms", herd.started_after.as_millis(), herd.slowest.as_millis()),
            flood.jwks_requests.to_string(),
            describe(&flood.statuses),
            rotation.describe(),
            rotation.jwks_requests.to_string(),
            rotation_after_junk.describe(),
            rotation_after_junk.jwks_requests.to_string(),
        ]);
    }
    println!("## What the issuer is asked, and who is refused\n\n{table}");
}

fn count(row: &'static Row) -> Counts {
    Counts {
        herd: herd(row),
        flood: flood(row),
        rotation: rotation(row, false),
        rotation_after_junk: rotation(row, true),
    }
}

/// The server has just started, and 200 clients with good tokens do not wait; the issuer is slow.
fn herd(row: &'static Row) -> Herd {
    let issuer = issuer::start(ALGORITHM);
    issuer.fail(Endpoint::Jwks, Fault::Delay(JWKS_DELAY));
    let clients = issuer::distinct(&issuer, ALGORITHM, HERD);
    let mut worker = Worker::start(row, &Setup::new(&issuer, ALGORITHM));
    let verdicts = worker.ask(clients, Duration::ZERO);
    Herd {
        jwks_requests: issuer.requests(Endpoint::Jwks),
        refused: refusals(&verdicts),
        started_after: worker.started_after,
        slowest: verdicts.iter().map(|verdict| verdict.after).max().unwrap_or_default(),
    }
}

/// Tokens that are good but for their keys, whose names are all different: one every 2 ms, whether or not the last one was
/// answered.
fn flood(row: &'static Row) -> Flood {
    let issuer = issuer::start(ALGORITHM);
    let junk = issuer::of_unknown_keys(&issuer, ALGORITHM, FLOOD);
    let mut worker = warm(row, &issuer);
    let before = issuer.requests(Endpoint::Jwks);
    let verdicts = worker.ask(junk, FLOOD_INTERVAL);
    Flood { jwks_requests: issuer.requests(Endpoint::Jwks) - before, statuses: statuses(&verdicts) }
}

/// Two seconds after the keys came in they are replaced, without any consideration, and from then on only the new one signs:
/// a token every 10 ms for 5 s.
fn rotation(row: &'static Row, after_junk: bool) -> Rotation {
    let issuer = issuer::start(ALGORITHM);
    let mut worker = warm(row, &issuer);
    thread::sleep(BEFORE_ROTATION / 2);
    if after_junk {
        worker.ask(issuer::of_unknown_keys(&issuer, ALGORITHM, 1), Duration::ZERO);
    }
    thread::sleep(BEFORE_ROTATION / 2);
    issuer.rotate();
    let new = issuer::distinct(&issuer, ALGORITHM, AFTER_ROTATION);
    let before = issuer.requests(Endpoint::Jwks);
    let verdicts = worker.ask(new, ROTATION_INTERVAL);
    let first = verdicts.iter().position(|verdict| verdict.status == 200);
    Rotation {
        jwks_requests: issuer.requests(Endpoint::Jwks) - before,
        refused: refusals(&verdicts),
        accepted_after: first.and_then(|first| Some(ROTATION_INTERVAL * u32::try_from(first).ok()?)),
    }
}

impl Rotation {
    fn describe(&self) -> String {
        match self.accepted_after {
            Some(Duration::ZERO) | None => describe(&self.refused),
            Some(after) => format!("{}, until {:.1} s", describe(&self.refused), after.as_secs_f64()),
        }
    }
}

fn warm(row: &'static Row, issuer: &TestIssuer) -> Worker {
    let mut worker = Worker::start(row, &Setup::new(issuer, ALGORITHM));
    wait_until_ready(&mut worker, &issuer::good(issuer, ALGORITHM).sign());
    worker
}

fn statuses(verdicts: &[Verdict]) -> Statuses {
    let mut statuses = Statuses::new();
    for verdict in verdicts {
        *statuses.entry(verdict.status).or_default() += 1;
    }
    statuses
}

fn refusals(verdicts: &[Verdict]) -> Statuses {
    let mut statuses = statuses(verdicts);
    statuses.remove(&200);
    statuses
}

fn describe(statuses: &Statuses) -> String {
    let counts: Vec<_> = statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect();
    if counts.is_empty() { "0".to_owned() } else { counts.join(", ") }
}
