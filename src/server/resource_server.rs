use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderMap;
use tracing::Span;

use super::claims_extension::ClaimsExtension;
use super::request_checks::RequestChecks;
use super::validator::{Validator, count, count_error};
use crate::challenge::Challenges;
use crate::credentials::{RequestView, is_b64token};
use crate::keys::IssuerStatus;
use crate::metadata::ResourceMetadata;
use crate::metrics;
use crate::rejection::RejectionKind;
use crate::validation::{Outcome, TokenCacheStatus, VerifiedTokens, VerifyError};
use crate::{AccessToken, Rejection, Require, Scope};

/// A resource server of OAuth 2.0 (RFC 6749 §1.1): it trusts some issuers, and validates their access tokens.
///
/// It is built once and shared: cloning it is cheap, and all clones share their keys and their cache.
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
pub struct ResourceServer(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) validator: Validator,
    pub(super) checks: RequestChecks,
    pub(super) challenges: Challenges,
    pub(super) claims: Option<ClaimsExtension>,
    pub(super) metadata: Option<ResourceMetadata>,
}

impl ResourceServer {
    /// Validates a token outside of any HTTP request: one that came in a WebSocket message, or through a queue.
    ///
    /// It waits at most 6 seconds for the issuer's keys, and not at all if they are available. Dropping the future cancels
    /// nothing for others. It must be called within a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// Why the token is refused, or why it cannot be validated now.
    pub async fn verify(&self, token: &str) -> Result<AccessToken, VerifyError> {
        let verdict = self.verify_uncounted(token).await;
        count(&verdict);
        verdict
    }

    pub(super) async fn verify_uncounted(&self, token: &str) -> Result<AccessToken, VerifyError> {
        let verdict = self.0.validator.verify(token).await;
        verdict.and_then(|token| self.check_without_request(token))
    }

    /// Validates a token with the keys that are available now. If the issuer's keys have to be fetched first, it starts the
    /// fetch and returns [`VerifyError::KeysUnavailable`].
    ///
    /// # Errors
    ///
    /// Why the token is refused, or why it cannot be validated now.
    pub fn try_verify(&self, token: &str) -> Result<AccessToken, VerifyError> {
        let verdict = self.0.validator.try_verify(token).and_then(|token| self.check_without_request(token));
        count(&verdict);
        verdict
    }

    /// Waits until the keys of every issuer are available, however long that takes: for a process that wants no requests before
    /// it can answer them. Put a time-out around it for a process that would rather fail.
    ///
    /// Calling it is optional. It must be called within a tokio runtime with I/O and time enabled.
    pub async fn ready(&self) {
        // This starts every fetch, so no issuer waits for another.
        let _ = self.is_ready();
        for issuer in self.0.validator.issuers.iter() {
            issuer.keys().ready().await;
        }
    }

    /// Waits until the keys of one issuer are available, however long that takes: as [`ready`](Self::ready), for a process that does
    /// not want to wait for all of its issuers. User flows of Azure AD B2C have one identifier, and it waits for all of them.
    ///
    /// # Errors
    ///
    /// At once if `issuer` is not the identifier of an issuer that this server trusts.
    pub async fn ready_for(&self, issuer: &str) -> Result<(), NotTrusted> {
        let named = self.0.validator.issuers.named(issuer);
        for trusted in named {
            trusted.keys().ready().await;
        }
        if named.is_empty() { Err(NotTrusted) } else { Ok(()) }
    }

