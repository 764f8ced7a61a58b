use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::Span;

use super::request_state::{Decision, RequestState};
use super::require::check_again;
use crate::Rejection;
use crate::rejection::Respond;
use crate::server::PendingVerdict;

pin_project! {
    /// The response future of [`Protect`](super::Protect).
    ///
    /// It allocates nothing and waits only for the inner service, unless a key or a tenant has to be fetched, or another process is asked about
    /// the token or its DPoP proof.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        progress: Progress<S, B, S::Future>,
        state: RequestState<R>,
        span: Span,
    }
}

pin_project! {
    /// How far a request has come.
    #[project = ProgressProjection]
    enum Progress<S, B, F> {
        Inner { #[pin] future: F },
        Refused { rejection: Option<Rejection> },
        Pending { pending: PendingVerdict, parked: Option<Parked<S, B>> },
        Admitted { service: S, request: Option<Request<B>> },
    }
}

/// A request that waits for its verdict, and a service that only this request uses. The service is not polled ready before the
/// verdict: it may reserve a place then, which must not be held for a token that may turn out bad.
struct Parked<S, B> {
    service: S,
    request: Request<B>,
}

impl<S: Service<Request<B>>, B, R> ResponseFuture<S, B, R> {
    pub(super) fn inner(future: S::Future, state: RequestState<R>, span: Span) -> Self {
        Self { progress: Progress::Inner { future }, state, span }
    }

    /// `service` is not ready yet, and only this request uses it.
    pub(super) fn admitted(service: S, request: Request<B>, state: RequestState<R>, span: Span) -> Self {
        Self { progress: Progress::Admitted { service, request: Some(request) }, state, span }
    }

    pub(super) fn refused(rejection: Rejection, state: RequestState<R>, span: Span) -> Self {
        Self { progress: Progress::Refused { rejection: Some(rejection) }, state, span }
    }

    pub(super) fn pending(
        pending: PendingVerdict,
        service: S,
        request: Request<B>,
        state: RequestState<R>,
        span: Span,
    ) -> Self {
        let parked = Some(Parked { service, request });
        Self { progress: Progress::Pending { pending, parked }, state, span }
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
        let (state, span) = (this.state, &*this.span);
        let _within = span.enter();
        loop {
            let next = match this.progress.as_mut().project() {
                ProgressProjection::Inner { future } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(state.finish(response, span)));
                }
                ProgressProjection::Refused { rejection } => {
                    let rejection = rejection.take().expect("polled after it was ready");
                    return Poll::Ready(Ok(state.refuse(rejection, span)));
                }
                ProgressProjection::Pending { pending, parked } => {
                    let verdict = ready!(pending.as_mut().poll(cx));
                    let Parked { service, mut request } = parked.take().expect("polled after it was ready");
                    match state.resume(verdict, &mut request, span) {
                        Decision::PassOn => Progress::Admitted { service, request: Some(request) },
                        Decision::Refuse(rejection) => Progress::Refused { rejection: Some(rejection) },
                        Decision::Wait(pending) => {
                            Progress::Pending { pending, parked: Some(Parked { service, request }) }
                        }
                    }
                }
                ProgressProjection::Admitted { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    let request = request.take().expect("polled after it was ready");
                    // It may have waited long for the service.
                    match check_again(request.extensions()) {
                        Ok(()) => Progress::Inner { future: service.call(request) },
                        Err(rejection) => Progress::Refused { rejection: Some(rejection) },
                    }
                }
            };
            this.progress.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B, R> fmt::Debug for ResponseFuture<S, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
