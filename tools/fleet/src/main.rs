//! What a fleet of 10,000 instances does to its issuers and to its Redis: the state machines of the crate in virtual time.
//!
//! `cargo run --release -p fleet` prints the tables, `-- keys` and `-- platform` one of the parts. `--seed N` changes what is random. A fetch takes
//! 50 ms, or 5 s without an answer if the issuer is down.

// What is compiled in from the crate.
#[path = "../../../src/keys/back_off.rs"]
mod back_off;
#[path = "../../../src/validation/introspection/circuit.rs"]
mod circuit;
#[expect(unreachable_pub, reason = "in the crate it is public")]
#[path = "../../../src/clock.rs"]
mod clock;
#[path = "../../../src/keys/decision.rs"]
mod decision;
#[path = "../../../src/keys/held_document.rs"]
mod held_document;
#[path = "../../../src/keys/running_fetch.rs"]
mod running_fetch;
#[expect(dead_code, reason = "the crate uses more of it than the simulation")]
#[path = "../../../src/keys/schedule.rs"]
mod schedule;
#[expect(dead_code, reason = "the crate uses more of it than the simulation")]
#[path = "../../../src/keys/seed_age.rs"]
mod seed_age;
#[cfg(feature = "tenants")]
#[expect(dead_code, reason = "the simulation sends no tokens with unknown keys")]
#[path = "../../../src/keys/tenant_refetches.rs"]
mod tenant_refetches;
#[path = "../../../src/keys/token_bucket.rs"]
mod token_bucket;

// The simulation.
mod agenda;
mod bounds;
mod one_issuer;
mod opaque;
mod platform;
mod rates;
mod redis;
mod report;
mod tenancy;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let seed = arguments.iter().position(|argument| argument == "--seed").map(|at| &arguments[at + 1]);
    let seed = seed.map_or(1, |seed| seed.parse().expect("a number after --seed"));
    let is_asked = |part: &str| arguments.iter().any(|argument| argument == part);
    let is_all = !is_asked("keys") && !is_asked("platform");
    if is_all || is_asked("keys") {
        one_issuer::print(seed);
    }
    if is_all || is_asked("platform") {
        platform::print(seed);
    }
}
