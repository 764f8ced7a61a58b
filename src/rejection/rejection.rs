use std::fmt;
use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Response, StatusCode};

use super::rejection_kind::RejectionKind;
use crate::binding::dpop::NONCE;
use crate::challenge::{ChallengeList, ErrorCode};
use crate::metrics;
use crate::require::{Lack, Shortfall};

/// A refusal as the client sees it: a status and challenges, without the exact reason.
///
/// The response also has it as an extension, so that an outer layer can count it by its [kind](Self::kind).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    kind: RejectionKind,
    challenges: ChallengeList,
    /// A nonce for the next proof (RFC 9449 §8.1).
    dpop_nonce: Option<Box<HeaderValue>>,
    retry_after: Option<Duration>,
    shortfall: Option<Box<Shortfall>>,
}

impl Rejection {
    pub(crate) fn new(kind: RejectionKind, challenges: ChallengeList) -> Self {
        Self { challenges, ..Self::without_challenge(kind) }
    }

    /// A proof that needs this `nonce`.
    pub(crate) fn use_dpop_nonce(challenges: ChallengeList, nonce: HeaderValue) -> Self {
        Self { dpop_nonce: Some(Box::new(nonce)), ..Self::new(RejectionKind::NonceRequired, challenges) }
    }

    pub(crate) fn falls_short(challenges: ChallengeList, shortfall: Shortfall) -> Self {
        let kind = match shortfall.lack() {
            Lack::Freshness => RejectionKind::InvalidToken,
            Lack::Authentication => RejectionKind::InsufficientAuthentication,
            Lack::Privileges => RejectionKind::InsufficientScope,
        };
        Self { shortfall: Some(Box::new(shortfall)), ..Self::new(kind, challenges) }
    }

