//! The layer under load while an issuer rotates, fails, stalls and recovers and clients hang up, all at random:
//! `cargo run -p soak -- --seconds 75`.
//!
//! Five issuers are trusted. Two are restless: they announce new keys or do not, withdraw some or all by mistake, replace one
//! under its name, and answer late, wrongly or not at all. One has keys of the same names and no trouble ever. One is away for
//! longer than its keys are fresh. A fifth issues [opaque] tokens, revokes them, and fails, stalls and recovers when it is asked
//! about them. Clients present good tokens, tokens of past keys, and bad ones of every kind, and hang up in
//! the middle of a request, while they wait and in the middle of an answer.
//!
//! An [oracle] knows for every request which answers are right. Whatever else an answer is, and a request that is kept waiting
//! for nothing, counts as wrong. The [promises] to the issuers are checked too, and the API's [memory], which is a process of
//! its own. It exits with 0 only if nothing was wrong.
//!
//! Everything random comes from the seed, which is printed: the same seed makes the same schedule, though not the same
//! interleaving. `--verbose` prints the schedule. Of what this process remembers, tokens are bounded by their number, and
//! what the issuers went through grows by some entries for each episode.

mod answer;
mod api;
mod client;
mod connection;
mod fetches;
mod forgeries;
mod held;
mod in_flight;
mod memory;
mod opaque;
mod oracle;
mod presentation;
mod promises;
mod realm;
mod report;
mod schedule;
mod slowness;
mod timeline;
mod tokens;
mod totals;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::Value;
use tokio::sync::mpsc;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;

use crate::client::Shared;
use crate::connection::Connection;
use crate::in_flight::InFlight;
use crate::memory::Memory;
use crate::opaque::Opaque;
use crate::oracle::Oracle;
use crate::presentation::Supply;
use crate::realm::{AWAY, NAMES, RESTLESS, Realm, TWIN};
use crate::report::Report;
use crate::schedule::{Deck, Schedule};
use crate::slowness::Slowness;
use crate::totals::judge_all;

/// For how many clients there is one that only hangs up.
const IMPATIENT: u64 = 8;

