//! Keys that are fetched by HTTP (feature `http-client`). Only this folder uses `reqwest`.

mod address;
mod discovered_url;
mod freshness;
mod issuer_url;
mod persisted_file;
mod persisted_keys;
mod persisted_set;
mod remote_keys;
mod resolver;
mod timeouts;
mod transport;

pub use remote_keys::RemoteKeys;
pub use timeouts::InvalidTimeouts;

pub(crate) use persisted_keys::PersistedKeys;
