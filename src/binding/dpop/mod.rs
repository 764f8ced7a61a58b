//! Demonstrating Proof of Possession (DPoP, RFC 9449): a proof is a JWS that the client signs for each request.

mod checked_proof;
#[expect(clippy::module_inception, reason = "a file is named for its main type")]
mod dpop;
mod forwarded;
mod host_and_port;
mod invalid_public_url;
mod matching_headers;
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
mod verifier;

use http::header::{HeaderName, WWW_AUTHENTICATE};

pub use super::network::InvalidNetwork;
pub use super::peer::PeerAddress;
pub use dpop::Dpop;
pub use forwarded::ForwardedHeaders;
pub use invalid_public_url::InvalidPublicUrl;
pub use nonce::{InvalidNonceKeys, NonceError, Nonces};
pub use proof_error::ProofError;
pub use public_url::PublicUrl;
pub use replay::{
    Freshness, MemoryReplayStatus, MemoryReplayStore, ReplayAnswer, ReplayEntry, ReplayFuture, ReplayKey, ReplayStore,
    ReplayStoreError,
};
pub use target_uri_error::TargetUriError;

pub(crate) use rules::{ProofFacts, RULES, Rule};
pub(crate) use verifier::{GoodProof, KeptProofs, MAX_WAIT_FOR_STORE, ProofVerifier, UsedProof};

/// The header of an answer that holds a nonce (RFC 9449 §8.1).
pub(crate) const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The response headers that a client needs. A page can read them only if the answer to its cross-origin request lists them in
/// `Access-Control-Expose-Headers`.
pub const EXPOSED_HEADERS: [HeaderName; 2] = [WWW_AUTHENTICATE, NONCE];
