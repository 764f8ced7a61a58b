//! The sources of the crate's private module `binding` that read what a stranger wrote: none of its public modules gives a proof, or a
//! target, alone.

pub(crate) use self::checked_proof::CheckedProof;
pub(crate) use self::forwarded::ForwardedHeaders;
pub(crate) use self::proof::UnverifiedProof;
pub(crate) use self::proof_keys::ProofKeys;
pub(crate) use self::public_url::PublicUrl;
pub(crate) use self::rules::{FreshBy, NonceVerdict, ProofFacts, Target};
pub(crate) use self::target_uri::TargetUri;

#[path = "../../src/binding/dpop/checked_proof.rs"]
mod checked_proof;
#[path = "../../src/binding/dpop/forwarded.rs"]
mod forwarded;
#[path = "../../src/binding/dpop/host_and_port.rs"]
mod host_and_port;
#[path = "../../src/binding/dpop/invalid_public_url.rs"]
mod invalid_public_url;
#[path = "../../src/binding/network.rs"]
mod network;
#[path = "../../src/binding/dpop/origin.rs"]
mod origin;
#[path = "../../src/binding/dpop/proof.rs"]
mod proof;
#[path = "../../src/binding/dpop/proof_claims.rs"]
mod proof_claims;
#[path = "../../src/binding/dpop/proof_error.rs"]
mod proof_error;
#[path = "../../src/binding/dpop/proof_keys.rs"]
mod proof_keys;
#[path = "../../src/binding/dpop/public_path.rs"]
mod public_path;
#[path = "../../src/binding/dpop/public_url.rs"]
mod public_url;
#[path = "../../src/binding/dpop/rules.rs"]
mod rules;
#[path = "../../src/binding/dpop/target_uri.rs"]
mod target_uri;
#[path = "../../src/binding/dpop/target_uri_error.rs"]
mod target_uri_error;
#[path = "../../src/binding/dpop/uri_path.rs"]
mod uri_path;
