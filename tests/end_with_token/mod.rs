//! `ProtectLayer::end_with_token`: response bodies that end with the token of their request.

mod bodies;
mod cost;
mod grpc;
mod layers;
mod wire;

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Bytes;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_bearer::ResourceServer;
use tower_bearer::layer::EndWithToken;
use tower_bearer::testing::{TestClock, TestIssuer, TokenBuilder};

use crate::harness::{builder_with_keys, good, request, small_issuer};

/// How long the tokens of these tests are valid, without the leeway of 30 s.
const LIFE: Duration = Duration::from_secs(300);
/// More than that, and the leeway.
const BEYOND: Duration = Duration::from_secs(400);
/// The time of day is read again after a minute at the latest.
const A_MINUTE: Duration = Duration::from_secs(61);

/// A server whose clock the test moves.
struct Setup {
    issuer: TestIssuer,
    clock: TestClock,
    api: ResourceServer,
}

impl Setup {
    fn new() -> Self {
        let (issuer, clock) = (small_issuer(), TestClock::new());
        let api = builder_with_keys(issuer.url(), &issuer.jwks()).clock(clock.clone()).build().unwrap();
        Self { issuer, clock, api }
    }

    fn layer(&self) -> EndWithToken {
        self.api.layer().end_with_token()
    }

    fn token(&self) -> TokenBuilder {
        good(&self.issuer).expires_in(LIFE)
    }

    /// Lets every token expire, and every timer notice.
    async fn expire(&self) {
        self.clock.advance(BEYOND);
        tokio::time::sleep(A_MINUTE).await;
    }
}

/// The output of what ends in time: without this, a body that goes on would be a test that hangs.
async fn in_time<F: Future>(work: F) -> F::Output {
    tokio::time::timeout(10 * A_MINUTE, work).await.expect("it goes on")
}

type FrameResult = Result<Frame<Bytes>, BoxError>;

/// A body of the frames that its other end sends, which sees when the body is dropped: it is closed then.
struct Fed(UnboundedReceiver<FrameResult>);

fn fed() -> (UnboundedSender<FrameResult>, Fed) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Fed(receiver))
}

impl Default for Fed {
    fn default() -> Self {
        fed().1
    }
}

impl Body for Fed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FrameResult>> {
        self.0.poll_recv(cx)
    }
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

/// The response of `layer` around a service that answers with `response`.
async fn respond_through<L, B: Send + 'static, B2>(
    layer: &L,
    token: Option<&str>,
    response: Response<B>,
) -> Response<B2>
where
    L: Layer<Answering<B>>,
    L::Service: Service<Request<axum::body::Body>, Response = Response<B2>, Error = Infallible>,
{
    layer.layer(answering(response)).oneshot(request(token)).await.unwrap()
}

type Answering<B> = BoxCloneSyncService<Request<axum::body::Body>, Response<B>, Infallible>;

/// A service that answers its first request with `response`.
fn answering<B: Send + 'static>(response: Response<B>) -> Answering<B> {
    let response = Arc::new(Mutex::new(Some(response)));
    BoxCloneSyncService::new(service_fn(move |_| ready(Ok(response.lock().unwrap().take().unwrap()))))
}

/// What a body yields when it is polled once, by nobody who could be woken.
fn poll<B: Body<Data = Bytes, Error = BoxError> + Unpin>(body: &mut B) -> Poll<Option<FrameResult>> {
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

fn with_headers<B>(headers: &[(&'static str, &'static str)], body: B) -> Response<B> {
    let response = headers.iter().fold(Response::builder(), |response, (name, value)| response.header(*name, *value));
    response.body(body).unwrap()
}
