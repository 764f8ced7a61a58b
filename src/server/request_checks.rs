use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::AccessToken;
use crate::binding::certificate::{CertificateError, ClientCertificates};
use crate::binding::dpop::{Freshness, GoodProof, ProofError, ProofVerifier, ReplayStoreError};
use crate::clock::Clock;
use crate::credentials::{Presented, RequestView, Scheme};
use crate::token::Confirmation;
use crate::validation::{TokenError, VerifyError};

/// When to retry if the replay store does not take a proof.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Checks that an accepted token has to pass at every request, after a hit of the cache of verified tokens, after a miss, and after a
/// wait for keys.
///
/// A check belongs here if it depends on the request, or on something that neither the token's times nor its evidence covers.
#[derive(Debug)]
pub(super) struct RequestChecks {
    /// If there is none, validation has refused every token that is bound in this way. The same goes for the next field.
    pub(super) dpop: Option<ProofVerifier>,
    pub(super) certificates: Option<ClientCertificates>,
    /// Whether the replay store failed, or was full, when it was last asked.
    store_fails: AtomicBool,
}

impl RequestChecks {
    pub(super) fn new(dpop: Option<ProofVerifier>, certificates: Option<ClientCertificates>) -> Self {
        Self { dpop, certificates, store_fails: AtomicBool::new(false) }
    }

    /// Checks the form of a request, whatever its token: it names at most one client certificate.
    pub(super) fn check_lines(&self, request: RequestView<'_>) -> Result<(), CertificateError> {
        self.certificates.as_ref().map_or(Ok(()), |certificates| certificates.check_lines(request))
    }

    /// Checks a token that came with a request. `None` if it needs no proof.
    ///
    /// What is bound in two ways needs both. The certificate comes first, because it is cheap to compare.
    pub(super) fn check(
        &self,
        token: &AccessToken,
        presented: &Presented<'_>,
        request: RequestView<'_>,
        clock: &dyn Clock,
    ) -> Result<Option<(&ProofVerifier, GoodProof)>, VerifyError> {
        self.check_without_proof(token, presented, request)?;
        if token.confirmation().is_none_or(|confirmation| confirmation.jkt.is_none()) {
            return Ok(None);
        }
        match (&self.dpop, token.proof_binding(&presented.token)) {
            (Some(verifier), Some(binding)) => {
                let proof = verifier.check(request, binding, clock)?;
                Ok(Some((verifier, proof)))
            }
            // Validation has refused the token.
            _ => Err(TokenError::Bound.into()),
        }
    }

    /// The same without the proof: that the token comes by the scheme of its binding, and with the certificate that it is bound to.
    pub(super) fn check_without_proof(
        &self,
        token: &AccessToken,
        presented: &Presented<'_>,
        request: RequestView<'_>,
    ) -> Result<(), VerifyError> {
        let Some(Confirmation { jkt, x5t_s256 }) = token.confirmation() else {
            return match presented.scheme {
                Scheme::Bearer => self.check_unbound(),
                Scheme::Dpop => Err(TokenError::NotBound.into()),
            };
        };
        match (jkt, presented.scheme) {
            (Some(_), Scheme::Bearer) => return Err(TokenError::BoundWithoutProof.into()),
            (None, Scheme::Dpop) => return Err(TokenError::NotBound.into()),
            (None, Scheme::Bearer) if self.requires_key() => return Err(TokenError::NotBound.into()),
            _ => {}
        }
        match (x5t_s256, &self.certificates) {
            (Some(expected), Some(certificates)) => certificates.check(request, expected).map_err(Into::into),
            // Validation has refused the token.
            (Some(_), None) => Err(TokenError::Bound.into()),
            (None, Some(certificates)) if !certificates.accepts_unbound(jkt.is_some()) => {
                Err(CertificateError::NotBound.into())
            }
            (None, _) => Ok(()),
        }
    }

    /// Checks a token that came without a request, and so without a proof and without a connection.
    pub(super) fn check_alone(&self, token: &AccessToken) -> Result<(), VerifyError> {
        match token.confirmation() {
            Some(Confirmation { jkt: Some(_), .. }) => Err(TokenError::BoundWithoutProof.into()),
            Some(Confirmation { jkt: None, .. }) => Err(CertificateError::Absent.into()),
            None => self.check_unbound(),
        }
    }

    /// Checks that a token may be bound to nothing.
    fn check_unbound(&self) -> Result<(), VerifyError> {
        if self.requires_key() {
            return Err(TokenError::NotBound.into());
        }
        let accepts = self.certificates.as_ref().is_none_or(|certificates| certificates.accepts_unbound(false));
        if accepts { Ok(()) } else { Err(CertificateError::NotBound.into()) }
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
            tracing::warn!(error, "the replay store accepts no proofs");
        } else {
            tracing::info!("the replay store accepts proofs again");
        }
    }

    /// Whether every token has to be bound to a key by DPoP.
    fn requires_key(&self) -> bool {
        self.dpop.as_ref().is_some_and(ProofVerifier::is_required)
    }
}
