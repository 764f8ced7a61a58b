use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use http::HeaderValue;
use tracing::Span;

use super::claims_extension::ClaimsExtension;
use super::handle::Handle;
use super::refused::{Cause, Refused};
use super::snapshot::Snapshot;
use super::validator::{count, count_error};
use crate::binding::certificate::{CertificateError, ClientCertificates};
use crate::binding::dpop::{Freshness, MAX_WAIT_FOR_STORE, ProofError, ReplayAnswer, ReplayStoreError, UsedProof};
use crate::challenge::ErrorCode;
use crate::credentials::{Presented, RequestView, Scheme, Schemes, is_b64token};
use crate::keys::{IssuerStatus, KeyStore};
use crate::metadata::ResourceMetadata;
use crate::metrics;
use crate::rejection::RejectionKind;
use crate::validation::{Outcome, TokenCacheStatus, TokenError, VerifiedTokens, VerifyError};
use crate::{AccessToken, Rejection};

/// How often a server that follows a file looks whether it is still waiting for the right issuers.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// When to retry while a feed of revocations is silent for longer than its limit.
const RETRY_WHILE_STALE: Duration = Duration::from_secs(1);

/// A resource server of OAuth 2.0 (RFC 6749 §1.1): it trusts some issuers, and validates their access tokens.
///
/// It is built once and shared: cloning it is cheap, and all clones share their keys and their cache. A server that follows its
/// configuration file (`config::watch`) changes with the file, and so do its clones and the layers that it made.
///
/// ```
/// use tower_bearer::{Issuer, ResourceServer};
///
/// let api = ResourceServer::builder("https://api.example.com")
///     .trust(Issuer::discover("https://login.example.com")?)
///     .build()?;
/// # Ok::<(), tower_bearer::server::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ResourceServer(pub(super) Handle);

impl ResourceServer {
    /// Validates a token outside of any HTTP request: one that came in a WebSocket message, or through a queue.
    ///
    /// A token that is bound to a key or to a client certificate is refused, because a token alone has no proof and no connection: see [`verify_request`](Self::verify_request).
    ///
    /// It waits at most 6 seconds for the issuer's keys, or for its answer about an opaque token, and not at all if they are available. Dropping the future cancels
    /// nothing for others. It must be called within a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// Why the token is refused, or why it cannot be validated now.
    pub async fn verify(&self, token: &str) -> Result<AccessToken, VerifyError> {
        let mut server = self.0.current();
        loop {
            let verdict = server.0.validator.verify(token).await;
            let verdict = verdict.and_then(|token| server.check_alone(token));
            // The configuration may have been replaced while this waited.
            let Some(newer) = verdict.as_ref().ok().and_then(|token| self.0.successor(&server, token)) else {
                count(&verdict);
                return verdict;
            };
            server = Cow::Owned(newer);
        }
    }

    /// Validates a token with the keys that are available now. If the issuer's keys have to be fetched first, it starts the
    /// fetch and returns [`VerifyError::KeysUnavailable`].
    ///
    /// # Errors
    ///
    /// Why the token is refused, or why it cannot be validated now.
    pub fn try_verify(&self, token: &str) -> Result<AccessToken, VerifyError> {
        let server = self.0.current();
        let verdict = server.0.validator.try_verify(token).and_then(|token| server.check_alone(token));
        count(&verdict);
        verdict
    }

    /// Waits until the keys of every issuer are available, and [shared](crate::revocation::Revocations::share) revocations have been read, however long that
    /// takes: for a process that wants no requests before it can answer them. Put a time-out around it for a process that would rather fail.
    ///
    /// Calling it is optional. It must be called within a tokio runtime with I/O and time enabled.
    pub async fn ready(&self) {
        loop {
            match &self.0 {
                Handle::Fixed(server) => return server.ready().await,
                // An issuer that is never ready may be removed from the file.
                Handle::Followed(_) => {
                    let server = self.0.current();
                    if tokio::time::timeout(LOOK_AGAIN, server.ready()).await.is_ok() {
                        return;
                    }
                }
            }
        }
    }

    /// Waits until the keys of one issuer are available, however long that takes: as [`ready`](Self::ready), for a process that does
    /// not want to wait for all of its issuers. User flows of Azure AD B2C have one identifier, and it waits for all of them.
    ///
    /// # Errors
    ///
    /// At once if `issuer` is not the identifier of an issuer that this server trusts.
    pub async fn ready_for(&self, issuer: &str) -> Result<(), NotTrusted> {
        loop {
            match &self.0 {
                Handle::Fixed(server) => return server.ready_for(issuer).await,
                Handle::Followed(_) => {
                    let server = self.0.current();
                    if let Ok(ready) = tokio::time::timeout(LOOK_AGAIN, server.ready_for(issuer)).await {
                        return ready;
                    }
                }
            }
        }
    }

