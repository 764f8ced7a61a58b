//! Where an issuer's keys come from and how long they are believed.

mod cache;
mod discovery;
mod source;
mod store;

pub use discovery::{DiscoveryError, UrlError};
pub use source::{FetchError, FetchFuture, FetchedKeys, KeySource};

pub(crate) use discovery::IssuerUrl;
pub(crate) use source::Remote;
pub(crate) use store::{KeyStore, Lookup, Waiting};
