use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};

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
    pub(crate) fn caller(self, request: &HeaderMap) -> Caller {
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
    /// gRPC over HTTP/2, "Requests": by the content type, which is `application/grpc`, alone or with `+`, `;` or, on the web,
    /// `-web` behind it.
    fn of(request: &HeaderMap) -> Self {
        const GRPC: &[u8] = b"application/grpc";
        let content_type = request.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        match content_type.split_at_checked(GRPC.len()) {
            Some((start, [] | [b'+' | b';' | b'-', ..])) if start.eq_ignore_ascii_case(GRPC) => Self::Grpc,
            _ => Self::Http,
        }
    }
}