/// The layer under load, with issuers that misbehave and clients that hang up, and an oracle for every answer
#[derive(Parser)]
struct Arguments {
    /// How long to run; within an hour, because keys are used for no longer than two
    #[arg(long, default_value_t = 75, value_parser = clap::value_parser!(u64).range(10..=3600))]
    seconds: u64,
    /// What everything random comes from; without it, another one each time
    #[arg(long)]
    seed: Option<u64>,
    /// How many clients ask at once
    #[arg(long, default_value_t = 96)]
    clients: u64,
    /// How many milliseconds each pauses after an answer, on average
    #[arg(long, default_value_t = 30)]
    pause: u64,
    /// Print what the issuers go through
    #[arg(long)]
    verbose: bool,
    /// Be the API that trusts this issuer, and any others
    #[arg(long, hide = true)]
    serve: Vec<String>,
    /// … and about whose opaque tokens it asks this one
    #[arg(long, hide = true)]
    introspect: Option<String>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    if arguments.serve.is_empty() {
        return soak(&arguments);
    }
    api::serve(&arguments.serve, arguments.introspect.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main]
async fn soak(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("seed {seed}, {} s, {} clients", arguments.seconds, arguments.clients);
    let mut random = fastrand::Rng::with_seed(seed);
    let realms = Arc::new(NAMES.map(Realm::start));
    let stranger = Arc::new(TestIssuer::builder().algorithms([Algorithm::ES256]).start());
    let opaque = Arc::new(Opaque::start(TestIssuer::builder().algorithms([Algorithm::ES256]).start()));
    for realm in [TWIN, AWAY] {
        realms[realm].set_cache_control("max-age=60", Duration::from_secs(60));
    }

    let mut api = Api::start(&*realms, &opaque)?;
    let mut memory = Memory::of(api.process.id());
    let start = Instant::now();
    memory.sample(Duration::ZERO);

    let (answers, received) = mpsc::channel(4096);
    let supply = Supply::new(Arc::clone(&realms), Arc::clone(&stranger), Arc::clone(&opaque));
    let in_flight = Arc::new(InFlight::new());
    let shared = Arc::new(Shared::new(api.address, supply, answers, Arc::clone(&in_flight)));
    let slowness = Arc::new(Slowness::new());
    let watch = tokio::spawn({
        let (slowness, address) = (Arc::clone(&slowness), api.address);
        async move { slowness.watch(address).await }
    });
    let oracle = Oracle::new(Arc::clone(&realms), Arc::clone(&opaque), Arc::clone(&slowness), in_flight);
    let judge = thread::spawn(move || judge_all(oracle, received, start));
    let pause = Duration::from_millis(arguments.pause);
    let mut clients = Vec::new();
    for number in 0..arguments.clients {
        let seed = random.u64(..);
        clients.push(tokio::spawn(client::run(Arc::clone(&shared), seed, pause)));
        if number % IMPATIENT == 0 {
            clients.push(tokio::spawn(client::run_impatient(Arc::clone(&shared), !seed, pause)));
        }
    }
    let deck = Arc::new(Deck::default());
    let mut schedule = |realm| Schedule {
        realm,
        deck: Arc::clone(&deck),
        realms: Arc::clone(&realms),
        stranger: Arc::clone(&stranger),
        shared: Arc::clone(&shared),
        random: random.fork(),
        start,
        is_verbose: arguments.verbose,
    };
    let [first, second] = RESTLESS.map(&mut schedule).map(|schedule| tokio::spawn(schedule.restless()));
    let away = tokio::spawn(schedule(AWAY).away());
    let failing = tokio::spawn(Arc::clone(&opaque).fail_now_and_then(random.fork(), start, arguments.verbose));
    let revoking = tokio::spawn(Arc::clone(&opaque).revoke(random.fork()));
    let schedules = [first, second, away, failing, revoking];

    let length = Duration::from_secs(arguments.seconds);
    while start.elapsed() < length {
        tokio::time::sleep(Duration::from_secs(1)).await;
        memory.sample(start.elapsed());
    }

    for schedule in schedules {
        schedule.abort();
    }
    shared.is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await?;
    }
    let (cuts, broken) = Shared::closed(shared).await;
    watch.abort();
    slowness.is_over();
    let (oracle, totals) = judge.join().map_err(|_| "the oracle panicked")?;
    let end = Instant::now();
    let status = api.status().await?;
    memory.sample(start.elapsed());
    let survived = api.stop()?;

    let report =
        Report { length: arguments.seconds, start, end, oracle, totals, memory, cuts, broken, status, survived };
    print!("{report}");
    let wrongs = report.wrongs();
    for wrong in &wrongs {
        println!("WRONG: {wrong}");
    }
    println!("{} (seed {seed})", if wrongs.is_empty() { "all as it must be" } else { "NOT as it must be" });
    Ok(if wrongs.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The process behind the layer.
struct Api {
    process: Child,
    address: std::net::SocketAddr,
}

impl Api {
    fn start(realms: &[Realm], opaque: &Opaque) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        for realm in realms {
            command.arg("--serve").arg(realm.issuer.url());
        }
        command.arg("--introspect").arg(opaque.issuer.url());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { process, address: line.trim().parse()? })
    }

    async fn status(&self) -> Result<Value, Box<dyn Error>> {
        let mut connection = Connection::open(self.address).await?;
        connection.send(b"GET /status HTTP/1.1\r\nHost: api.example.test\r\n\r\n").await?;
        Ok(serde_json::from_str(&connection.receive().await?.body)?)
    }

    /// Ends it. Returns whether it had not ended by itself, and does so without an error.
    fn stop(&mut self) -> Result<bool, Box<dyn Error>> {
        let was_there = self.process.try_wait()?.is_none();
        drop(self.process.stdin.take());
        Ok(was_there && self.process.wait()?.success())
    }
}
