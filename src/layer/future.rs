use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::request_state::RequestState;
use crate::Rejection;
use crate::rejection::Respond;
use crate::server::PendingVerdict;

pin_project! {
    /// The response of [`Protect`](super::Protect).
    ///
    /// Unless the token's key has to be fetched, it allocates nothing and waits only for the inner service.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, S::Future>,
        request_state: RequestState<R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, F> {
        Inner { #[pin] future: F },
        Refused { rejection: Option<Rejection> },
        Pending { pending: PendingVerdict, parked: Option<Parked<S, B>> },
        Admitted { service: S, request: Option<Request<B>> },
    }
}

/// A request that waits for its verdict, and a service that only this request uses. The service is not polled ready before the
/// verdict: it may reserve a place then, which must not be held for a token that may turn out bad.
pub(super) struct Parked<S, B> {
    pub(super) service: S,
    pub(super) request: Request<B>,
}

impl<S: Service<Request<B>>, B, R> ResponseFuture<S, B, R> {
    pub(super) fn inner(future: S::Future, request_state: RequestState<R>) -> Self {
        Self { state: State::Inner { future }, request_state }
    }

    pub(super) fn refused(rejection: Rejection, request_state: RequestState<R>) -> Self {
        Self { state: State::Refused { rejection: Some(rejection) }, request_state }
    }

    pub(super) fn pending(pending: PendingVerdict, parked: Parked<S, B>, request_state: RequestState<R>) -> Self {
        Self { state: State::Pending { pending, parked: Some(parked) }, request_state }
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
        let request_state = this.request_state;
        let span = request_state.span.clone();
        let _within = span.enter();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Inner { future } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(request_state.finish(response)));
                }
                StateProjection::Refused { rejection } => {
                    let rejection = rejection.take().expect("polled after it was ready");
                    return Poll::Ready(Ok(request_state.refuse(rejection)));
                }
                StateProjection::Pending { pending, parked } => {
                    let verdict = ready!(pending.as_mut().poll(cx));
                    let Parked { service, mut request } = parked.take().expect("polled after it was ready");
                    match request_state.conclude(verdict, &mut request) {
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

impl<S: Service<Request<B>>, B, R> fmt::Debug for ResponseFuture<S, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
