//! Demonstrating Proof of Possession (DPoP, RFC 9449): a proof is a JWS that the client signs for each request.

mod candidates;
mod checked_proof;
mod forwarded;
mod host_and_port;
mod invalid_public_url;
mod network;
mod nonce;
mod origin;
mod proof;
mod proof_claims;
mod proof_error;
mod proof_keys;
mod public_path;
mod public_url;
#[cfg(test)]
mod public_url_tests;
mod replay;
mod rules;
mod target_uri;
mod target_uri_error;
#[cfg(all(test, feature = "testing"))]
mod tests;
mod uri_path;

pub use forwarded::ForwardedHeaders;
pub use invalid_public_url::InvalidPublicUrl;
pub use network::InvalidNetwork;
pub use nonce::{InvalidNonceKeys, NonceError, Nonces};
pub use proof_error::ProofError;
pub use public_url::PublicUrl;
pub use replay::{
    Freshness, MemoryReplayStatus, MemoryReplayStore, ReplayAnswer, ReplayEntry, ReplayFuture, ReplayKey, ReplayStore,
    ReplayStoreError,
};
pub use target_uri_error::TargetUriError;

pub(crate) use checked_proof::{CheckedProof, VerifiedProof};
pub(crate) use nonce::NonceAge;
pub(crate) use proof::UnverifiedProof;
pub(crate) use proof_keys::ProofKeys;
pub(crate) use rules::{Freshness as ProofFreshness, NonceVerdict, ProofFacts, RULES, Rule, Target};
pub(crate) use target_uri::TargetUri;
