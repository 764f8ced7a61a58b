//! What the store promises, with a `redis-server` that each test starts for itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
#[cfg(feature = "cluster")]
mod cluster;
mod harness;
mod outages;
mod refusals;
mod servers;
mod settings;
#[cfg(feature = "tls")]
mod tls;
