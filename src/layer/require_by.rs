use std::fmt;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use http::request::Parts;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::require::{RequireFuture, check};
use crate::Require;

impl Require {
    /// A layer whose requirement depends on the head of the request: on its method, its path, or a header.
    ///
    /// `choose` returns what the request needs. It is called once for each request that has passed the protecting layer, and must be quick
    /// and not block. Make the requirements before, and clone them: that is cheap, and [`scope`](Self::scope) and its like read text.
    ///
    /// ```
    /// use http::Method;
    /// use tower_bearer::Require;
    ///
    /// let (read, write) = (Require::scope("files:read"), Require::scope("files:read files:write"));
    /// let layer = Require::by(move |head| match head.method {
    ///     Method::GET | Method::HEAD => read.clone(),
    ///     _ => write.clone(),
    /// });
    /// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(async || ())).layer(layer);
    /// ```
    ///
    /// List what needs less, and let everything else need the most, as here. A path is as the client wrote it, apart from what an outer
    /// router has removed: `/a/%62` and `//a/b` are other texts than `/a/b`, and may reach the same handler. The methods of a gRPC
    /// service are paths too ([an example](crate::manual::tonic)).
    ///
    /// As a [`Require`], the layer has to be inside the [protecting layer](crate::ResourceServer::layer), and names the whole scope in the
    /// challenge of a refusal.
    pub fn by(choose: impl Fn(&Parts) -> Self + Send + Sync + 'static) -> RequireBy {
        RequireBy { choose: Arc::new(choose) }
    }
}

type Choose = Arc<dyn Fn(&Parts) -> Require + Send + Sync>;

/// A layer whose requirement depends on the head of the request: see [`Require::by`].
#[derive(Clone)]
#[must_use]
pub struct RequireBy {
    choose: Choose,
}

impl<S> Layer<S> for RequireBy {
    type Service = RequireByService<S>;

    fn layer(&self, inner: S) -> RequireByService<S> {
        RequireByService { inner, choose: Arc::clone(&self.choose) }
    }
}

impl fmt::Debug for RequireBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireBy").finish_non_exhaustive()
    }
}

/// A service that only requests with a token that satisfies what [`Require::by`] chooses reach.
///
/// As behind a [`RequireService`](super::RequireService), the inner service must be `Clone`.
#[derive(Clone)]
pub struct RequireByService<S> {
    inner: S,
    choose: Choose,
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for RequireByService<S>
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
        let (head, body) = request.into_parts();
        let requirement = (self.choose)(&head);
        let checked = check(&requirement, &head.extensions);
        RequireFuture::of(checked, &mut self.inner, Request::from_parts(head, body))
    }
}

impl<S: fmt::Debug> fmt::Debug for RequireByService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireByService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
