use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::AccessToken;
use crate::binding::dpop::{Freshness, GoodProof, ProofError, ProofVerifier, ReplayStoreError};
use crate::clock::Clock;
use crate::credentials::{Presented, RequestView, Scheme};
use crate::validation::{TokenError, VerifyError};

/// When to retry if the replay store does not take a proof.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Checks that an accepted token has to pass at every request, after a hit of the cache of verified tokens, after a miss, and after a
/// wait for keys.
///
/// A check belongs here if it depends on the request, or on something that neither the token's times nor its evidence covers.
#[derive(Debug)]
pub(super) struct RequestChecks {
    /// `None` if no binding is configured. Then validation has refused every bound token.
    pub(super) dpop: Option<ProofVerifier>,
    /// Whether the replay store failed, or was full, when it was last asked.
    store_fails: AtomicBool,
}

impl RequestChecks {
    pub(super) fn new(dpop: Option<ProofVerifier>) -> Self {
        Self { dpop, store_fails: AtomicBool::new(false) }
    }

    /// Checks a token that came with a request. `None` if it needs no proof.
    pub(super) fn check(
        &self,
        token: &AccessToken,
        presented: &Presented<'_>,
        request: RequestView<'_>,
        clock: &dyn Clock,
    ) -> Result<Option<(&ProofVerifier, GoodProof)>, VerifyError> {
        match (token.confirmation(), presented.scheme) {
            (None, Scheme::Bearer) if !self.requires_binding() => Ok(None),
            (None, _) => Err(TokenError::NotBound.into()),
            (Some(_), Scheme::Bearer) => Err(TokenError::BoundWithoutProof.into()),
            (Some(confirmation), Scheme::Dpop) => {
                match (&self.dpop, token.proof_binding(&presented.token), confirmation.x5t_s256) {
                    (Some(verifier), Some(binding), None) => {
                        let proof = verifier.check(request, binding, clock)?;
                        Ok(Some((verifier, proof)))
                    }
                    // Validation has refused every other confirmation.
                    _ => Err(TokenError::Bound.into()),
                }
            }
        }
    }

    /// Checks a token that came without a request, and so without a proof.
    pub(super) fn check_alone(&self, token: &AccessToken) -> Result<(), TokenError> {
        match token.confirmation() {
            Some(_) => Err(TokenError::BoundWithoutProof),
            None if self.requires_binding() => Err(TokenError::NotBound),
            None => Ok(()),
        }
    }

    /// The answer of the replay store. Only a fresh proof passes.
    pub(super) fn require_fresh(&self, answer: Result<Freshness, ReplayStoreError>) -> Result<(), VerifyError> {
        let answer = match answer {
            Ok(Freshness::Full) => Err(ReplayStoreError::new("it is full")),
            other => other,
        };
        self.log_store(answer.as_ref().err());
        match answer {
            Ok(Freshness::Fresh) => Ok(()),
            Ok(Freshness::Replayed) => Err(ProofError::Replayed.into()),
            Ok(Freshness::TooManyOfOneKey) => Err(VerifyError::TooManyRequests { retry_after: RETRY_AFTER }),
            Ok(Freshness::Full) | Err(_) => Err(VerifyError::ReplayStoreUnavailable { retry_after: RETRY_AFTER }),
        }
    }

    /// Warns of the first fault, and says when there is none any more: a store that fails does so for every request.
    fn log_store(&self, fault: Option<&ReplayStoreError>) {
        if self.store_fails.load(Ordering::Relaxed) == fault.is_some() {
            return;
        }
        self.store_fails.store(fault.is_some(), Ordering::Relaxed);
        if let Some(error) = fault {
            // As an error, so that a subscriber shows its source too.
            let error: &(dyn Error + 'static) = error;
            tracing::warn!(error, "the store of used DPoP proofs takes no proofs");
        } else {
            tracing::info!("the store of used DPoP proofs takes proofs again");
        }
    }

    fn requires_binding(&self) -> bool {
        self.dpop.as_ref().is_some_and(ProofVerifier::is_required)
    }
}
