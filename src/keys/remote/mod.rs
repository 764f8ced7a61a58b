//! Keys that are fetched by HTTP (feature `http-client`). Only this folder uses `reqwest`.

mod address;
mod freshness;
mod issuer_url;
mod key_location;
mod persisted_file;
mod persisted_keys;
mod persisted_set;
mod remote_keys;
mod resolver;
mod transport;

pub use remote_keys::{InvalidTimeouts, RemoteKeys};

pub(crate) use persisted_keys::PersistedKeys;
