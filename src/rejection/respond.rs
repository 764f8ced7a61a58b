use http::{Response, StatusCode};

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

    pub(super) fn status(self, status: StatusCode) -> StatusCode {
        match self.0 {
            StatusIn::StatusLine => status,
            StatusIn::GrpcHeaders => StatusCode::OK,
        }
    }
}
