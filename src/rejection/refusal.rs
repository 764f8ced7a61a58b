use std::fmt;
use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};

use super::kind::RejectionKind;
use super::respond::{Empty, Respond};

/// A refusal as the client sees it: a status, a challenge, and nothing that tells what exactly was wrong.
///
/// It is also put into the extensions of the response, where an outer layer can count it by its [kind](Self::kind).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    kind: RejectionKind,
    challenge: Option<HeaderValue>,
    retry_after: Option<Duration>,
}

impl Rejection {
    pub(crate) fn new(kind: RejectionKind, challenge: HeaderValue) -> Self {
        Self { kind, challenge: Some(challenge), retry_after: None }
    }

    pub(crate) fn keys_unavailable(retry_after: Duration) -> Self {
        Self { kind: RejectionKind::KeysUnavailable, challenge: None, retry_after: Some(retry_after) }
    }

    /// `what` was asked for on an unprotected route.
    pub(crate) fn unprotected(what: &str) -> Self {
        tracing::error!(
            "{what} was asked for, and no layer protects this route: add `.layer(api.layer())` of a ResourceServer outside"
        );
        Self { kind: RejectionKind::Unprotected, challenge: None, retry_after: None }
    }

    /// The claims were asked for as a `T`, and the server was not told to parse them so.
    #[cfg(feature = "axum")]
    pub(crate) fn claims_not_configured<T>() -> Self {
        let wanted = std::any::type_name::<T>();
        tracing::error!("Claims<{wanted}> was asked for: add `.claims::<{wanted}>()` to the ResourceServer's builder");
        Self { kind: RejectionKind::Unprotected, challenge: None, retry_after: None }
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
            RejectionKind::NoCredentials | RejectionKind::InvalidToken => StatusCode::UNAUTHORIZED,
            RejectionKind::InvalidRequest => StatusCode::BAD_REQUEST,
            RejectionKind::InsufficientScope => StatusCode::FORBIDDEN,
            RejectionKind::KeysUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            RejectionKind::Unprotected => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The `WWW-Authenticate` of the response: with every 400, 401 and 403.
    #[must_use]
    pub fn challenge(&self) -> Option<&HeaderValue> {
        self.challenge.as_ref()
    }

    /// When to come back: with every 503.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The response, its headers and body made by `responder`, its status and challenge by nobody else than this.
    pub(crate) fn response<B, R: Respond<B>>(self, responder: &R) -> Response<B> {
        let mut response = responder.respond(&self);
        self.write_onto(&mut response);
        response.extensions_mut().insert(self);
        response
    }

    /// The response of whoever lies within the protecting layer, which will render it anew with its own responder.
    pub(crate) fn unrendered<B: Default>(self) -> Response<B> {
        let mut response = self.clone().response(&Empty);
        response.extensions_mut().insert(Unrendered(self));
        response
    }

    fn write_onto<B>(&self, response: &mut Response<B>) {
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
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
