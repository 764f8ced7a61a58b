//! Cases that are measured in turn.

use std::time::Instant;

/// How long one case is measured at a time, in nanoseconds: shorter than what a scheduler gives, so that most slices are
/// not interrupted.
const SLICE: f64 = 4e5;
/// How often every case is measured.
pub(crate) const ROUNDS: usize = 601;

/// Something to measure.
struct Case<'a> {
    name: String,
    run: Box<dyn FnMut() + 'a>,
    /// How often it is run at a time.
    times: u32,
    rounds: Vec<f64>,
}

#[derive(Default)]
pub(crate) struct Cases<'a>(Vec<Case<'a>>);

impl<'a> Cases<'a> {
    pub(crate) fn add(&mut self, name: impl Into<String>, run: impl FnMut() + 'a) {
        self.0.push(Case { name: name.into(), run: Box::new(run), times: 1, rounds: Vec::new() });
    }

    pub(crate) fn measure(&mut self, rounds: usize) {
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

    pub(crate) fn median(&self, name: &str) -> f64 {
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
