//! The layer under load while an issuer rotates, fails, stalls and recovers and clients hang up, all at random:
//! `cargo run -p soak -- --seconds 75`.
//!
//! Six issuers are trusted. Two are restless: they announce new keys or do not, withdraw some or all by mistake, replace one
//! under its name, and answer late, wrongly or not at all. One has keys of the same names and no trouble ever. One is away for
//! longer than its keys are fresh. A fifth issues [opaque] tokens, revokes them, and fails, stalls and recovers when it is asked
//! about them. Clients present good tokens, tokens of past keys, and bad ones of every kind, and hang up in
//! the middle of a request, while they wait and in the middle of an answer.
//!
//! The sixth issuer is steady: the events that concern its tokens do not happen at the issuer. Some tokens are bound to keys of clients, which
//! repeat their [proofs] and present wrong ones. Users and their [sessions] are revoked, and the API learns this from [Redis](redis), which is killed
//! and started again. [Tenants](tenants) become known only at run time; they come, go and rest, and strangers name tenants that do not exist.
//! Meanwhile, the API keeps reading its [settings] again.
//!
//! An [oracle] knows for every request which answers are right. Any other answer counts as wrong, and so does a request that
//! waits for no reason. The [promises] to the issuers are checked too, and the [memory] of the API, which is a process of its own.
//! The program needs `redis-server`. It exits with 0 only if nothing was wrong.
//!
//! Everything random comes from the seed, which is printed: the same seed makes the same schedule, though not the same
//! interleaving. `--verbose` prints the schedule. This process remembers a bounded number of tokens, and adds
//! a few entries to the history of its issuers for each episode.

mod answer;
mod api;
mod api_process;
mod client;
mod comings;
mod connection;
mod expectation;
mod fetches;
mod folder;
mod forgeries;
mod held;
mod in_flight;
mod kinds;
mod memory;
mod opaque;
mod oracle;
mod pause;
mod presentation;
mod promises;
mod proofs;
mod realm;
mod redis;
mod reloads;
mod report;
mod schedule;
mod sessions;
mod settings;
mod slowness;
mod supply;
mod tenants;
mod timeline;
mod tokens;
mod totals;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;

use crate::api::Served;
use crate::api_process::ApiProcess;
use crate::client::Shared;
use crate::folder::Folder;
use crate::in_flight::InFlight;
use crate::memory::Memory;
use crate::opaque::Opaque;
use crate::oracle::Oracle;
use crate::proofs::Proofs;
use crate::realm::{AWAY, NAMES, RESTLESS, Realm, TWIN};
use crate::redis::Redis;
use crate::reloads::Reloads;
use crate::report::Report;
use crate::schedule::{Deck, Schedule};
use crate::sessions::Sessions;
use crate::settings::{Settings, Trusted};
use crate::slowness::{Asked, Slowness};
use crate::supply::Supply;
use crate::tenants::Tenants;
use crate::totals::judge_all;

/// For every so many clients, there is one more that only hangs up.
const IMPATIENT: u64 = 8;

