pub mod counts;
pub mod e2e;
pub mod opaque;
pub mod proofs;
pub mod speed;

use std::time::{Duration, Instant};

use crate::link::Worker;

/// Sends good tokens, each of them new if there is a proof, until one is let through: some load their keys while they run.
fn wait_until_ready(worker: &mut Worker, token: impl Fn() -> String) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while worker.time(&[token()], Duration::ZERO).1 != [(200, 1)].into() {
        assert!(Instant::now() < deadline, "{} refuses a good token", worker.row().id());
        std::thread::sleep(Duration::from_millis(20));
    }
}
