use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use tower_layer::Layer;

use super::require::{Choose, Needs, RequireService};
use crate::Require;

impl Require {
    /// Creates a layer whose requirement depends on the head of the request: its method, its path, or a header.
    ///
    /// `choose` returns what the request needs. It is called once for each request that has passed the protecting layer, and must be quick
    /// and must not block. Create the requirements in advance and clone them, which is cheap; [`scope`](Self::scope) and similar
    /// constructors parse text.
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
    /// As in this example, list the requests that need less, and require the most for everything else. A path is as the client wrote it,
    /// apart from what an outer router has removed: `/a/%62` and `//a/b` differ from `/a/b`, but may reach the same handler. The methods
    /// of a gRPC service are also paths ([an example](crate::manual::tonic)).
    ///
    /// Like a [`Require`], the layer has to be inside the [protecting layer](crate::ResourceServer::layer), and names the whole scope in
    /// the challenge of a refusal.
    pub fn by(choose: impl Fn(&Parts) -> Self + Send + Sync + 'static) -> RequireBy {
        RequireBy { choose: Arc::new(choose) }
    }
}

/// A layer whose requirement depends on the head of the request: see [`Require::by`].
#[derive(Clone)]
#[must_use]
pub struct RequireBy {
    choose: Choose,
}

impl<S> Layer<S> for RequireBy {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> RequireService<S> {
        RequireService::new(inner, Needs::ByHead(Arc::clone(&self.choose)))
    }
}

impl fmt::Debug for RequireBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireBy").finish_non_exhaustive()
    }
}