    pub(crate) fn keys_unavailable(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::without_challenge(RejectionKind::KeysUnavailable) }
    }

    pub(crate) fn tenant_unavailable(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::without_challenge(RejectionKind::TenantUnavailable) }
    }

    pub(crate) fn too_many_requests(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::without_challenge(RejectionKind::TooManyRequests) }
    }

    pub(crate) fn replay_store_unavailable(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::without_challenge(RejectionKind::ReplayStoreUnavailable) }
    }

    pub(crate) fn revocations_unavailable(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::without_challenge(RejectionKind::RevocationsUnavailable) }
    }

    pub(crate) fn introspection_unavailable(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::without_challenge(RejectionKind::IntrospectionUnavailable) }
    }

    /// A request that another site caused. RFC 6750 has no error code for it, and another token would not help.
    pub(crate) fn cross_site() -> Self {
        Self::without_challenge(RejectionKind::CrossSite)
    }

    /// A message of which it is not known what it asks for.
    #[cfg(feature = "mcp")]
    pub(crate) fn invalid_message() -> Self {
        Self::without_challenge(RejectionKind::InvalidMessage)
    }

    /// A message that is longer than it may be.
    #[cfg(feature = "mcp")]
    pub(crate) fn message_too_long() -> Self {
        Self::without_challenge(RejectionKind::MessageTooLong)
    }

    /// A session of another subject, or none of this server.
    #[cfg(feature = "mcp")]
    pub(crate) fn unknown_session() -> Self {
        Self::without_challenge(RejectionKind::UnknownSession)
    }

    /// `what` was used on a route that no layer protects.
    pub(crate) fn unprotected(what: &str) -> Self {
        tracing::error!(
            "{what} was used on a route that no outer layer protects: after it, add `.layer(api.layer())`, where `api` is a ResourceServer, because in axum the layer that is added last is the outermost"
        );
        // No layer counts it.
        metrics::request_refused(RejectionKind::Unprotected.name());
        Self::without_challenge(RejectionKind::Unprotected)
    }

    /// The claims were extracted as a `T`, and the server is not configured to parse them.
    #[cfg(feature = "axum")]
    pub(crate) fn claims_not_configured<T>() -> Self {
        let wanted = std::any::type_name::<T>();
        tracing::error!(
            "Claims<{wanted}> was used but is not configured: add `.claims::<{wanted}>()` to the ResourceServer's builder"
        );
        Self::without_challenge(RejectionKind::Unprotected)
    }

    /// The tenant was extracted with a value of type `T`, and the token is not of such a tenant.
    #[cfg(all(feature = "axum", feature = "tenants"))]
    pub(crate) fn no_tenant<T>() -> Self {
        let wanted = std::any::type_name::<T>();
        tracing::error!(
            "Tenant<{wanted}> was used, but the resolver has attached no such value to the token's issuer: attach one with ResolvedTenant::value, or use Option<Tenant<{wanted}>>"
        );
        Self::without_challenge(RejectionKind::Unprotected)
    }

    /// A server was to check a token of `issuer` that another server has validated.
    pub(crate) fn token_of_another_server(issuer: &str) -> Self {
        tracing::error!(
            issuer,
            "check was given a token that another ResourceServer has validated: call it on the server whose layer or verify created the token, or on a clone of it"
        );
        Self::without_challenge(RejectionKind::Unprotected)
    }

    fn without_challenge(kind: RejectionKind) -> Self {
        Self { kind, challenges: ChallengeList::new(), dpop_nonce: None, retry_after: None, shortfall: None }
    }

    /// Why the request was refused.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.kind {
            RejectionKind::NoCredentials
            | RejectionKind::InvalidToken
            | RejectionKind::InvalidProof
            | RejectionKind::NonceRequired
            | RejectionKind::InsufficientAuthentication => StatusCode::UNAUTHORIZED,
            RejectionKind::InvalidRequest | RejectionKind::InvalidMessage => StatusCode::BAD_REQUEST,
            RejectionKind::MessageTooLong => StatusCode::PAYLOAD_TOO_LARGE,
            RejectionKind::UnknownSession => StatusCode::NOT_FOUND,
            RejectionKind::InsufficientScope | RejectionKind::CrossSite => StatusCode::FORBIDDEN,
            RejectionKind::KeysUnavailable
            | RejectionKind::TenantUnavailable
            | RejectionKind::IntrospectionUnavailable
            | RejectionKind::ReplayStoreUnavailable
            | RejectionKind::RevocationsUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            RejectionKind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            RejectionKind::Unprotected => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The challenges of the response, each the value of one `WWW-Authenticate` header. Every 400, 401 and 403 has at least one,
    /// except [`RejectionKind::CrossSite`] and [`RejectionKind::InvalidMessage`].
    pub fn challenges(&self) -> impl Iterator<Item = &HeaderValue> {
        self.challenges.iter()
    }

    /// When to retry, which every 429 and 503 states.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The error code in the challenges, if they have one (RFC 6750 §3.1, RFC 9449 §7.1, RFC 9470 §3).
    #[must_use]
    pub fn error(&self) -> Option<&'static str> {
        self.error_code().map(ErrorCode::name)
    }

    /// The description of the [error](Self::error): a sentence of this crate or, by [`Shortfall::denied`], of the application.
    #[must_use]
    pub fn description(&self) -> Option<&'static str> {
        let own = self.shortfall().and_then(Shortfall::description);
        own.or(self.error_code().map(ErrorCode::description))
    }

    /// What the token lacks for the operation, if it is valid but does not grant enough.
    #[must_use]
    pub fn shortfall(&self) -> Option<&Shortfall> {
        self.shortfall.as_deref()
    }

    /// The refusal as a response, for a handler to return. The protecting layer adds the body of its responder.
    ///
    /// An axum handler can return the rejection itself.
    #[must_use]
    pub fn response<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status();
        self.write_headers(response.headers_mut());
        response.extensions_mut().insert(self.clone());
        response.extensions_mut().insert(Unrendered(self));
        response
    }

    fn error_code(&self) -> Option<ErrorCode> {
        match self.kind {
            RejectionKind::InvalidRequest => Some(ErrorCode::InvalidRequest),
            RejectionKind::InvalidToken => Some(ErrorCode::InvalidToken),
            RejectionKind::InvalidProof => Some(ErrorCode::InvalidDpopProof),
            RejectionKind::NonceRequired => Some(ErrorCode::UseDpopNonce),
            RejectionKind::InsufficientAuthentication | RejectionKind::InsufficientScope => {
                self.shortfall().map(ErrorCode::of)
            }
            RejectionKind::NoCredentials
            | RejectionKind::CrossSite
            | RejectionKind::InvalidMessage
            | RejectionKind::MessageTooLong
            | RejectionKind::UnknownSession
            | RejectionKind::KeysUnavailable
            | RejectionKind::TenantUnavailable
            | RejectionKind::IntrospectionUnavailable
            | RejectionKind::ReplayStoreUnavailable
            | RejectionKind::RevocationsUnavailable
            | RejectionKind::TooManyRequests
            | RejectionKind::Unprotected => None,
        }
    }

    /// Writes the headers that no responder may change.
    pub(super) fn write_headers(&self, headers: &mut HeaderMap) {
        headers.remove(WWW_AUTHENTICATE);
        for challenge in &self.challenges {
            headers.append(WWW_AUTHENTICATE, challenge.clone());
        }
        if let Some(nonce) = &self.dpop_nonce {
            headers.insert(NONCE, (**nonce).clone());
        }
        if let Some(after) = self.retry_after {
            // Whole seconds, rounded up, at least one (RFC 9110 §10.2.3).
            let seconds = after.as_millis().div_ceil(1000).max(1);
            headers.extend(HeaderValue::try_from(seconds.to_string()).ok().map(|seconds| (RETRY_AFTER, seconds)));
        }
        // The next request may have a token.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.status(), self.kind)
    }
}

impl std::error::Error for Rejection {}

/// A rejection that the protecting layer has yet to give a body.
#[derive(Clone)]
pub(crate) struct Unrendered(pub(crate) Rejection);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_challenge_has_a_header_of_its_own() {
        let challenges = ["Bearer realm=\"a\"", "DPoP algs=\"ES256\""];
        let rejection = Rejection {
            challenges: challenges.into_iter().map(HeaderValue::from_static).collect(),
            ..Rejection::without_challenge(RejectionKind::InvalidToken)
        };
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        rejection.write_headers(&mut headers);
        let written: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().collect();
        assert_eq!(written, challenges);
        assert!(rejection.challenges().eq(challenges));
    }
}
