//! How long an opaque token takes, and how often the issuer is asked about it.

use std::time::Duration;

use tower_bearer::jose::Algorithm;
use tower_bearer::testing::Endpoint;

use super::wait_until_ready;
use crate::issuer;
use crate::link::{Setup, Worker};
use crate::rows::WITH_INTROSPECTION;
use crate::statistics::median;
use crate::table::{Table, whole};

const ROUNDS: usize = 25;
const TURN: Duration = Duration::from_millis(20);
/// How many tokens that nobody saw before each row gets in each round.
const DISTINCT: usize = 50;
/// How many requests with one token are sent at once, to see how often the issuer is asked.
const HERD: usize = 200;

pub fn run() {
    let issuer = issuer::start(Algorithm::ES256);
    let setup = Setup::new(&issuer, Algorithm::ES256);
    let token = || issuer.opaque_token(&issuer::good(&issuer, Algorithm::ES256));
    let mut workers: Vec<_> = WITH_INTROSPECTION.iter().map(|row| Worker::start(row, &setup)).collect();
    let known = token();
    for worker in &mut workers {
        wait_until_ready(worker, || known.clone());
    }
    let mut again = vec![Vec::new(); workers.len()];
    let mut first = again.clone();
    for round in 0..ROUNDS {
        for turn in 0..workers.len() {
            let place = (turn + round) % workers.len();
            let mut sample = |tokens: &[String], at_least| {
                let (nanoseconds, statuses) = workers[place].time(tokens, at_least);
                assert!(statuses.keys().eq([&200]), "{} refuses a good token: {statuses:?}", workers[place].row().id());
                nanoseconds
            };
            again[place].push(sample(std::slice::from_ref(&known), TURN));
            first[place]
                .push(sample(&std::iter::repeat_with(token).take(DISTINCT).collect::<Vec<_>>(), Duration::ZERO));
        }
        eprint!("\ropaque: round {} of {ROUNDS}   ", round + 1);
    }
    eprintln!();

    let mut table =
        Table::new(["", "the same again ns", "first use ns", "200 requests with one new token: calls", "refused"]);
    for (place, worker) in workers.iter_mut().enumerate() {
        let before = issuer.requests(Endpoint::Introspection);
        let verdicts = worker.ask(vec![token(); HERD], Duration::ZERO);
        table.row(vec![
            worker.row().title(),
            whole(median(&again[place])),
            whole(median(&first[place])),
            (issuer.requests(Endpoint::Introspection) - before).to_string(),
            verdicts.iter().filter(|verdict| verdict.status != 200).count().to_string(),
        ]);
    }
    println!("## An opaque token, through the whole layer\n\n{table}\nNo other peer introspects tokens.\n");
}
