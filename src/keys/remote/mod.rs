//! Keys that are fetched by HTTP (feature `http-client`). Only this folder uses `reqwest`.

mod address;
mod freshness;
mod issuer_url;
mod remote_keys;
mod resolver;
mod transport;

pub use remote_keys::{InvalidTimeouts, RemoteKeys};
