use super::proof::UnverifiedProof;
use super::proof_error::ProofError;
use super::proof_keys::ProofKeys;
use super::rules::{self, ProofFacts};

/// A proof that satisfies every [rule](super::Rule) about the request. Its signature has not been verified.
///
/// A signature is verified only for such a proof, so a stranger who has no bound token cannot cause a verification.
#[derive(Debug)]
#[must_use = "a proof without a verified signature proves nothing"]
pub(crate) struct CheckedProof<'p> {
    proof: &'p UnverifiedProof,
}

impl<'p> CheckedProof<'p> {
    /// Checks the rules, in their order, up to the first that fails.
    pub(crate) fn check(facts: &ProofFacts<'p>) -> Result<Self, ProofError> {
        rules::check(facts)?;
        Ok(Self { proof: facts.proof })
    }

    /// Verifies the signature by the key in the header (RFC 9449 §4.3, rule 6).
    pub(crate) fn verify_signature(self, keys: &ProofKeys) -> Result<VerifiedProof<'p>, ProofError> {
        let Self { proof } = self;
        let verified = keys.verify(proof.key(), proof.signing_input(), proof.signature());
        if verified.map_err(ProofError::Key)? { Ok(VerifiedProof { proof }) } else { Err(ProofError::Signature) }
    }
}

/// A proof that satisfies every rule, by a signature of the key that the token is bound to.
///
/// It may be a replay. Only [`CheckedProof::verify_signature`] makes one, so a proof that fails leaves no trace in the replay store.
#[derive(Debug)]
#[must_use = "the proof may have been used before"]
pub(crate) struct VerifiedProof<'p> {
    proof: &'p UnverifiedProof,
}

impl<'p> VerifiedProof<'p> {
    /// The identifier of the proof (`jti`): 1 to 128 bytes, unique for the key by the client's promise.
    pub(crate) fn jti(&self) -> &'p str {
        self.proof.jti()
    }
}
