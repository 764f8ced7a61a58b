//! How many requests the issuer gets, and who is refused meanwhile.

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

/// For the requests to the issuer that nobody waited for.
const SETTLE: Duration = Duration::from_secs(1);

const HERD: usize = 200;
const JWKS_DELAY: Duration = Duration::from_millis(200);

const FLOOD: usize = 1_000;
const FLOOD_INTERVAL: Duration = Duration::from_millis(2);

/// Longer than those who fetch once a minute at most need to be ready for another.
const LONG: Duration = Duration::from_secs(65);
const SHORT: Duration = Duration::from_secs(2);
const AFTER_ROTATION: usize = 500;
const ROTATION_INTERVAL: Duration = Duration::from_millis(10);

/// How the issuer's key is replaced by another.
#[derive(Clone, Copy)]
enum Rotation {
    /// All at once, so long after the keys came in.
    Abrupt { after: Duration },
    /// The same, and a second before there was one token of a key that nobody has heard of.
    AbruptAfterJunk { after: Duration },
    /// The new one was published beside the old one so long before it signed anything.
    Announced { ahead: Duration },
}

const ROTATIONS: [(&str, Rotation); 4] = [
    ("at once, 2 s after the keys came in", Rotation::Abrupt { after: SHORT }),
    ("at once, 65 s after", Rotation::Abrupt { after: LONG }),
    ("the same, one junk kid 1 s before", Rotation::AbruptAfterJunk { after: LONG }),
    ("published 65 s before it signs", Rotation::Announced { ahead: LONG }),
];

/// What the issuer was asked, and what the clients got.
struct Counted {
    jwks_requests: usize,
    verdicts: Vec<Verdict>,
}

pub fn run() {
    // Nearly all of this is waiting, so that all can wait at once, each for an issuer of its own.
    let (mut asked, mut rotated) = (asked(), rotated());
    eprintln!("counts: this takes {} s", LONG.as_secs() + 10);
    thread::scope(|scope| {
        let peers = || ROWS.iter().filter(|row| row.kind == Kind::Peer);
        let counts: Vec<_> = peers()
            .map(|row| {
                let herd = scope.spawn(|| herd(row));
                let flood = scope.spawn(|| flood(row));
                let rotations = ROTATIONS.map(|(_, kind)| scope.spawn(move || rotation(row, kind)));
                (row, herd, flood, rotations)
            })
            .collect();
        for (row, herd, flood, rotations) in counts {
            let (started_after, herd) = herd.join().expect("no row panics");
            let flood = flood.join().expect("no row panics");
            asked.row(vec![
                row.title(),
                herd.jwks_requests.to_string(),
                refused(&herd.verdicts),
                format!("{} ms", started_after.as_millis()),
                format!("{} ms", slowest(&herd.verdicts).as_millis()),
                flood.jwks_requests.to_string(),
                describe(&statuses(&flood.verdicts)),
                format!("{} ms", slowest(&flood.verdicts).as_millis()),
            ]);
            let rotations = rotations.map(|rotation| describe_rotation(&rotation.join().expect("no row panics")));
            rotated.row([row.title()].into_iter().chain(rotations).collect());
        }
    });
    println!("## How many requests the issuer gets\n\n{asked}");
    println!(
        "## Requests refused when the key is replaced, of {AFTER_ROTATION} in 5 s (JWKS requests meanwhile)\n\n{rotated}"
    );
}

fn asked() -> Table {
    Table::new([
        "",
        "cold herd of 200: JWKS requests",
        "refused",
        "start took",
        "then the slowest",
        "1,000 unknown kids in 2 s: JWKS requests",
        "answers",
        "the slowest",
    ])
}

fn rotated() -> Table {
    let [first, second, third, fourth] = ROTATIONS.map(|(name, _)| name);
    Table::new(["", first, second, third, fourth])
}

/// The server has just started, and 200 clients with good tokens do not wait; the issuer is slow.
fn herd(row: &'static Row) -> (Duration, Counted) {
    let issuer = issuer::start(ALGORITHM);
    issuer.fail(Endpoint::Jwks, Fault::Delay(JWKS_DELAY));
    let clients = issuer::distinct(&issuer, ALGORITHM, HERD);
    let mut worker = Worker::start(row, &Setup::new(&issuer, ALGORITHM));
    let verdicts = worker.ask(clients, Duration::ZERO);
    thread::sleep(SETTLE);
    (worker.started_after, Counted { jwks_requests: issuer.requests(Endpoint::Jwks), verdicts })
}

