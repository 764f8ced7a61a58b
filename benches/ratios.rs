//! What the layer costs, as ratios to what nobody can go below: `cargo bench --bench ratios`.
//!
//! All cases are measured in turn, a few milliseconds each, round after round, and the figures are medians over the rounds:
//! what else the machine does then troubles all of them alike.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends")]
#![expect(clippy::cast_precision_loss, reason = "nanoseconds of a bench")]

mod support;

use std::time::Instant;

use support::{ALGORITHMS, Floor, Jsonwebtoken, bearer, call, inner, issuer, large, protected, server, small};

/// How long one case is measured at a time, in nanoseconds.
const SLICE: f64 = 3e6;

/// Something to measure.
struct Case<'a> {
    name: String,
    run: Box<dyn FnMut() + 'a>,
    /// How often it is run at a time.
    times: u32,
    rounds: Vec<f64>,
}

#[derive(Default)]
struct Cases<'a>(Vec<Case<'a>>);

impl<'a> Cases<'a> {
    fn add(&mut self, name: impl Into<String>, run: impl FnMut() + 'a) {
        self.0.push(Case { name: name.into(), run: Box::new(run), times: 1, rounds: Vec::new() });
    }

    fn measure(&mut self, rounds: usize) {
        for case in &mut self.0 {
            // The first runs fill caches; then it is found out how many make up a slice.
            (0..100).for_each(|_| (case.run)());
            let one = case.slice(100);
            case.times = (SLICE / one).ceil() as u32;
        }
        for _ in 0..rounds {
            for case in &mut self.0 {
                let nanoseconds = case.slice(case.times);
                case.rounds.push(nanoseconds);
            }
        }
    }

    fn median(&self, name: &str) -> f64 {
        let mut rounds = self.0.iter().find(|case| case.name == name).unwrap().rounds.clone();
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    }
}

impl Case<'_> {
    /// Nanoseconds for each of `times` runs.
    fn slice(&mut self, times: u32) -> f64 {
        let start = Instant::now();
        (0..times).for_each(|_| (self.run)());
        start.elapsed().as_nanos() as f64 / f64::from(times)
    }
}

fn main() {
    first_sight();
}

fn first_sight() {
    let issuer = issuer();
    println!("\nfirst sight, through the layer\n");
    for algorithm in ALGORITHMS {
        for (size, token) in [("small", small(&issuer, algorithm)), ("large", large(&issuer, algorithm))] {
            let token = token.sign();
            let floor = Floor::of(&issuer, algorithm, &token);
            let api = server(&issuer).build().unwrap();
            let jwt = Jsonwebtoken::new(&issuer, algorithm);
            let credentials = bearer(&token);
            let (mut plain, mut layer) = (inner(), protected(&api));
            let mut cases = Cases::default();
            cases.add("floor", || floor.verify());
            cases.add("jsonwebtoken", || jwt.decode(&token));
            cases.add("service", || assert_eq!(call(&mut plain, &credentials), 200));
            cases.add("layer", || assert_eq!(call(&mut layer, &credentials), 200));
            cases.measure(101);
            let floor = cases.median("floor");
            print!("{algorithm} {size} {}:", token.len());
            for case in &cases.0 {
                let median = cases.median(&case.name);
                print!("  {} {median:.0} ns {:.3}", case.name, median / floor);
            }
            println!();
        }
    }
}
