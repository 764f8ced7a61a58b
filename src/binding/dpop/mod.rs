//! DPoP: proofs of possession in a header (RFC 9449).

mod candidates;
mod forwarded;
mod host_and_port;
mod invalid_public_url;
mod network;
mod nonce;
mod origin;
mod public_path;
mod public_url;
#[cfg(test)]
mod public_url_tests;
mod replay;
mod target_uri;
mod target_uri_error;
mod uri_path;

pub use forwarded::ForwardedHeaders;
pub use invalid_public_url::InvalidPublicUrl;
pub use network::InvalidNetwork;
pub use public_url::PublicUrl;
pub use target_uri_error::TargetUriError;
pub use nonce::{InvalidNonceKeys, NonceError, Nonces};
pub use replay::{
    Freshness, MemoryReplayStatus, MemoryReplayStore, ReplayAnswer, ReplayEntry, ReplayFuture, ReplayKey, ReplayStore,
    ReplayStoreError,
};

pub(crate) use target_uri::TargetUri;
pub(crate) use nonce::NonceAge;
