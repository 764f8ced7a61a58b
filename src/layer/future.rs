use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::Span;

use super::protect::Settings;
use crate::Rejection;
use crate::metrics;
use crate::rejection::{Caller, Respond, Unrendered};
use crate::server::{Pending, SourceIndex};

pin_project! {
    /// The response of [`Protect`](super::Protect).
    ///
    /// Unless the token's key had to be fetched, it holds no box and has nothing to wait for but the inner service.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, S::Future>,
        exchange: Exchange<R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, F> {
        Inner { #[pin] future: F },
        Refused { rejection: Option<Rejection> },
        Pending { pending: Pending, parked: Option<Parked<S, B>> },
        Admitted { service: S, request: Option<Request<B>> },
    }
}

/// How a request wants to be answered, and where it is told how it was.
pub(super) struct Exchange<R> {
    pub(super) settings: Arc<Settings<R>>,
    pub(super) caller: Caller,
    pub(super) passage: Passage,
    pub(super) span: Span,
}

impl<R> Exchange<R> {
    fn refuse<B>(&self, rejection: Rejection) -> Response<B>
    where
        R: Respond<B>,
    {
        let kind = rejection.kind().name();
        self.span.record("outcome", kind);
        metrics::request_refused(kind);
        rejection.respond(&self.settings.responder, self.caller)
    }
}

/// What a request is let through on, unless somebody within refuses it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Passage {
    /// A token from this source; `None` is the `Authorization` header.
    Token(Option<SourceIndex>),
    /// Nothing, because nothing is needed.
    Anonymous,
}

impl Passage {
    const fn name(self) -> &'static str {
        match self {
            Self::Token(_) => "granted",
            Self::Anonymous => "anonymous",
        }
    }
}

/// A request that waits for its verdict, beside a service that it alone uses. That is not polled ready before the verdict: it
/// may reserve a place then, which must not be kept for a token that may never turn out good.
pub(super) struct Parked<S, B> {
    pub(super) service: S,
    pub(super) request: Request<B>,
}

/// Replaces a service that is ready, and is not called, by a clone that is not ready.
///
/// A service may reserve a place when it is polled ready, such as a permit of a concurrency limit or a slot of a buffer. It
/// gives the place back when it is called or dropped, and the caller may keep its handle for ever without doing either.
pub(super) fn release<S: Clone>(service: &mut S) {
    let unready = service.clone();
    drop(std::mem::replace(service, unready));
}

impl<S: Service<Request<B>>, B, R> ResponseFuture<S, B, R> {
    pub(super) fn inner(future: S::Future, exchange: Exchange<R>) -> Self {
        Self { state: State::Inner { future }, exchange }
    }

    pub(super) fn refused(rejection: Rejection, exchange: Exchange<R>) -> Self {
        Self { state: State::Refused { rejection: Some(rejection) }, exchange }
    }

    pub(super) fn pending(pending: Pending, parked: Parked<S, B>, exchange: Exchange<R>) -> Self {
        Self { state: State::Pending { pending, parked: Some(parked) }, exchange }
    }
}

impl<S, B, R, ResB> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    R: Respond<ResB>,
{
    type Output = Result<Response<ResB>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let exchange = this.exchange;
        let _within = exchange.span.enter();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Inner { future } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(finish(response, exchange)));
                }
                StateProjection::Refused { rejection } => {
                    let rejection = rejection.take().expect("polled after it was ready");
                    return Poll::Ready(Ok(exchange.refuse(rejection)));
                }
                StateProjection::Pending { pending, parked } => {
                    let verdict = ready!(pending.as_mut().poll(cx));
                    let Parked { service, mut request } = parked.take().expect("polled after it was ready");
                    match verdict.and_then(|token| exchange.grant(token, request.extensions_mut())) {
                        Ok(()) => State::Admitted { service, request: Some(request) },
                        Err(rejection) => State::Refused { rejection: Some(rejection) },
                    }
                }
                StateProjection::Admitted { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    State::Inner { future: service.call(request.take().expect("polled after it was ready")) }
                }
            };
            this.state.set(next);
        }
    }
}

/// What the service within answered, as the client gets it.
fn finish<B, R: Respond<B>>(mut response: Response<B>, exchange: &Exchange<R>) -> Response<B> {
    if let Some(Unrendered(rejection)) = response.extensions_mut().remove() {
        return render(response, rejection, exchange);
    }
    exchange.span.record("outcome", exchange.passage.name());
    exchange.settings.restrict_caching(exchange.passage, response.headers_mut());
    response
}

/// A refusal from within gets its body here, so that one responder shapes them all. What layers in between have added to it,
/// such as CORS headers, stays. No cache keeps it, whatever the token.
fn render<B, R: Respond<B>>(response: Response<B>, rejection: Rejection, exchange: &Exchange<R>) -> Response<B> {
    let (mut parts, _) = response.into_parts();
    // They describe the body that goes.
    for name in [CONTENT_LENGTH, CONTENT_TYPE, CONTENT_ENCODING] {
        parts.headers.remove(name);
    }
    let (rendered, body) = exchange.refuse(rejection).into_parts();
    for name in rendered.headers.keys() {
        parts.headers.remove(name);
    }
    parts.headers.extend(rendered.headers);
    parts.extensions.extend(rendered.extensions);
    parts.status = rendered.status;
    Response::from_parts(parts, body)
}

impl<S: Service<Request<B>>, B, R> fmt::Debug for ResponseFuture<S, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// The response of a service behind a [`Require`](crate::Require).
    #[must_use = "futures do nothing unless polled"]
    pub struct RequireFuture<F> {
        #[pin]
        state: RequireState<F>,
    }
}

pin_project! {
    #[project = RequireStateProjection]
    enum RequireState<F> {
        Inner { #[pin] future: F },
        Refused { rejection: Option<Rejection> },
    }
}

impl<F> RequireFuture<F> {
    pub(super) fn inner(future: F) -> Self {
        Self { state: RequireState::Inner { future } }
    }

    pub(super) fn refused(rejection: Rejection) -> Self {
        Self { state: RequireState::Refused { rejection: Some(rejection) } }
    }
}

impl<F, B, E> Future for RequireFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            RequireStateProjection::Inner { future } => future.poll(cx),
            RequireStateProjection::Refused { rejection } => {
                Poll::Ready(Ok(rejection.take().expect("polled after it was ready").response()))
            }
        }
    }
}

impl<F> fmt::Debug for RequireFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireFuture").finish_non_exhaustive()
    }
}
