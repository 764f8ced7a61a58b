//! Demonstrating Proof of Possession (DPoP, RFC 9449): a proof is a JWS that the client signs for each request.

mod checked_proof;
mod proof;
mod proof_claims;
mod proof_error;
mod proof_keys;
mod rules;
#[cfg(all(test, feature = "testing"))]
mod tests;

pub use proof_error::ProofError;

pub(crate) use checked_proof::{CheckedProof, VerifiedProof};
pub(crate) use proof::UnverifiedProof;
pub(crate) use proof_keys::ProofKeys;
pub(crate) use rules::{Freshness, NonceVerdict, ProofFacts, RULES, Rule, Target};
