//! One file per promise.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod discovery;
mod harness;
mod keys_lifetime;
mod runtimes;
mod stampede;
mod unusable_keys;
