//! What an axum server loses.

use std::time::Duration;

use tower_bearer::jose::Algorithm;

use super::wait_until_ready;
use crate::issuer;
use crate::link::{Setup, Worker};
use crate::load::Load;
use crate::rows::{Kind, ROWS};
use crate::statistics::median;
use crate::table::{Table, whole};

const ROUNDS: usize = 11;
const TURN: Duration = Duration::from_millis(300);
const WARM_UP: Duration = Duration::from_millis(200);
const ALGORITHM: Algorithm = Algorithm::RS256;

/// What one server did in its turns.
#[derive(Default)]
struct Samples {
    microseconds: Vec<f64>,
    /// Of the server's processor, which does not depend on who else is using the machine's others.
    processor: Vec<f64>,
}

pub fn run() {
    let issuer = issuer::start(ALGORITHM);
    let setup = Setup::new(&issuer, ALGORITHM);
    let token = issuer::good(&issuer, ALGORITHM).sign();
    let rows = ROWS.iter().filter(|row| row.kind != Kind::Reference);
    let mut servers: Vec<_> = rows
        .map(|row| {
            let mut worker = Worker::start(row, &setup);
            wait_until_ready(&mut worker, || token.clone());
            let (open, guarded) = worker.serve();
            let mut loads = [Load::new(open, &token), Load::new(guarded, &token)];
            for load in &mut loads {
                load.run(WARM_UP);
            }
            (worker, loads, [Samples::default(), Samples::default()])
        })
        .collect();

    for round in 0..ROUNDS {
        for (worker, loads, samples) in &mut servers {
            for (load, samples) in loads.iter_mut().zip(samples) {
                turn(worker, load, samples);
            }
        }
        eprint!("\rend to end: round {} of {ROUNDS}   ", round + 1);
    }
    eprintln!();

    let mut table = Table::new([
        "",
        "backend",
        "req/s without",
        "req/s with",
        "added µs",
        "server's processor: µs without",
        "added µs",
    ]);
    for (worker, _, [open, guarded]) in &servers {
        let added = |with: &[f64], without: &[f64]| {
            median(&with.iter().zip(without).map(|(with, without)| with - without).collect::<Vec<_>>())
        };
        table.row(vec![
            worker.row().title(),
            worker.row().backend.to_owned(),
            whole(1e6 / median(&open.microseconds)),
            whole(1e6 / median(&guarded.microseconds)),
            format!("{:.1}", added(&guarded.microseconds, &open.microseconds)),
            format!("{:.1}", median(&open.processor)),
            format!("{:.1}", added(&guarded.processor, &open.processor)),
        ]);
    }
    println!("## axum end to end (RS256, keep-alive, one server thread)\n\n{table}");
}

#[expect(clippy::cast_precision_loss, reason = "a count that is far from 2^52")]
fn turn(worker: &Worker, load: &mut Load, samples: &mut Samples) {
    let before = worker.processor_time();
    let (answered, elapsed) = load.run(TURN);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / answered as f64;
    samples.microseconds.push(each(elapsed));
    if let (Some(before), Some(after)) = (before, worker.processor_time()) {
        samples.processor.push(each(after.saturating_sub(before)));
    }
}
