//! What is asked of every peer: the least that one can put in front of a service with it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::task::{Context, Poll};

use axum::http::{Request, Response};
use tower::Service;

/// One way to protect a service.
pub trait Peer: 'static {
    /// The body type of the axum version that the peer is made for.
    type Body: Default + Send + 'static;

    /// A handler that does nothing, protected.
    fn guard(&self) -> impl Guard<Self::Body> + use<Self>;

    /// An axum application with one such route at `/`.
    fn app(&self) -> App;
}

/// A service that can be cloned and sent, and that always answers.
pub trait Guard<B>:
    Service<Request<B>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S, B> Guard<B> for S where
    S: Service<Request<B>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

/// A handler that does nothing, as a service without any machinery: what is measured around it is the peer's.
pub struct Handler<B>(PhantomData<fn(B)>);

impl<B> Handler<B> {
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<B> Clone for Handler<B> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<B: Default> Service<Request<B>> for Handler<B> {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(B::default())))
    }
}

/// An application of the axum version that the peer is made for.
pub enum App {
    V7(axum_07::Router),
    V8(axum::Router),
}

impl App {
    /// The application that nothing protects, of the same axum version as this one.
    pub fn open(&self) -> Self {
        match self {
            Self::V7(_) => Self::V7(axum_07::Router::new().route("/", axum_07::routing::get(|| async { "ok" }))),
            Self::V8(_) => Self::V8(axum::Router::new().route("/", axum::routing::get(|| async { "ok" }))),
        }
    }

    pub async fn serve(self, listener: tokio::net::TcpListener) {
        match self {
            Self::V7(router) => axum_07::serve(listener, router).await,
            Self::V8(router) => axum::serve(listener, router).await,
        }
        .expect("axum serves");
    }
}
