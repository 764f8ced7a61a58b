use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};

use crate::Rejection;

/// Makes the body of a refusal.
///
/// It may set headers too. The status, the challenge, `Retry-After` and `Cache-Control: no-store` are written after it, so
/// it cannot lose them.
///
/// A function from the rejection to a response is a responder:
///
/// ```
/// # use tower_bearer::{Issuer, ResourceServer};
/// use http::Response;
/// use tower_bearer::Rejection;
///
/// # let api = ResourceServer::builder("https://api.example.com")
/// #     .trust(Issuer::discover("https://login.example.com")?)
/// #     .build()?;
/// let layer = api.layer().respond_with(|rejection: &Rejection| {
///     Response::new(axum::body::Body::from(format!("sorry: {}\n", rejection.status())))
/// });
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(async || ())).layer(layer);
/// # Ok::<(), tower_bearer::server::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot make a refusal with the body `{B}`",
    note = "`Empty`, the default, needs a body that is `Default`, and `Problem` one that is `From<Bytes>`",
    note = "a function `fn(&Rejection) -> Response<{B}>` will do for any: give it to the layer with `respond_with`"
)]
pub trait Respond<B> {
    /// The response to `rejection`.
    fn respond(&self, rejection: &Rejection) -> Response<B>;

    /// What the status of the response is to be: [`Grpc`](super::Grpc) alone has one of its own.
    #[doc(hidden)]
    fn protocol(&self) -> Protocol {
        Protocol::HTTP
    }
}

impl<B, F: Fn(&Rejection) -> Response<B>> Respond<B> for F {
    fn respond(&self, rejection: &Rejection) -> Response<B> {
        self(rejection)
    }
}

/// No body: the status and the challenge say it all. The default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl<B: Default> Respond<B> for Empty {
    fn respond(&self, _: &Rejection) -> Response<B> {
        Response::new(B::default())
    }
}

/// Where a refusal's status stands. Nobody outside can make one, so no responder loses the status.
#[derive(Clone, Copy, Debug)]
pub struct Protocol(StatusIn);

#[derive(Clone, Copy, Debug)]
enum StatusIn {
    StatusLine,
    GrpcHeaders,
}

impl Protocol {
    const HTTP: Self = Self(StatusIn::StatusLine);
    pub(super) const GRPC: Self = Self(StatusIn::GrpcHeaders);

    /// What the client speaks, as far as it matters.
    pub(crate) fn caller<B>(self, request: &Request<B>) -> Caller {
        match self.0 {
            StatusIn::StatusLine => Caller::Http,
            StatusIn::GrpcHeaders => Caller::of(request),
        }
    }

    /// gRPC over HTTP/2, "Requests": 200 is for those who know where else to look; to others it would be a success.
    pub(super) fn status(self, status: StatusCode, caller: Caller) -> StatusCode {
        match (self.0, caller) {
            (StatusIn::GrpcHeaders, Caller::Grpc) => StatusCode::OK,
            (StatusIn::StatusLine, _) | (StatusIn::GrpcHeaders, Caller::Http) => status,
        }
    }
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Http,
    Grpc,
}

impl Caller {
    /// gRPC over HTTP/2, "Requests": by version, method, content type and `te: trailers`, all of which a gRPC client sends. The
    /// content type alone proves nothing. A page cannot send `te`, and a proxy that speaks HTTP/1.1 to this server removes it.
    fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let is_grpc = request.version() == Version::HTTP_2
            && request.method() == Method::POST
            && has_grpc_content_type(headers)
            && accepts_trailers(headers);
        if is_grpc { Self::Grpc } else { Self::Http }
    }
}

/// It is `application/grpc`, alone or with `+`, `;` or, on the web, `-web` behind it.
fn has_grpc_content_type(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    match line.as_bytes().split_at_checked(GRPC.len()) {
        Some((start, [] | [b'+' | b';' | b'-', ..])) => start.eq_ignore_ascii_case(GRPC),
        _ => false,
    }
}

/// RFC 9110 §10.1.4.
fn accepts_trailers(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}
