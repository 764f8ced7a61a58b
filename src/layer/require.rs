use std::task::{Context as TaskContext, Poll};

use http::{Extensions, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::future::{RequireFuture, release};
use crate::server::{Access, Context};
use crate::{Rejection, Require};

impl<S> Layer<S> for Require {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> RequireService<S> {
        RequireService { inner, requirement: self.clone() }
    }
}

/// A service that only requests reach whose token satisfies a [`Require`].
///
/// The service within must be `Clone`, as behind [`Protect`](super::Protect): when a request is refused, the service that was
/// ready for it is replaced by a clone and dropped, so that it gives back what it has reserved.
#[derive(Clone, Debug)]
pub struct RequireService<S> {
    inner: S,
    requirement: Require,
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
        match check(&self.requirement, request.extensions()) {
            Ok(()) => RequireFuture::inner(self.inner.call(request)),
            Err(rejection) => {
                release(&mut self.inner);
                RequireFuture::refused(rejection)
            }
        }
    }
}

fn check(requirement: &Require, extensions: &Extensions) -> Result<(), Rejection> {
    match Context::access(extensions) {
        Access::Granted(server, token) => server.check(token, requirement),
        Access::Anonymous(server) => Err(server.no_credentials(requirement.scope_to_ask_for().as_ref())),
        Access::Unprotected => Err(Rejection::unprotected("Require")),
    }
}
