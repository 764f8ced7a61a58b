//! What the crate checks of a DPoP proof. None of its public modules gives a proof alone, so its sources are compiled in.

pub(crate) use self::checked_proof::CheckedProof;
pub(crate) use self::proof::UnverifiedProof;
pub(crate) use self::proof_keys::ProofKeys;
pub(crate) use self::rules::{Freshness, NonceVerdict, ProofFacts, Target};

#[path = "../../src/binding/dpop/checked_proof.rs"]
mod checked_proof;
#[path = "../../src/binding/dpop/proof.rs"]
mod proof;
#[path = "../../src/binding/dpop/proof_claims.rs"]
mod proof_claims;
#[path = "../../src/binding/dpop/proof_error.rs"]
mod proof_error;
#[path = "../../src/binding/dpop/proof_keys.rs"]
mod proof_keys;
#[path = "../../src/binding/dpop/rules.rs"]
mod rules;
