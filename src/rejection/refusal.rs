use std::fmt;
use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Response, StatusCode};

use super::kind::RejectionKind;
use super::respond::{Caller, Empty, Respond};
use crate::challenge::ErrorCode;
use crate::metrics;
use crate::require::{Lack, Shortfall};

/// A refusal as the client sees it: a status, a challenge, and nothing that tells what exactly was wrong.
///
/// It is also put into the extensions of the response, where an outer layer can count it by its [kind](Self::kind).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    kind: RejectionKind,
    challenge: Option<HeaderValue>,
    retry_after: Option<Duration>,
    shortfall: Option<Box<Shortfall>>,
}

impl Rejection {
    pub(crate) fn new(kind: RejectionKind, challenge: HeaderValue) -> Self {
        Self { challenge: Some(challenge), ..Self::without_challenge(kind) }
    }

    pub(crate) fn falls_short(challenge: HeaderValue, shortfall: Shortfall) -> Self {
        let kind = match shortfall.lack() {
            Lack::Freshness => RejectionKind::InvalidToken,
            Lack::Authentication => RejectionKind::InsufficientAuthentication,
            Lack::Privileges => RejectionKind::InsufficientScope,
        };
        Self { shortfall: Some(Box::new(shortfall)), ..Self::new(kind, challenge) }
    }

    pub(crate) fn keys_unavailable(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::without_challenge(RejectionKind::KeysUnavailable) }
    }

    pub(crate) fn too_many_requests(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::without_challenge(RejectionKind::TooManyRequests) }
    }

    /// RFC 6750 has no error code for it, and a better token would not help.
    pub(crate) fn cross_site() -> Self {
        Self::without_challenge(RejectionKind::CrossSite)
    }

    /// `what` was asked for on an unprotected route.
    pub(crate) fn unprotected(what: &str) -> Self {
        tracing::error!(
            "{what} was asked for, and no layer protects this route: add `.layer(api.layer())` of a ResourceServer outside"
        );
        // There is no layer to count it.
        metrics::request_refused(RejectionKind::Unprotected.name());
        Self::without_challenge(RejectionKind::Unprotected)
    }

    /// The claims were asked for as a `T`, and the server was not told to parse them so.
    #[cfg(feature = "axum")]
    pub(crate) fn claims_not_configured<T>() -> Self {
        let wanted = std::any::type_name::<T>();
        tracing::error!("Claims<{wanted}> was asked for: add `.claims::<{wanted}>()` to the ResourceServer's builder");
        Self::without_challenge(RejectionKind::Unprotected)
    }

    /// A server was to judge a token of `issuer` that another server has validated.
    pub(crate) fn token_of_another_server(issuer: &str) -> Self {
        tracing::error!(
            issuer,
            "check was given a token that another ResourceServer has validated: call it on the server whose layer or verify made the token, or on a clone of it"
        );
        Self::without_challenge(RejectionKind::Unprotected)
    }

    fn without_challenge(kind: RejectionKind) -> Self {
        Self { kind, challenge: None, retry_after: None, shortfall: None }
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
            RejectionKind::NoCredentials | RejectionKind::InvalidToken | RejectionKind::InsufficientAuthentication => {
                StatusCode::UNAUTHORIZED
            }
            RejectionKind::InvalidRequest => StatusCode::BAD_REQUEST,
            RejectionKind::InsufficientScope | RejectionKind::CrossSite => StatusCode::FORBIDDEN,
            RejectionKind::KeysUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            RejectionKind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            RejectionKind::Unprotected => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The `WWW-Authenticate` of the response: with every 400, 401 and 403, unless it is [`RejectionKind::CrossSite`].
    #[must_use]
    pub fn challenge(&self) -> Option<&HeaderValue> {
        self.challenge.as_ref()
    }

    /// When to come back: with every 429 and 503.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The error code of the challenge, if it has one (RFC 6750 §3.1, RFC 9470 §3).
    #[must_use]
    pub fn error(&self) -> Option<&'static str> {
        self.error_code().map(ErrorCode::name)
    }

    /// The description of that error: a sentence of this crate's or, by [`Shortfall::denied`], of the application's.
    #[must_use]
    pub fn description(&self) -> Option<&'static str> {
        let own = self.shortfall().and_then(Shortfall::description);
        own.or(self.error_code().map(ErrorCode::description))
    }

    /// What the token lacks for the operation, if it is valid and that is the reason.
    #[must_use]
    pub fn shortfall(&self) -> Option<&Shortfall> {
        self.shortfall.as_deref()
    }

    /// The refusal as a response, for a handler to return. The protecting layer gives it the body that its responder makes.
    ///
    /// An axum handler returns the rejection itself.
    #[must_use]
    pub fn response<B: Default>(self) -> Response<B> {
        let mut response = self.clone().respond(&Empty, Caller::Http);
        response.extensions_mut().insert(Unrendered(self));
        response
    }

    /// The response, its headers and body made by `responder`, its status and challenge by nobody else than this.
    pub(crate) fn respond<B, R: Respond<B>>(self, responder: &R, caller: Caller) -> Response<B> {
        let mut response = responder.respond(&self);
        *response.status_mut() = responder.protocol().status(self.status(), caller);
        self.write_headers(response.headers_mut());
        response.extensions_mut().insert(self);
        response
    }

    fn error_code(&self) -> Option<ErrorCode> {
        match self.kind {
            RejectionKind::InvalidRequest => Some(ErrorCode::InvalidRequest),
            RejectionKind::InvalidToken => Some(ErrorCode::InvalidToken),
            RejectionKind::InsufficientAuthentication | RejectionKind::InsufficientScope => {
                self.shortfall().map(ErrorCode::of)
            }
            RejectionKind::NoCredentials
            | RejectionKind::CrossSite
            | RejectionKind::KeysUnavailable
            | RejectionKind::TooManyRequests
            | RejectionKind::Unprotected => None,
        }
    }

    fn write_headers(&self, headers: &mut HeaderMap) {
        headers.remove(WWW_AUTHENTICATE);
        headers.extend(self.challenge.clone().map(|challenge| (WWW_AUTHENTICATE, challenge)));
        if let Some(after) = self.retry_after {
            // Whole seconds, rounded up, at least one (RFC 9110 §10.2.3).
            let seconds = after.as_millis().div_ceil(1000).max(1);
            headers.extend(HeaderValue::try_from(seconds.to_string()).ok().map(|seconds| (RETRY_AFTER, seconds)));
        }
        // The next request may well bring a token.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.status(), self.kind)
    }
}

impl std::error::Error for Rejection {}

/// A rejection whose body the protecting layer is yet to make.
#[derive(Clone)]
pub(crate) struct Unrendered(pub(crate) Rejection);
