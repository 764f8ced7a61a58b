//! One file per promise.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod example_me;
mod extractors;
mod harness;
mod require;
mod stampede;
mod tower_contract;
mod verify;
