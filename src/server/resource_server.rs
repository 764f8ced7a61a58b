use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::claims_extension::ClaimsExtension;
use super::handle::Handle;
use super::snapshot::Snapshot;
use super::validator::count;
use crate::AccessToken;
use crate::binding::certificate::ClientCertificates;
use crate::binding::dpop::ProofVerifier;
use crate::credentials::Schemes;
use crate::keys::{IssuerStatus, KeyStore};
use crate::metadata::ResourceMetadata;
use crate::validation::{TokenCacheStatus, TokenError, VerifiedTokens, VerifyError};

/// How often a server that follows a file looks whether it is still waiting for the right issuers.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// When to retry while a feed of revocations is silent for longer than its limit.
const RETRY_WHILE_STALE: Duration = Duration::from_secs(1);

/// An OAuth 2.0 resource server (RFC 6749 §1.1): it trusts some issuers, and validates their access tokens.
///
/// Build it once and share it: cloning is cheap, and all clones share their keys and their cache. A server that follows its configuration file
/// (`config::watch`) changes with the file, and so do its clones and the layers that it made.
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
    /// Validates a token outside an HTTP request, such as one that came in a WebSocket message or through a queue.
    ///
    /// A token that is bound to a key or a client certificate is refused, because there is no proof and no connection: see
    /// [`verify_request`](Self::verify_request). For the same reason, the [check of a tenant](crate::tenants::TenantSettings::check) gets an empty
    /// request here, which matches no host.
    ///
    /// It waits at most 6 seconds for the issuer's keys, or for its answer about an opaque token, and not at all if they are available. Dropping the
    /// future does not affect other callers. It must be called within a tokio runtime with I/O and time enabled.
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

    /// Validates a token with the keys that are available now. If the issuer's keys must be fetched first, this starts the fetch and returns
    /// [`VerifyError::KeysUnavailable`].
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

    /// Waits until the keys of every issuer are available and [shared](crate::revocation::Revocations::share) revocations have been read, however
    /// long that takes: for a process that should get no requests before it can answer them. If the process should fail instead, add a timeout.
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

    /// Waits until the keys of one issuer are available, however long that takes: like [`ready`](Self::ready), for a process that does not want to
    /// wait for all issuers. If user flows of Azure AD B2C share the identifier, it waits for all of them.
    ///
    /// # Errors
    ///
    /// Fails immediately if `issuer` is not the identifier of an issuer that this server trusts.
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

    /// Whether tokens of every issuer can be validated now: for a readiness probe. It is cheap and never waits. It does not ask introspection
    /// endpoints. [Shared](crate::revocation::Revocations::share) revocations must have been read, and no feed of revocations may have been silent
    /// for longer than the limit after which tokens are refused.
    ///
    /// If keys are missing, this starts their fetch, as a request would, so that a process that gets no requests before it is ready still becomes
    /// ready. That needs a tokio runtime with I/O and time enabled.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.current().is_ready()
    }

    /// The status of every issuer's keys, in the order in which the issuers were added. It is cheap and never waits. An issuer whose tokens are
    /// introspected has keys only if its answers are signed.
    ///
    /// If keys are missing, this starts their fetch, like [`is_ready`](Self::is_ready).
    #[must_use]
    pub fn status(&self) -> Vec<IssuerStatus> {
        let server = self.0.current();
        let _ = server.is_ready();
        server.0.validator.issuers.iter().filter_map(|issuer| issuer.keys()).map(KeyStore::status).collect()
    }

    /// The status of the cache of verified tokens; `None` if it is off. This is cheap enough to be called every second.
    #[must_use]
    pub fn token_cache_status(&self) -> Option<TokenCacheStatus> {
        self.0.current().0.validator.verified.as_deref().map(VerifiedTokens::status)
    }

    /// The current metadata document, if the server was built [with metadata](crate::server::Builder::metadata).
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

    /// Whether a proxy asks about requests, so that the method of a request is not that of what the client does.
    pub(crate) fn is_asked_by_proxies(&self) -> bool {
        self.0.checks.dpop.as_ref().is_some_and(ProofVerifier::is_asked_by_proxies)
    }

    /// The settings of mutual TLS, if tokens may be bound to client certificates.
    pub(crate) fn client_certificates(&self) -> Option<&ClientCertificates> {
        self.0.checks.certificates.as_ref()
    }

    pub(super) fn claims_extension(&self) -> Option<&ClaimsExtension> {
        self.0.claims.as_ref()
    }

    pub(super) fn check_alone(&self, token: AccessToken) -> Result<AccessToken, VerifyError> {
        self.0.checks.check_alone(&token)?;
        self.check_tenant_alone(&token)?;
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
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The issuer is not one that the server trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server trusts no issuer with this identifier")]
#[non_exhaustive]
pub struct NotTrusted;