/// The layer under load, with issuers that misbehave and clients that hang up, and an oracle for every answer
#[derive(Parser)]
struct Arguments {
    /// How many seconds to run: an hour at most, because no key is used for longer than two hours
    #[arg(long, default_value_t = 75, value_parser = clap::value_parser!(u64).range(10..=3600))]
    seconds: u64,
    /// The seed for everything random; by default, a new one for each run
    #[arg(long)]
    seed: Option<u64>,
    /// How many clients send requests at the same time
    #[arg(long, default_value_t = 96)]
    clients: u64,
    /// How many milliseconds each client pauses after an answer, on average
    #[arg(long, default_value_t = 30)]
    pause: u64,
    /// Print what the issuers go through
    #[arg(long)]
    verbose: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What else this program is.
#[derive(Subcommand)]
enum Role {
    /// The API
    #[command(hide = true)]
    Serve(Served),
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    if let Some(Role::Serve(served)) = &arguments.role {
        api::serve(served)?;
        return Ok(ExitCode::SUCCESS);
    }
    soak(&arguments)
}

#[tokio::main]
async fn soak(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("seed {seed}, {} s, {} clients", arguments.seconds, arguments.clients);
    let mut random = fastrand::Rng::with_seed(seed);
    let issuer = || TestIssuer::builder().algorithms([Algorithm::ES256]).start();
    let realms = Arc::new(NAMES.map(Realm::start));
    let (stranger, steady) = (Arc::new(issuer()), Arc::new(issuer()));
    let opaque = Arc::new(Opaque::start(issuer()));
    for realm in [TWIN, AWAY] {
        realms[realm].set_cache_control("max-age=60", Duration::from_secs(60));
    }
    let folder = Folder::new()?;
    let redis = Redis::start(folder.path().join("redis"))?;
    let by_keys = realms.iter().map(|realm| realm.issuer.url()).chain([steady.url()]).collect();
    let trusted = Trusted { by_keys, opaque: opaque.issuer.url(), local: steady.url() };
    let settings = Settings::write(folder.path(), &trusted)?;

    let mut api = ApiProcess::start(&folder, &settings, &redis)?;
    let mut memory = Memory::of(api.id());
    let start = Instant::now();
    memory.sample(Duration::ZERO);

    let (answers, received) = mpsc::channel(4096);
    let proofs = Proofs::new(Arc::clone(&steady), Arc::clone(&redis), Arc::clone(&settings));
    let sessions = Sessions::start(steady, Arc::clone(&redis))?;
    let tenants = Tenants::start(folder.database(), api.address)?;
    let supply = Supply::new(
        Arc::clone(&realms),
        Arc::clone(&stranger),
        Arc::clone(&opaque),
        proofs,
        Arc::clone(&sessions),
        Arc::clone(&tenants),
    );
    api.has_keys(&supply, &mut random).await?;
    let in_flight = Arc::new(InFlight::new());
    let shared = Arc::new(Shared::new(api.address, supply, answers, Arc::clone(&in_flight)));
    let slowness = Arc::new(Slowness::new());
    let watches = [Asked::Api(api.address), Asked::Redis(redis.address())].map(|asked| {
        let slowness = Arc::clone(&slowness);
        tokio::spawn(async move { slowness.watch(asked).await })
    });
    let oracle = Oracle::new(Arc::clone(&realms), Arc::clone(&opaque), Arc::clone(&slowness), in_flight);
    let judge = thread::spawn(move || judge_all(oracle, received, start));
    let clients = clients(arguments, &shared, &mut random);
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
    let mut schedules = vec![first, second, away];
    let noted = (start, arguments.verbose);
    schedules.extend(other_schedules(&shared, &opaque, &redis, &settings, sessions, &mut random, noted));

    let mut reloads = Reloads::default();
    let length = Duration::from_secs(arguments.seconds);
    while start.elapsed() < length {
        tokio::time::sleep(Duration::from_secs(1)).await;
        memory.sample(start.elapsed());
        reloads.look(&api.status().await?);
    }

    for schedule in schedules {
        schedule.abort();
        // It holds what all clients have in common until it has ended.
        let _ = schedule.await;
    }
    shared.is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await?;
    }
    let (cuts, broken) = Shared::closed(shared).await;
    for watch in watches {
        watch.abort();
        // Otherwise, it could report once more how far it has seen, after `is_over`.
        let _ = watch.await;
    }
    slowness.is_over();
    let (oracle, totals) = judge.join().map_err(|_| "the oracle panicked")?;
    let end = Instant::now();
    let status = api.status().await?;
    memory.sample(start.elapsed());
    let survived = api.stop()?;

    let report = Report {
        length: arguments.seconds,
        start,
        end,
        oracle,
        totals,
        memory,
        cuts,
        broken,
        status,
        reloads,
        absences: redis.absences(),
        tenants,
        survived,
    };
    Ok(conclude(&report, seed))
}

/// Prints what came of the run.
fn conclude(report: &Report, seed: u64) -> ExitCode {
    print!("{report}");
    let wrongs = report.wrongs();
    for wrong in &wrongs {
        println!("WRONG: {wrong}");
    }
    println!("{} (seed {seed})", if wrongs.is_empty() { "all as it must be" } else { "NOT as it must be" });
    if wrongs.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All clients, until the run is over.
fn clients(arguments: &Arguments, shared: &Arc<Shared>, random: &mut fastrand::Rng) -> Vec<JoinHandle<()>> {
    let pause = Duration::from_millis(arguments.pause);
    let mut clients = Vec::new();
    for number in 0..arguments.clients {
        let seed = random.u64(..);
        clients.push(tokio::spawn(client::run(Arc::clone(shared), seed, pause)));
        if number % IMPATIENT == 0 {
            clients.push(tokio::spawn(client::run_impatient(Arc::clone(shared), !seed, pause)));
        }
    }
    clients
}

/// All schedules except those of the issuers of keys, which run until they are aborted. The last argument is when the run started, and whether
/// events are printed.
fn other_schedules(
    shared: &Arc<Shared>,
    opaque: &Arc<Opaque>,
    redis: &Arc<Redis>,
    settings: &Arc<Settings>,
    sessions: Arc<Sessions>,
    random: &mut fastrand::Rng,
    (start, is_verbose): (Instant, bool),
) -> [JoinHandle<()>; 8] {
    [
        tokio::spawn(Arc::clone(opaque).fail_now_and_then(random.fork(), start, is_verbose)),
        tokio::spawn(Arc::clone(opaque).revoke(random.fork())),
        tokio::spawn(Arc::clone(redis).die_now_and_then(random.fork(), start, is_verbose)),
        tokio::spawn(sessions.revoke(random.fork())),
        tokio::spawn(Arc::clone(settings).change(random.fork(), start, is_verbose)),
        tokio::spawn(comings::come_and_go(Arc::clone(&shared.supply.tenants), random.fork())),
        tokio::spawn(comings::rest(Arc::clone(shared), random.fork())),
        tokio::spawn(comings::flood(Arc::clone(shared), random.fork())),
    ]
}
