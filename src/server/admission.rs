//! The admission of a request: whether its token is valid, and may come with this request.

use std::pin::Pin;

use http::HeaderValue;
use tracing::Span;

use super::refused::{Cause, Refused};
use super::snapshot::Snapshot;
use super::validator::count_error;
use crate::binding::certificate::CertificateError;
use crate::binding::dpop::{Freshness, MAX_WAIT_FOR_STORE, ProofError, ReplayAnswer, ReplayStoreError, UsedProof};
use crate::challenge::ErrorCode;
use crate::credentials::{Presented, RequestView, Scheme, is_b64token};
use crate::metrics;
use crate::rejection::RejectionKind;
use crate::validation::{Outcome, VerifyError, check_times_again};
use crate::{AccessToken, Rejection};

/// What is known about a request so far.
pub(crate) enum Admission {
    Accepted(Accepted),
    Refused(Refused),
    /// The token's key is being fetched, or the replay store is being asked.
    Pending(PendingVerdict),
}

/// What the layer needs to know of the proof of an accepted token.
pub(crate) struct AcceptedProof {
    /// For an inner layer of the same server.
    pub(crate) used: Option<UsedProof>,
    /// For the answer.
    pub(crate) new_nonce: Option<HeaderValue>,
}

/// A token that has passed all checks, and its proof if it is bound to a key.
pub(crate) struct Accepted {
    pub(crate) token: AccessToken,
    pub(crate) proof: Option<Box<AcceptedProof>>,
}

/// What a request has waited for.
pub(crate) enum Verdict {
    /// The token's key. The request has yet to be checked.
    Token(Result<AccessToken, VerifyError>),
    /// The answer of the replay store. Everything else was checked at most 5 seconds ago, and what may have changed since is checked again.
    Proof(Accepted, Result<Freshness, ReplayStoreError>),
}

impl Verdict {
    /// The token, unless it is refused.
    pub(crate) fn token(&self) -> Option<&AccessToken> {
        match self {
            Self::Token(token) => token.as_ref().ok(),
            Self::Proof(accepted, _) => Some(&accepted.token),
        }
    }
}

/// The verdict on a request that waits.
pub(crate) type PendingVerdict = Pin<Box<dyn Future<Output = Verdict> + Send>>;

impl Snapshot {
    /// Validates the token of a request, and checks that it may come with this request.
    pub(crate) fn admit(&self, presented: &Presented<'_>, request: RequestView<'_>, span: &Span) -> Admission {
        if let Err(error) = self.0.checks.check_lines(request) {
            return self.refuse(None, &error.into(), presented.scheme, span);
        }
        let arrived = self.0.validator.monotonic();
        let token = &*presented.token;
        match self.0.validator.validate(token, arrived) {
            Outcome::Accepted(token, _) => self.admit_valid(token, presented, request, span),
            Outcome::Refused(error) => {
                let mut refused = self.refused(None, &error, presented.scheme, span);
                // RFC 6750 §2.1, §3.1: a token that is no b64token makes a malformed request.
                let may_be_malformed = matches!(error, VerifyError::Token(error) if error.concerns_spelling());
                if may_be_malformed && !is_b64token(token.as_bytes()) {
                    refused.rejection = self.invalid_request(presented.scheme);
                }
                Admission::Refused(refused)
            }
            Outcome::Wait(pending) => {
                let (server, token) = (self.clone(), if pending.needs_token() { token } else { "" });
                let token = Box::<str>::from(token);
                Admission::Pending(Box::pin(async move {
                    Verdict::Token(server.0.validator.wait(pending, &token, arrived).await)
                }))
            }
        }
    }

    /// Begins again with a request that has waited, because its issuer may be another one now. `presented` and `request` are as they were when
    /// it arrived.
    pub(crate) fn restart(
        &self,
        verdict: Verdict,
        presented: &Presented<'_>,
        request: RequestView<'_>,
        span: &Span,
    ) -> Admission {
        let Verdict::Proof(Accepted { proof, .. }, answer) = verdict else {
            return self.admit(presented, request, span);
        };
        // The proof has been used. It would be a replay if it were checked again.
        let token = match self.0.validator.try_verify(&presented.token) {
            Ok(token) => token,
            Err(error) => return self.refuse(None, &error, presented.scheme, span),
        };
        match self.check_again(&token, presented, request) {
            Ok(()) => self.admit_fresh(Accepted { token, proof }, answer, span),
            Err(error) => self.refuse(Some(token), &error, presented.scheme, span),
        }
    }

    /// Checks that a valid token may come with this request, whose proof is good.
    fn check_again(
        &self,
        token: &AccessToken,
        presented: &Presented<'_>,
        request: RequestView<'_>,
    ) -> Result<(), VerifyError> {
        self.0.checks.check_lines(request)?;
        self.check_tenant(token, request)?;
        self.0.checks.check_without_proof(token, presented, request)
    }

    /// Goes on with a request that has waited. `presented` and `request` are as they were when it arrived.
    pub(crate) fn resume(
        &self,
        verdict: Verdict,
        presented: &Presented<'_>,
        request: RequestView<'_>,
        span: &Span,
    ) -> Admission {
        match verdict {
            Verdict::Token(Ok(token)) => self.admit_valid(token, presented, request, span),
            Verdict::Token(Err(error)) => self.refuse(None, &error, presented.scheme, span),
            // The tenant may have been forgotten or replaced meanwhile.
            Verdict::Proof(accepted, answer) if self.is_of_tenant(&accepted.token) => {
                self.restart(Verdict::Proof(accepted, answer), presented, request, span)
            }
            Verdict::Proof(accepted, answer) => {
                match check_times_again(&accepted.token, self.0.validator.clock().now()) {
                    Ok(()) => self.admit_fresh(accepted, answer, span),
                    Err(error) => self.refuse(None, &error.into(), presented.scheme, span),
                }
            }
        }
    }

