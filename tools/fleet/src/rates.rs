//! What was counted in each second, and what of it is reported.

use std::time::Duration;

use crate::agenda::{Time, micros};

/// The wider of the windows in which peaks are looked for, in seconds. The other one is a second.
const WINDOW: usize = 10;

#[derive(Default)]
pub(crate) struct Rates(Vec<u64>);

impl Rates {
    pub(crate) fn add(&mut self, at: Time, count: u64) {
        let second = second_of(at);
        if self.0.len() <= second {
            self.0.resize(second + 1, 0);
        }
        self.0[second] += count;
    }

    /// The sum of both.
    pub(crate) fn with(&self, other: &Self) -> Self {
        let length = self.0.len().max(other.0.len());
        let at = |rates: &Self, second| rates.0.get(second).copied().unwrap_or_default();
        Self((0..length).map(|second| at(self, second) + at(other, second)).collect())
    }

    pub(crate) fn total(&self, from: Time, to: Time) -> u64 {
        self.between(from, to).iter().sum()
    }

    /// In a second, on average.
    pub(crate) fn mean(&self, from: Time, to: Time) -> f64 {
        figure(self.total(from, to)) / figure((second_of(to) - second_of(from)) as u64)
    }

    /// The most in any second.
    pub(crate) fn peak(&self, from: Time, to: Time) -> u64 {
        self.between(from, to).iter().max().copied().unwrap_or_default()
    }

    /// The most in any 10 seconds, as a rate per second.
    pub(crate) fn wide_peak(&self, from: Time, to: Time) -> f64 {
        let sums = self.between(from, to).windows(WINDOW).map(|window| window.iter().sum::<u64>());
        figure(sums.max().unwrap_or_default()) / figure(WINDOW as u64)
    }

    fn between(&self, from: Time, to: Time) -> &[u64] {
        &self.0[second_of(from).min(self.0.len())..second_of(to).min(self.0.len())]
    }
}

fn second_of(at: Time) -> usize {
    usize::try_from(at / micros(Duration::from_secs(1))).expect("a second of the scenario")
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn figure(count: u64) -> f64 {
    count as f64
}