    /// Whether tokens of every issuer can be validated now: for a readiness probe. It is cheap and never waits.
    ///
    /// If keys are missing, it starts their fetch, as a request would: a process that gets no requests before it is ready becomes
    /// ready all the same. That needs a tokio runtime with I/O and time enabled.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        // Every issuer is asked, so that every fetch starts.
        let missing = self.0.validator.issuers.iter().filter(|issuer| !issuer.keys().is_ready());
        missing.count() == 0
    }

    /// The status of every issuer's keys, in the order in which the issuers were trusted. It is cheap and never waits.
    ///
    /// If keys are missing, it starts their fetch, as [`is_ready`](Self::is_ready) does.
    #[must_use]
    pub fn status(&self) -> Vec<IssuerStatus> {
        let _ = self.is_ready();
        self.0.validator.issuers.iter().map(|issuer| issuer.keys().status()).collect()
    }

    /// The status of the cache of verified tokens; `None` if it is off. Cheap enough to be read every second.
    #[must_use]
    pub fn token_cache_status(&self) -> Option<TokenCacheStatus> {
        self.0.validator.verified.as_ref().map(VerifiedTokens::status)
    }

    /// The metadata document, if the server was built [with metadata](crate::server::Builder::metadata).
    #[must_use]
    pub fn metadata(&self) -> Option<&ResourceMetadata> {
        self.0.metadata.as_ref()
    }

    /// Checks that `token` satisfies `requirement` now: for a handler that learns late what it needs. A token that has expired in
    /// the meantime is refused with 401 `invalid_token`. The error is the response to send.
    ///
    /// The token must be one that this server, or a clone of it, has validated: another server may trust other issuers,
    /// expect another audience, or allow another leeway. Any other token is a mistake in the program: it is refused with 500
    /// whatever it grants, and the mistake is logged as an error. [`Require::check`] checks the requirement alone.
    ///
    /// ```
    /// # use tower_bearer::{AccessToken, Rejection, Require, ResourceServer};
    /// # struct Payment { amount: u64 }
    /// async fn pay(api: ResourceServer, token: AccessToken, payment: Payment) -> Result<String, Rejection> {
    ///     if payment.amount > 1000 {
    ///         api.check(&token, &Require::token().and_acr("urn:example:mfa"))?;
    ///     }
    ///     Ok("paid".to_owned())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The refusal, as documented at [`Require`].
    pub fn check(&self, token: &AccessToken, requirement: &Require) -> Result<(), Rejection> {
        if !token.was_validated_by(self.0.validator.context.identity) {
            return Err(Rejection::token_of_another_server(token.issuer()));
        }
        requirement.check(token, self.0.validator.clock().now()).map_err(|shortfall| {
            tracing::debug!(%shortfall, "request refused");
            Rejection::falls_short(self.0.challenges.falls_short(&shortfall), shortfall)
        })
    }

    /// Validates the token of a request.
    pub(crate) fn admit(&self, token: &str, request: RequestView<'_>, span: &Span) -> Admission {
        let arrived = self.0.validator.monotonic();
        match self.0.validator.validate(token, arrived) {
            Outcome::Accepted(token, _) => match self.accept(token, request, span) {
                Ok(accepted) => Admission::Accepted(accepted),
                Err(rejection) => Admission::Refused(rejection),
            },
            Outcome::Refused(error) => {
                let rejection = self.refuse(&error, span);
                // RFC 6750 §2.1, §3.1: a token that is no b64token makes a malformed request.
                let may_be_malformed = matches!(error, VerifyError::Token(error) if error.concerns_spelling());
                let is_malformed = may_be_malformed && !is_b64token(token.as_bytes());
                Admission::Refused(if is_malformed { self.invalid_request() } else { rejection })
            }
            Outcome::Wait(pending) => {
                let (server, token) = (self.clone(), Box::<str>::from(token));
                Admission::Pending(Box::pin(
                    async move { server.0.validator.wait_for_keys(pending, &token, arrived).await },
                ))
            }
        }
    }

    /// Concludes a request that has waited for keys.
    pub(crate) fn conclude(
        &self,
        verdict: Result<AccessToken, VerifyError>,
        request: RequestView<'_>,
        span: &Span,
    ) -> Result<Accepted, Rejection> {
        match verdict {
            Ok(token) => self.accept(token, request, span),
            Err(error) => Err(self.refuse(&error, span)),
        }
    }

    /// The refusal of a request without credentials, with the scope to ask for if it is known.
    pub(crate) fn no_credentials(&self, scope: Option<&Scope>) -> Rejection {
        tracing::debug!(error = "no credentials", "request refused");
        Rejection::new(RejectionKind::NoCredentials, self.0.challenges.no_credentials(scope))
    }

    pub(crate) fn invalid_request(&self) -> Rejection {
        Rejection::new(RejectionKind::InvalidRequest, self.0.challenges.invalid_request())
    }

    pub(super) fn claims_extension(&self) -> Option<&ClaimsExtension> {
        self.0.claims.as_ref()
    }

    fn check_without_request(&self, token: AccessToken) -> Result<AccessToken, VerifyError> {
        self.0.checks.check(&token, None, &mut None)?;
        Ok(token)
    }

    /// Runs the checks that a valid token has to pass at every request.
    fn accept(&self, token: AccessToken, request: RequestView<'_>, span: &Span) -> Result<Accepted, Rejection> {
        let mut answer_headers = None;
        match self.0.checks.check(&token, Some(request), &mut answer_headers) {
            Ok(()) => {
                metrics::accepted();
                Ok(Accepted { token, answer_headers })
            }
            Err(error) => Err(self.refuse(&error.into(), span)),
        }
    }

    /// The refusal of a token, counted. The reason is logged and recorded in `span`.
    fn refuse(&self, error: &VerifyError, span: &Span) -> Rejection {
        count_error(error);
        // First, so that the event has it too.
        if let VerifyError::Token(error) = error {
            span.record("reason", error.reason());
        }
        tracing::debug!(%error, "request refused");
        match *error {
            VerifyError::Token(_) => Rejection::new(RejectionKind::InvalidToken, self.0.challenges.invalid_token()),
            VerifyError::KeysUnavailable { retry_after } => Rejection::keys_unavailable(retry_after),
            VerifyError::TooManyRequests { retry_after } => Rejection::too_many_requests(retry_after),
        }
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policies: Vec<_> = self.0.validator.issuers.iter().map(|issuer| &issuer.policy).collect();
        f.debug_struct("ResourceServer").field("trusted", &policies).finish_non_exhaustive()
    }
}

/// What is known about a request so far.
pub(crate) enum Admission {
    Accepted(Accepted),
    Refused(Rejection),
    /// The token's key is being fetched.
    Pending(PendingVerdict),
}

/// A token that has passed all checks, and the headers that they add to the answer.
pub(crate) struct Accepted {
    pub(crate) token: AccessToken,
    pub(crate) answer_headers: Option<Box<HeaderMap>>,
}

/// The verdict on a token whose key is being fetched.
pub(crate) type PendingVerdict = Pin<Box<dyn Future<Output = Result<AccessToken, VerifyError>> + Send>>;

/// The issuer is not one that the server trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server trusts no issuer with this identifier")]
#[non_exhaustive]
pub struct NotTrusted;
