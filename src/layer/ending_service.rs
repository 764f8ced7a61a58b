use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::ending::Ending;
use super::ending_body::EndingBody;
use crate::AccessToken;
use crate::server::{Access, Context};

/// A service whose response bodies end when the token of their request expires: see
/// [`EndWithToken`](super::EndWithToken).
///
/// It is inside a [`Protect`](super::Protect), which gives it the token.
#[derive(Clone, Debug)]
pub struct EndingService<S> {
    inner: S,
}

impl<S> EndingService<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for EndingService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
{
    type Response = Response<EndingBody<ResB>>;
    type Error = S::Error;
    type Future = EndingFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        // Before the inner service takes the request, and before an inner layer replaces the token by its own.
        let token = match Context::access(request.extensions()) {
            Access::Granted { token, .. } => Some(token.clone()),
            Access::Anonymous(_) | Access::ByExtension(_) | Access::Unprotected => None,
        };
        EndingFuture { inner: self.inner.call(request), token }
    }
}

pin_project! {
    /// The response future of an [`EndingService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct EndingFuture<F> {
        #[pin]
        inner: F,
        token: Option<AccessToken>,
    }
}

impl<F, B, E> Future for EndingFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<EndingBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        Poll::Ready(Ok(match this.token.take() {
            Some(token) => {
                let ending = Ending::of(response.headers());
                response.map(|body| EndingBody::limited(body, token, ending))
            }
            None => response.map(EndingBody::unlimited),
        }))
    }
}

impl<F> fmt::Debug for EndingFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndingFuture").finish_non_exhaustive()
    }
}