    pub(crate) fn invalid_request(&self, used: Scheme) -> Rejection {
        Rejection::new(RejectionKind::InvalidRequest, self.0.challenges.invalid_request(used))
    }

    /// Runs the checks that a valid token has to pass at every request.
    fn admit_valid(
        &self,
        token: AccessToken,
        presented: &Presented<'_>,
        request: RequestView<'_>,
        span: &Span,
    ) -> Admission {
        if let Err(error) = self.check_tenant(&token, request) {
            return self.refuse(Some(token), &error, presented.scheme, span);
        }
        let clock = &**self.0.validator.clock();
        let (verifier, proof) = match self.0.checks.check(&token, presented, request, clock) {
            Ok(None) => return self.accept(Accepted { token, proof: None }, presented.scheme, span),
            Ok(Some(checked)) => checked,
            Err(error) => return self.refuse(Some(token), &error, presented.scheme, span),
        };
        let answer = verifier.insert(&proof, request, clock);
        let proof = AcceptedProof { used: verifier.used(&proof), new_nonce: proof.new_nonce };
        let accepted = Accepted { token, proof: Some(Box::new(proof)) };
        match answer {
            ReplayAnswer::Now(answer) => self.admit_fresh(accepted, answer, span),
            ReplayAnswer::Later(answer) => Admission::Pending(Box::pin(async move {
                let late = |_| Err(ReplayStoreError::new("no answer within 5 s"));
                let answer = tokio::time::timeout(MAX_WAIT_FOR_STORE, answer).await.unwrap_or_else(late);
                Verdict::Proof(accepted, answer)
            })),
        }
    }

    /// Concludes a request whose proof is good, if it is fresh.
    fn admit_fresh(&self, accepted: Accepted, answer: Result<Freshness, ReplayStoreError>, span: &Span) -> Admission {
        match self.0.checks.require_fresh(answer) {
            Ok(()) => self.accept(accepted, Scheme::Dpop, span),
            Err(error) => self.refuse(Some(accepted.token), &error, Scheme::Dpop, span),
        }
    }

    /// Accepts a token that has passed all other checks, unless it is revoked. What was revoked while the request waited counts.
    fn accept(&self, accepted: Accepted, used: Scheme, span: &Span) -> Admission {
        match self.check_revocation(&accepted.token) {
            Ok(()) => {
                metrics::accepted();
                Admission::Accepted(accepted)
            }
            Err(error) => self.refuse(Some(accepted.token), &error, used, span),
        }
    }

    /// Refuses a request, whose `token` is known to be valid if there is one.
    fn refuse(&self, token: Option<AccessToken>, error: &VerifyError, used: Scheme, span: &Span) -> Admission {
        Admission::Refused(self.refused(token, error, used, span))
    }

    /// The refusal of a token or its proof, counted. The reason is logged and recorded in `span`.
    fn refused(&self, token: Option<AccessToken>, error: &VerifyError, used: Scheme, span: &Span) -> Refused {
        count_error(error);
        let reason = error.reason();
        // First, so that the event has it too.
        if let Some(reason) = reason {
            span.record("reason", reason);
        }
        tracing::debug!(%error, "request refused");
        Refused { rejection: self.rejection(error, used), cause: Cause { reason, token } }
    }

    /// What the client is told.
    fn rejection(&self, error: &VerifyError, used: Scheme) -> Rejection {
        let challenges = &self.0.challenges;
        match error {
            VerifyError::Certificate(CertificateError::Several) => self.invalid_request(used),
            VerifyError::Token(_) | VerifyError::Certificate(_) => {
                Rejection::new(RejectionKind::InvalidToken, challenges.invalid_token(used))
            }
            VerifyError::Proof(error) => match self.nonce_for(error) {
                Some(nonce) => Rejection::use_dpop_nonce(challenges.proof(ErrorCode::UseDpopNonce), nonce),
                None => Rejection::new(RejectionKind::InvalidProof, challenges.proof(ErrorCode::InvalidDpopProof)),
            },
            VerifyError::KeysUnavailable { retry_after } => Rejection::keys_unavailable(*retry_after),
            VerifyError::TenantUnavailable { retry_after } => Rejection::tenant_unavailable(*retry_after),
            VerifyError::IntrospectionUnavailable { retry_after } => Rejection::introspection_unavailable(*retry_after),
            VerifyError::ReplayStoreUnavailable { retry_after } => Rejection::replay_store_unavailable(*retry_after),
            VerifyError::RevocationsUnavailable { retry_after } => Rejection::revocations_unavailable(*retry_after),
            VerifyError::TooManyRequests { retry_after } => Rejection::too_many_requests(*retry_after),
        }
    }

    /// A nonce for the client, if that is what its proof lacks.
    fn nonce_for(&self, error: &ProofError) -> Option<HeaderValue> {
        let verifier = self.0.checks.dpop.as_ref().filter(|_| error.asks_for_a_nonce())?;
        verifier.issue_nonce(&**self.0.validator.clock())
    }
}
