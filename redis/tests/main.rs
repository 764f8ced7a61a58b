//! What the stores promise, with a `redis-server` that each test starts for itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
#[cfg(feature = "cluster")]
mod cluster;
mod harness;
mod outages;
mod refusals;
mod revocations;
mod servers;
mod settings;
#[cfg(feature = "tls")]
mod tls;
