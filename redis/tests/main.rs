//! What the store promises, with a `redis-server` that each test starts for itself.

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
