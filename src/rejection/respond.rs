use http::header::{ACCEPT, HeaderValue};
use http::{HeaderMap, Request, Response};

use super::protocol::{Caller, Protocol};
use crate::Rejection;

/// Creates the body of a refusal.
///
/// It may also set headers. The status, the challenges, `Retry-After` and `Cache-Control: no-store` are written afterwards, so it
/// cannot remove or override them.
///
/// A function from the rejection and its context to a response is a responder. A closure must state the types of its
/// arguments, or be wrapped in [`from_fn`], which knows them:
///
/// ```
/// # use tower_bearer::{Issuer, ResourceServer};
/// use http::Response;
/// use tower_bearer::rejection::from_fn;
///
/// # let api = ResourceServer::builder("https://api.example.com")
/// #     .trust(Issuer::discover("https://login.example.com")?)
/// #     .build()?;
/// let layer = api.layer().respond_with(from_fn(|rejection, context| {
///     let wants_html = context.accept().is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"));
///     let text = if wants_html { "<h1>sorry</h1>".to_owned() } else { format!("sorry: {}\n", rejection.status()) };
///     Response::new(axum::body::Body::from(text))
/// }));
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(async || ())).layer(layer);
/// # Ok::<(), tower_bearer::server::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot make a refusal with the body `{B}`",
    note = "`Empty`, the default, needs a body that is `Default`, and `Problem` one that is `From<Bytes>`",
    note = "any other body needs a function: `respond_with(rejection::from_fn(|rejection, context| …))`, which returns a `Response<{B}>`"
)]
pub trait Respond<B> {
    /// The response to `rejection`.
    fn respond(&self, rejection: &Rejection, context: &RejectionContext) -> Response<B>;

    /// Whether the responder reads the context's [`accept`](RejectionContext::accept). If not, the header is not kept.
    #[doc(hidden)]
    fn reads_accept(&self) -> bool {
        true
    }

    /// Where the status of the response is written. Only [`Grpc`](super::Grpc) has its own protocol.
    #[doc(hidden)]
    fn protocol(&self) -> Protocol {
        Protocol::HTTP
    }
}

// So that the compiler reports what a responder is, in the words above, and not what a closure is.
#[diagnostic::do_not_recommend]
impl<B, F: Fn(&Rejection, &RejectionContext) -> Response<B>> Respond<B> for F {
    fn respond(&self, rejection: &Rejection, context: &RejectionContext) -> Response<B> {
        self(rejection, context)
    }
}

/// Turns a closure into a [responder](Respond), without stating the types of its arguments.
///
/// The compiler infers them from the bound of this function, but cannot infer them from
/// [`respond_with`](crate::layer::ProtectLayer::respond_with), which also takes other responders. If the types are not stated,
/// the compiler reports, at the place where the layer is used, that an implementation of `FnOnce` "is not general enough".
///
/// ```
/// use http::Response;
/// use tower_bearer::rejection::from_fn;
///
/// let responder = from_fn(|rejection, _| Response::new(format!("sorry: {}\n", rejection.status())));
/// ```
pub fn from_fn<B, F>(respond: F) -> F
where
    F: Fn(&Rejection, &RejectionContext) -> Response<B>,
{
    respond
}

/// What a responder can see of the refused request.
#[derive(Clone, Debug)]
pub struct RejectionContext {
    caller: Caller,
    accept: Option<HeaderValue>,
}

impl RejectionContext {
    /// The context of a refused request. The layer creates one for each request; a test of a responder creates its own.
    pub fn of<B>(request: &Request<B>) -> Self {
        Self { accept: accept(request.headers()), ..Self::without_accept(request) }
    }

    /// The context for `responder`, with as much as it reads.
    pub(crate) fn for_responder<B, ResB, R: Respond<ResB>>(responder: &R, request: &Request<B>) -> Self {
        if responder.reads_accept() { Self::of(request) } else { Self::without_accept(request) }
    }

    fn without_accept<B>(request: &Request<B>) -> Self {
        Self { caller: Caller::of(request), accept: None }
    }

    /// The protocol that the client speaks.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// The `Accept` header of the request (RFC 9110 §12.5.1), with several lines joined by commas.
    #[must_use]
    pub fn accept(&self) -> Option<&HeaderValue> {
        self.accept.as_ref()
    }
}

fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(ACCEPT).iter();
    let first = lines.next()?;
    let more: Vec<_> = lines.map(HeaderValue::as_bytes).collect();
    if more.is_empty() {
        return Some(first.clone());
    }
    HeaderValue::from_bytes(&[&[first.as_bytes()], &*more].concat().join(&b", "[..])).ok()
}

/// The response to `rejection`: its headers and body by `responder`, its status and challenges by the rejection.
pub(crate) fn respond<B, R: Respond<B>>(
    rejection: Rejection,
    responder: &R,
    context: &RejectionContext,
) -> Response<B> {
    let mut response = responder.respond(&rejection, context);
    *response.status_mut() = responder.protocol().status(rejection.status(), context.caller);
    rejection.write_headers(response.headers_mut());
    response.extensions_mut().insert(rejection);
    response
}

/// A responder without a body. This is the default, because the status and the challenges suffice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl<B: Default> Respond<B> for Empty {
    fn respond(&self, _: &Rejection, _: &RejectionContext) -> Response<B> {
        Response::new(B::default())
    }

    fn reads_accept(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_responder_sees_every_line_of_accept() {
        let request = |lines: &[&str]| {
            let request = lines.iter().fold(Request::builder(), |request, line| request.header(ACCEPT, *line));
            RejectionContext::of(&request.body(()).unwrap()).accept().cloned()
        };
        assert_eq!(request(&[]), None);
        assert_eq!(request(&["text/html"]).unwrap(), "text/html");
        assert_eq!(request(&["text/html", "*/*;q=0.1"]).unwrap(), "text/html, */*;q=0.1");
    }
}