/// Tokens that are good but for their keys, whose names are all different: one every 2 ms, whether or not the last one was
/// answered, and the keys have been there for so long that every peer that refetches may do so again.
fn flood(row: &'static Row) -> Counted {
    let issuer = issuer::start(ALGORITHM);
    let junk = issuer::of_unknown_keys(&issuer, ALGORITHM, FLOOD);
    let mut worker = warm(row, &issuer);
    live(&mut worker, &issuer::good(&issuer, ALGORITHM).sign(), LONG);
    let before = issuer.requests(Endpoint::Jwks);
    let verdicts = worker.ask(junk, FLOOD_INTERVAL);
    thread::sleep(SETTLE);
    Counted { jwks_requests: issuer.requests(Endpoint::Jwks) - before, verdicts }
}

/// From the rotation on, only the new key signs: a token every 10 ms for 5 s.
fn rotation(row: &'static Row, kind: Rotation) -> Counted {
    let issuer = issuer::start(ALGORITHM);
    let mut worker = warm(row, &issuer);
    let old = issuer::good(&issuer, ALGORITHM).sign();
    let live = |worker: &mut Worker, time| live(worker, &old, time);
    match kind {
        Rotation::Abrupt { after } => {
            live(&mut worker, after);
            issuer.rotate();
        }
        Rotation::AbruptAfterJunk { after } => {
            let second = Duration::from_secs(1);
            live(&mut worker, after - second);
            worker.ask(issuer::of_unknown_keys(&issuer, ALGORITHM, 1), Duration::ZERO);
            live(&mut worker, second);
            issuer.rotate();
        }
        Rotation::Announced { ahead } => {
            issuer.publish_next();
            live(&mut worker, ahead);
            issuer.sign_with_next();
        }
    }
    let new = issuer::distinct(&issuer, ALGORITHM, AFTER_ROTATION);
    let before = issuer.requests(Endpoint::Jwks);
    let verdicts = worker.ask(new, ROTATION_INTERVAL);
    Counted { jwks_requests: issuer.requests(Endpoint::Jwks) - before, verdicts }
}

fn describe_rotation(Counted { jwks_requests, verdicts }: &Counted) -> String {
    match verdicts.iter().rposition(|verdict| verdict.status != 200) {
        None => format!("0 ({jwks_requests})"),
        Some(last) if last + 1 == AFTER_ROTATION => format!("{} ({jwks_requests})", refused(verdicts)),
        Some(last) => {
            let after = ROTATION_INTERVAL * u32::try_from(last).expect("a small number");
            format!("{}, until {:.2} s ({jwks_requests})", refused(verdicts), after.as_secs_f64())
        }
    }
}

fn warm(row: &'static Row, issuer: &TestIssuer) -> Worker {
    let mut worker = Worker::start(row, &Setup::new(issuer, ALGORITHM));
    wait_until_ready(&mut worker, || issuer::good(issuer, ALGORITHM).sign());
    worker
}

/// Sends a good token each second. Some refresh their keys only when they are used.
fn live(worker: &mut Worker, token: &str, time: Duration) {
    let second = Duration::from_secs(1);
    let seconds = usize::try_from(time.as_secs()).expect("a small number");
    worker.ask(vec![token.to_owned(); seconds], second);
    thread::sleep(second);
}

fn statuses(verdicts: &[Verdict]) -> Statuses {
    let mut statuses = Statuses::new();
    for verdict in verdicts {
        *statuses.entry(verdict.status).or_default() += 1;
    }
    statuses
}

fn refused(verdicts: &[Verdict]) -> String {
    let mut statuses = statuses(verdicts);
    statuses.remove(&200);
    describe(&statuses)
}

fn slowest(verdicts: &[Verdict]) -> Duration {
    verdicts.iter().map(|verdict| verdict.after).max().unwrap_or_default()
}

fn describe(statuses: &Statuses) -> String {
    let counts: Vec<_> = statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect();
    if counts.is_empty() { "0".to_owned() } else { counts.join(", ") }
}
