//! The numbered steps, as they are printed.

use std::error::Error;

/// What a step leads to, and what there is to see of it.
pub(super) type Outcome<T> = Result<(T, Vec<String>), Box<dyn Error>>;

#[derive(Default)]
pub(super) struct Report {
    steps: usize,
    failed: usize,
}

impl Report {
    /// Prints a step. Nothing comes back from one that failed, and what builds on it cannot go on.
    pub(super) fn step<T>(&mut self, title: &str, outcome: Outcome<T>) -> Option<T> {
        self.steps += 1;
        let (mark, value, lines) = match outcome {
            Ok((value, lines)) => ("✓", Some(value), lines),
            Err(error) => ("✗", None, vec![error.to_string()]),
        };
        self.failed += usize::from(value.is_none());
        println!("{:2}. {mark} {title}", self.steps);
        for line in lines {
            println!("      {line}");
        }
        value
    }

    /// Whether all was as expected; `is_complete` says whether the walk came to its end.
    pub(super) fn sum_up(&self, is_complete: bool) -> bool {
        let Self { steps, failed } = self;
        match (failed, is_complete) {
            (0, true) => println!("\nAll {steps} steps went as expected."),
            (_, true) => println!("\n{failed} of {steps} steps did not go as expected."),
            (_, false) => println!("\nStep {steps} did not go as expected, so the remaining steps were skipped."),
        }
        *failed == 0 && is_complete
    }
}