    /// Whether tokens of every issuer can be validated now: for a readiness probe. It is cheap and never waits. An introspection endpoint is
    /// not asked. [Shared](crate::revocation::Revocations::share) revocations must have been read, and no feed of revocations may be silent for longer than
    /// the limit after which tokens are refused.
    ///
    /// If keys are missing, it starts their fetch, as a request would: a process that gets no requests before it is ready becomes
    /// ready all the same. That needs a tokio runtime with I/O and time enabled.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.current().is_ready()
    }

    /// The status of every issuer's keys, in the order in which the issuers were trusted. It is cheap and never waits. An issuer whose
    /// tokens are introspected has keys only if its answers are signed.
    ///
    /// If keys are missing, it starts their fetch, as [`is_ready`](Self::is_ready) does.
    #[must_use]
    pub fn status(&self) -> Vec<IssuerStatus> {
        let server = self.0.current();
        let _ = server.is_ready();
        server.0.validator.issuers.iter().filter_map(|issuer| issuer.keys()).map(KeyStore::status).collect()
    }

    /// The status of the cache of verified tokens; `None` if it is off. Cheap enough to be read every second.
    #[must_use]
    pub fn token_cache_status(&self) -> Option<TokenCacheStatus> {
        self.0.current().0.validator.verified.as_deref().map(VerifiedTokens::status)
    }

    /// The metadata document as it is now, if the server was built [with metadata](crate::server::Builder::metadata).
    #[must_use]
    pub fn metadata(&self) -> Option<ResourceMetadata> {
        self.0.current().metadata()
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.0
    }
}

impl Snapshot {
    async fn ready(&self) {
        // This starts every fetch, so no issuer waits for another.
        let _ = self.is_ready();
        for issuer in self.0.validator.issuers.iter() {
            if let Some(keys) = issuer.keys() {
                keys.ready().await;
            }
        }
        if let Some(table) = &self.0.validator.context.revocations {
            table.ready().await;
        }
    }

    async fn ready_for(&self, issuer: &str) -> Result<(), NotTrusted> {
        let named = self.0.validator.issuers.named(issuer);
        for trusted in named {
            if let Some(keys) = trusted.keys() {
                keys.ready().await;
            }
        }
        if named.is_empty() { Err(NotTrusted) } else { Ok(()) }
    }

    fn is_ready(&self) -> bool {
        // Every issuer is asked, so that every fetch starts.
        let missing =
            self.0.validator.issuers.iter().filter(|issuer| issuer.keys().is_some_and(|keys| !keys.is_ready()));
        let has_revocations = self.0.validator.context.revocations.as_ref().is_none_or(|table| table.is_ready());
        missing.count() == 0 && has_revocations
    }

    pub(crate) fn metadata(&self) -> Option<ResourceMetadata> {
        self.0.metadata.clone()
    }

    /// Which schemes of the `Authorization` header hold tokens.
    #[inline]
    pub(crate) fn schemes(&self) -> Schemes {
        if self.0.checks.dpop.is_some() { Schemes::BearerAndDpop } else { Schemes::Bearer }
    }

    /// The settings of mutual TLS, if tokens may be bound to client certificates.
    pub(crate) fn client_certificates(&self) -> Option<&ClientCertificates> {
        self.0.checks.certificates.as_ref()
    }

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

    /// Begins again with a request that has waited, because its issuer is another one in this configuration. `presented` and `request` are
    /// as they were when it arrived.
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
            Verdict::Proof(accepted, answer) => self.admit_fresh(accepted, answer, span),
        }
    }

    pub(crate) fn invalid_request(&self, used: Scheme) -> Rejection {
        Rejection::new(RejectionKind::InvalidRequest, self.0.challenges.invalid_request(used))
    }

    pub(super) fn claims_extension(&self) -> Option<&ClaimsExtension> {
        self.0.claims.as_ref()
    }

    pub(super) fn check_alone(&self, token: AccessToken) -> Result<AccessToken, VerifyError> {
        self.0.checks.check_alone(&token)?;
        self.check_revocation(&token).map(|()| token)
    }

    /// Checks that the token is not revoked, nor might be without this process knowing it.
    pub(super) fn check_revocation(&self, token: &AccessToken) -> Result<(), VerifyError> {
        if token.is_revoked() {
            return Err(TokenError::Revoked.into());
        }
        match &self.0.validator.context.revocations {
            Some(table) if table.is_stale() => {
                Err(VerifyError::RevocationsUnavailable { retry_after: RETRY_WHILE_STALE })
            }
            _ => Ok(()),
        }
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

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
    /// The answer of the replay store. Everything else was checked at most 5 seconds ago.
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

/// The issuer is not one that the server trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server trusts no issuer with this identifier")]
#[non_exhaustive]
pub struct NotTrusted;
