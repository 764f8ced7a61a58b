use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::protocol::Protocol;
use super::respond::{RejectionContext, Respond};
use crate::Rejection;

/// A responder whose refusals gRPC clients understand, for tonic: `grpc-status` and `grpc-message` in the headers of a response
/// with status 200, as gRPC requires, and the challenge in its metadata.
///
/// Only a request that no other client would send gets the 200: a `POST` over HTTP/2 with a content type of `application/grpc…`
/// and `te: trailers`. Other clients would take 200 for success, so they get the HTTP status, with the same headers. This
/// includes gRPC-Web over HTTP/1.1 and from a page, whose clients map the HTTP status as gRPC does
/// (`http-grpc-status-mapping.md`): 401 is `UNAUTHENTICATED`, 403 is `PERMISSION_DENIED`, 503 is `UNAVAILABLE`.
///
/// | HTTP | gRPC |
/// |---|---|
/// | 400, 401 | 16 `UNAUTHENTICATED` |
/// | 403 | 7 `PERMISSION_DENIED` |
/// | 429 | 8 `RESOURCE_EXHAUSTED` |
/// | 503 | 14 `UNAVAILABLE` |
/// | 500 | 13 `INTERNAL` |
///
/// A refusal that a client should retry has `grpc-retry-pushback-ms` in addition to `retry-after`: the retry policies of gRPC's clients read it
/// (gRFC A6).
#[derive(Clone, Copy, Debug, Default)]
pub struct Grpc;

impl Grpc {
    /// A refusal as the headers of a gRPC response, for a handler that returns a `tonic::Status`: the code, the message, and as
    /// metadata the challenges, `retry-after`, `dpop-nonce` and `cache-control`, all as in a refusal by the layer.
    ///
    /// Every version of tonic that uses version 1 of `http` reads them with `from_header_map`, which returns `Some` for them:
    ///
    /// ```
    /// use tonic::Status;
    /// use tower_bearer::Rejection;
    /// use tower_bearer::rejection::Grpc;
    ///
    /// fn refused(rejection: &Rejection) -> Status {
    ///     Status::from_header_map(&Grpc::status(rejection)).unwrap_or_else(|| Status::internal("no status"))
    /// }
    /// ```
    #[must_use]
    pub fn status(rejection: &Rejection) -> HeaderMap {
        let mut headers = HeaderMap::new();
        Self::write_status(rejection, &mut headers);
        rejection.write_headers(&mut headers);
        headers
    }

    /// The gRPC status code of a refusal.
    #[must_use]
    pub fn code(rejection: &Rejection) -> i32 {
        match rejection.status() {
            StatusCode::FORBIDDEN => 7,
            StatusCode::TOO_MANY_REQUESTS => 8,
            StatusCode::SERVICE_UNAVAILABLE => 14,
            StatusCode::INTERNAL_SERVER_ERROR => 13,
            _ => 16,
        }
    }

    /// Writes the code, the message and when to retry.
    fn write_status(rejection: &Rejection, headers: &mut HeaderMap) {
        write_status(Self::code(rejection), Self::message(rejection), headers);
        let pushback = rejection.retry_after().and_then(|delay| u64::try_from(delay.as_millis()).ok());
        headers.extend(pushback.map(|ms| (HeaderName::from_static("grpc-retry-pushback-ms"), ms.into())));
    }

    /// The sentence that goes with the code.
    fn message(rejection: &Rejection) -> &'static str {
        rejection.description().unwrap_or_else(|| match rejection.status() {
            StatusCode::UNAUTHORIZED => "The call needs an access token",
            StatusCode::TOO_MANY_REQUESTS => "Too many access tokens are being validated",
            StatusCode::SERVICE_UNAVAILABLE => "The access token cannot be validated now",
            other => other.canonical_reason().unwrap_or_default(),
        })
    }

    /// The trailers of a response whose access token has expired: 16 `UNAUTHENTICATED`.
    pub(crate) fn trailers_of_expired_token() -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(2);
        write_status(16, "The access token has expired or was revoked", &mut trailers);
        trailers
    }
}

impl<B: Default> Respond<B> for Grpc {
    fn respond(&self, rejection: &Rejection, _: &RejectionContext) -> Response<B> {
        let mut response = Response::new(B::default());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        Self::write_status(rejection, headers);
        response
    }

    fn reads_accept(&self) -> bool {
        false
    }

    fn protocol(&self) -> Protocol {
        Protocol::GRPC
    }
}

fn write_status(code: i32, message: &str, headers: &mut HeaderMap) {
    headers.insert(HeaderName::from_static("grpc-status"), code.into());
    let message = HeaderValue::try_from(percent_encoded(message));
    headers.extend(message.ok().map(|message| (HeaderName::from_static("grpc-message"), message)));
}

/// Encodes a status message as gRPC over HTTP/2 defines it ("Responses"): everything but printable ASCII, and the percent sign.
fn percent_encoded(text: &str) -> String {
    const ENCODED: &AsciiSet = &CONTROLS.add(b'%');
    utf8_percent_encode(text, ENCODED).to_string()
}
