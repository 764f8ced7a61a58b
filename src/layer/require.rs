use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use http::request::Parts;
use http::{Extensions, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::release::release;
use crate::server::{Access, Context};
use crate::{Rejection, Require};

impl<S> Layer<S> for Require {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> RequireService<S> {
        RequireService::new(inner, Needs::Always(self.clone()))
    }
}

/// A service that passes on only requests whose token satisfies a [`Require`], or the requirement that
/// [`Require::by`] chooses.
///
/// As with [`Protect`](super::Protect), the inner service must be `Clone`: when a request is refused, the
/// service that was ready for it is replaced by a clone and dropped, so that it releases what it has
/// reserved.
#[derive(Clone, Debug)]
pub struct RequireService<S> {
    inner: S,
    needs: Needs,
}

impl<S> RequireService<S> {
    pub(super) fn new(inner: S, needs: Needs) -> Self {
        Self { inner, needs }
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for RequireService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone,
    ResB: Default,
{
    type Response = Response<ResB>;
    type Error = S::Error;
    type Future = RequireFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        match &self.needs {
            Needs::Always(requirement) => {
                RequireFuture::of(check(requirement, request.extensions()), &mut self.inner, request)
            }
            Needs::ByHead(choose) => {
                let (head, body) = request.into_parts();
                let checked = check(&choose(&head), &head.extensions);
                RequireFuture::of(checked, &mut self.inner, Request::from_parts(head, body))
            }
        }
    }
}

/// What requests need.
#[derive(Clone)]
pub(super) enum Needs {
    Always(Require),
    ByHead(Choose),
}

impl fmt::Debug for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always(requirement) => requirement.fmt(f),
            Self::ByHead(_) => f.write_str("by the head"),
        }
    }
}

/// Chooses a requirement by the head of a request.
pub(super) type Choose = Arc<dyn Fn(&Parts) -> Require + Send + Sync>;

/// Whether what the protecting layer has found satisfies `requirement`.
pub(super) fn check(requirement: &Require, extensions: &Extensions) -> Result<(), Rejection> {
    match Context::access(extensions) {
        Access::Granted { server, token, satisfied } => server.check_within(satisfied, token, requirement),
        // The layer has no requirement, or it would have refused the request.
        Access::Anonymous(server) => Err(server.no_credentials(requirement.scope_to_ask_for())),
        Access::ByExtension(_) if requirement.is_satisfied_without_token(extensions) => Ok(()),
        Access::ByExtension(server) => Err(server.refuse_without_token()),
        Access::Unprotected => Err(Rejection::unprotected("Require")),
    }
}

/// Checks a request that waited after the protecting layer has let it pass: its token may have expired or been revoked.
pub(super) fn check_again(extensions: &Extensions) -> Result<(), Rejection> {
    match Context::access(extensions) {
        Access::Granted { server, token, .. } => server.check_within(None, token, &Require::token()),
        _ => Ok(()),
    }
}

pin_project! {
    /// The response future of a service behind a [`Require`](crate::Require).
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
    /// The future of `service` for a request that is passed on, or of a refusal.
    pub(super) fn of<S, Req>(checked: Result<(), Rejection>, service: &mut S, request: Req) -> Self
    where
        S: Service<Req, Future = F> + Clone,
    {
        let state = match checked {
            Ok(()) => RequireState::Inner { future: service.call(request) },
            Err(rejection) => {
                release(service);
                RequireState::Refused { rejection: Some(rejection) }
            }
        };
        Self { state }
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
