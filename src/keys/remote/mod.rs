//! Keys that are fetched by HTTP (feature `http-client`).

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

#[cfg(feature = "introspection")]
pub(crate) use discovered_url::DiscoveredUrl;
#[cfg(feature = "introspection")]
pub(crate) use issuer_url::{IssuerUrl, MetadataUrl, is_plain};
#[cfg(feature = "introspection")]
pub(crate) use resolver::FilteringResolver;
#[cfg(feature = "introspection")]
pub(crate) use timeouts::Timeouts;
#[cfg(feature = "introspection")]
pub(crate) use transport::{Deadline, Target, Transport, client_for, describe};
