//! How long a new DPoP proof takes beside a token that was seen before.

use std::time::Duration;

use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestClient;

use super::wait_until_ready;
use crate::issuer::{self, AUDIENCE};
use crate::link::{Setup, Worker};
use crate::rows::WITH_PROOFS;
use crate::statistics::median;
use crate::table::{Table, whole};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
const ROUNDS: usize = 25;
/// How many proofs each row gets in each round.
const PROOFS: usize = 50;

pub fn run() {
    let figures: Vec<_> = ALGORITHMS.into_iter().map(measure).collect();
    let mut table = Table::new(["", "backend", "RS256 ns", "× floor", "ES256 ns", "× floor", "EdDSA ns", "× floor"]);
    for (place, row) in WITH_PROOFS.iter().enumerate() {
        let mut cells = vec![row.title(), row.backend.to_owned()];
        for figures in &figures {
            cells.extend([whole(figures[place]), format!("{:.2}", figures[place] / figures[0])]);
        }
        table.row(cells);
    }
    println!("## A new DPoP proof and one token, through the whole layer\n\n{table}\nNo other peer checks proofs.\n");
}

/// For each row, by its place, the median time. The token is signed with the algorithm of the proofs.
fn measure(algorithm: Algorithm) -> Vec<f64> {
    let issuer = issuer::start(algorithm);
    let setup = Setup::new(&issuer, algorithm);
    let client = TestClient::new(algorithm);
    let token = issuer::good(&issuer, algorithm).bound_to(&client).sign();
    let url = format!("{AUDIENCE}/");
    let request = || format!("{token} {}", client.proof("GET", &url, &token).sign());
    let mut workers: Vec<_> = WITH_PROOFS.iter().map(|row| Worker::start(row, &setup)).collect();
    // The floor verifies one signature of the algorithm, that of a token.
    let alone = issuer::good(&issuer, algorithm).sign();
    for worker in &mut workers[1..] {
        wait_until_ready(worker, request);
    }
    let mut samples = vec![Vec::new(); workers.len()];
    for round in 0..ROUNDS {
        for turn in 0..workers.len() {
            let place = (turn + round) % workers.len();
            let requests: Vec<_> = (0..PROOFS).map(|_| if place == 0 { alone.clone() } else { request() }).collect();
            let (nanoseconds, statuses) = workers[place].time(&requests, Duration::ZERO);
            assert!(statuses.keys().eq([&200]), "{} refuses a good proof: {statuses:?}", workers[place].row().id());
            samples[place].push(nanoseconds);
        }
        eprint!("\r{algorithm}: round {} of {ROUNDS}   ", round + 1);
    }
    eprintln!();
    samples.iter().map(|all| median(all)).collect()
}
