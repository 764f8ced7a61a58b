//! How long one token takes through the whole layer.

use std::collections::BTreeMap;
use std::time::Duration;

use tower_bearer::jose::Algorithm;

use super::wait_until_ready;
use crate::chart::Chart;
use crate::issuer;
use crate::link::{Setup, Statuses, Worker};
use crate::rows::{Kind, ROWS, Row};
use crate::statistics::median;
use crate::table::{Table, whole};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
const ROUNDS: usize = 25;
/// How long each row has in each round.
const TURN: Duration = Duration::from_millis(20);
const WARM_UP: Duration = Duration::from_millis(200);
/// How many tokens that nobody saw before each row gets in each round.
const DISTINCT: usize = 100;

/// What is timed, and for each row, by its place, the median and the statuses of the last round.
type Figures = BTreeMap<(Algorithm, &'static str), Vec<(f64, Statuses)>>;

const REPEAT: &str = "repeat";
const FIRST: &str = "first use";
const REFUSALS: [&str; 3] = ["garbage", "expired", "unknown kid"];

/// Prints the tables, and returns the first one as a chart.
pub fn run() -> Chart {
    let figures: Figures = ALGORITHMS.into_iter().flat_map(measure).collect();
    println!("## One token through the whole layer\n\n{}", accepted(&figures));
    println!("## One refusal (RS256)\n\n{}", refused(&figures));
    chart(&figures)
}

/// What RS256 costs each row but those that are no layer.
fn chart(figures: &Figures) -> Chart {
    let mut chart = Chart::new("One RS256 token through the whole layer", &["the same token again", "first use"], "µs");
    for (place, row) in ROWS.iter().enumerate().filter(|(_, row)| row.kind != Kind::Reference) {
        let microseconds = |what| figures[&(Algorithm::RS256, what)][place].0 / 1e3;
        let label = format!("{} ({})", row.title(), row.backend);
        chart.group(label, vec![microseconds(REPEAT), microseconds(FIRST)], row.is_ours());
    }
    chart
}

fn measure(algorithm: Algorithm) -> Figures {
    let issuer = issuer::start(algorithm);
    let setup = Setup::new(&issuer, algorithm);
    let mut workers: Vec<_> = ROWS.iter().map(|row| Worker::start(row, &setup)).collect();
    let good = vec![issuer::good(&issuer, algorithm).sign()];
    let mut distinct = issuer::distinct(&issuer, algorithm, ROUNDS * DISTINCT);
    let refusals: Vec<_> = REFUSALS
        .into_iter()
        .zip([
            "abc".to_owned(),
            issuer::expired(&issuer, algorithm),
            issuer::of_unknown_keys(&issuer, algorithm, 1).remove(0),
        ])
        .collect();
    for worker in &mut workers {
        wait_until_ready(worker, || good[0].clone());
        worker.time(&good, WARM_UP);
    }

    let mut samples: BTreeMap<(usize, &'static str), (Vec<f64>, Statuses)> = BTreeMap::new();
    for round in 0..ROUNDS {
        let unseen = distinct.split_off(distinct.len() - DISTINCT);
        for turn in 0..workers.len() {
            // Nobody always comes after the same one.
            let place = (turn + round) % workers.len();
            let worker = &mut workers[place];
            let mut sample = |what, (nanoseconds, statuses): (f64, Statuses)| {
                let (all, last) = samples.entry((place, what)).or_default();
                all.push(nanoseconds);
                *last = statuses;
            };
            let again = worker.time(&good, TURN);
            assert!(again.1.keys().eq([&200]), "{} refuses a good token: {:?}", worker.row().id(), again.1);
            sample(REPEAT, again);
            let first = worker.time(&unseen, Duration::ZERO);
            assert!(first.1.keys().eq([&200]), "{} refuses a good token: {:?}", worker.row().id(), first.1);
            sample(FIRST, first);
            if algorithm == Algorithm::RS256 && worker.row().kind != Kind::Reference {
                for (what, token) in &refusals {
                    sample(what, worker.time(std::slice::from_ref(token), TURN / 2));
                }
            }
        }
        eprint!("\r{algorithm}: round {} of {ROUNDS}   ", round + 1);
    }
    eprintln!();

    let mut figures = Figures::new();
    for ((place, what), (all, statuses)) in samples {
        let rows = figures.entry((algorithm, what)).or_insert_with(|| vec![(f64::NAN, Statuses::new()); ROWS.len()]);
        rows[place] = (median(&all), statuses);
    }
    figures
}

fn accepted(figures: &Figures) -> Table {
    let mut table = Table::new([
        "",
        "backend",
        "RS256 × ours",
        "RS256 ns",
        "× floor",
        "first use ×",
        "ES256 ns",
        "× floor",
        "first use ×",
        "EdDSA ns",
        "× floor",
        "first use ×",
    ]);
    let ours = ROWS.iter().position(Row::is_ours).expect("it is what this is about");
    for (place, row) in ROWS.iter().enumerate() {
        let rs256 = |place: usize| figures[&(Algorithm::RS256, REPEAT)][place].0;
        let ratio = format!("{:.2}", rs256(place) / rs256(ours));
        let mut cells = vec![row.title(), row.backend.to_owned(), ratio];
        for algorithm in ALGORITHMS {
            let nanoseconds = |what, place: usize| figures[&(algorithm, what)][place].0;
            let again = nanoseconds(REPEAT, place);
            cells.push(whole(again));
            cells.push(format!("{:.2}", again / nanoseconds(REPEAT, 0)));
            cells.push(format!("{:.2}", nanoseconds(FIRST, place) / nanoseconds(FIRST, 0)));
        }
        table.row(cells);
    }
    table
}

fn refused(figures: &Figures) -> Table {
    let mut table = Table::new(["", "backend", "garbage ns", "expired ns", "unknown kid ns"]);
    for (place, row) in ROWS.iter().enumerate().filter(|(_, row)| row.kind != Kind::Reference) {
        let mut cells = vec![row.title(), row.backend.to_owned()];
        cells.extend(REFUSALS.map(|what| {
            let (nanoseconds, statuses) = &figures[&(Algorithm::RS256, what)][place];
            let statuses: Vec<_> = statuses.keys().map(u16::to_string).collect();
            format!("{} ({})", whole(*nanoseconds), statuses.join(", "))
        }));
        table.row(cells);
    }
    table
}
