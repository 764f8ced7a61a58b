//! Where an issuer's keys come from and how long they are believed.

mod cache;
mod discovery;
mod fetch;
mod file;
mod source;
mod status;
mod store;
mod waiting_room;

pub use discovery::{DiscoveryError, UrlError};
pub use fetch::{FetchError, FetchFuture, FetchRequest, Fetched, KeySource, Validators};
pub use file::KeyFile;
pub use source::RemoteKeys;
pub use status::IssuerStatus;

pub(crate) use store::{KeyStore, Lookup};
pub(crate) use waiting_room::Waiting;
