use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::watch;

use super::introspection::{OpaqueTokens, Question};

/// An endpoint of a [`TestIssuer`](super::TestIssuer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The metadata at the location of RFC 8414 §3.1.
    OAuthMetadata,
    /// The metadata at the locations of OpenID Connect Discovery §4.1 and RFC 8414 §5.
    OpenIdMetadata,
    /// The key set.
    Jwks,
    /// The introspection endpoint (RFC 7662).
    Introspection,
}

/// What an endpoint does instead of answering.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Answers with this status and no body.
    Status(u16),
    /// Answers after this time.
    Delay(Duration),
    /// Never answers.
    Hang,
    /// Answers 200 with this body. The content type is `application/json` at the introspection endpoint, and absent elsewhere.
    Body(Vec<u8>),
    /// Answers 307 with this location.
    Redirect(String),
    /// Closes the connection without an answer.
    Disconnect,
    /// Closes the connection in the middle of the answer.
    Truncate,
}

/// The endpoints of an issuer: their documents, their faults, and their counts of requests.
pub(super) struct Endpoints {
    address: SocketAddr,
    path: String,
    etags: RandomState,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) metadata: Value,
    pub(super) jwks: Value,
    pub(super) cache_control: Option<String>,
    pub(super) age: Option<String>,
    pub(super) faults: HashMap<Endpoint, Fault>,
    requests: HashMap<Endpoint, usize>,
    not_modified: HashMap<Endpoint, usize>,
    bypassed_caches: HashMap<Endpoint, usize>,
    pub(super) opaque: OpaqueTokens,
    pub(super) sign_answer: Option<SignAnswer>,
}

/// Makes a signed answer (RFC 9701) of an answer.
pub(super) type SignAnswer = Arc<dyn Fn(Value) -> String + Send + Sync>;

impl Endpoints {
    /// Serves on a thread of its own until the returned sender is dropped.
    pub(super) fn serve(listen: SocketAddr, path: String) -> (Arc<Self>, watch::Sender<()>) {
        let listener = TcpListener::bind(listen).unwrap_or_else(|error| panic!("cannot listen on {listen}: {error}"));
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let endpoints = Arc::new(Self { address, path, etags: RandomState::new(), state: Mutex::default() });
        let (alive, closed) = watch::channel(());
        let shared = Arc::clone(&endpoints);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(shared.accept(listener, closed));
        });
        (endpoints, alive)
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn requests(&self, endpoint: Endpoint) -> usize {
        self.state().requests.get(&endpoint).copied().unwrap_or_default()
    }

    pub(super) fn not_modified(&self, endpoint: Endpoint) -> usize {
        self.state().not_modified.get(&endpoint).copied().unwrap_or_default()
    }

    pub(super) fn bypassed_caches(&self, endpoint: Endpoint) -> usize {
        self.state().bypassed_caches.get(&endpoint).copied().unwrap_or_default()
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, mut closed: watch::Receiver<()>) {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime with I/O");
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = closed.changed() => return,
            };
            let Ok((stream, _)) = stream else { continue };
            let endpoints = Arc::clone(&self);
            tokio::spawn(async move {
                let service = service_fn(|request| endpoints.answer(request));
                // A client that goes away is no error here, and neither is a wanted disconnection.
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Disconnected> {
        let Some(endpoint) = self.endpoint(request.uri().path()) else {
            return Ok(empty(StatusCode::NOT_FOUND));
        };
        let fault = {
            let mut state = self.state();
            *state.requests.entry(endpoint).or_default() += 1;
            *state.bypassed_caches.entry(endpoint).or_default() += usize::from(bypasses_caches(request.headers()));
            state.faults.get(&endpoint).cloned()
        };
        match fault {
            None => {}
            Some(Fault::Status(status)) => {
                return Ok(empty(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)));
            }
            Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Body(body)) => {
                let mut response = Response::new(Body::whole(body));
                if endpoint == Endpoint::Introspection {
                    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                }
                return Ok(response);
            }
            Some(Fault::Redirect(location)) => {
                let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
                response.headers_mut().extend(HeaderValue::try_from(location).ok().map(|to| (LOCATION, to)));
                return Ok(response);
            }
            Some(Fault::Disconnect) => return Err(Disconnected),
            Some(Fault::Truncate) => return Ok(Response::new(Body::truncated())),
        }
        if endpoint == Endpoint::Introspection {
            return self.introspect(request).await;
        }
        Ok(self.document(endpoint, request.headers().get(IF_NONE_MATCH)))
    }

    /// The answer of the introspection endpoint (RFC 7662 §2.2), signed if the request asks for that and the status is 200.
    async fn introspect(&self, request: Request<Incoming>) -> Result<Response<Body>, Disconnected> {
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST {
            return Ok(empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        let body = body.collect().await.map_err(|_| Disconnected)?.to_bytes();
        let question = Question::of(&parts.headers, &body);
        let (status, answer, sign) = {
            let state = self.state();
            let (status, answer) = state.opaque.answer(&question);
            (status, answer, state.sign_answer.clone().filter(|_| question.wants_signed_answer))
        };
        let (content_type, body) = match sign.filter(|_| status == StatusCode::OK) {
            Some(sign) => ("application/token-introspection+jwt", sign(answer)),
            None => ("application/json", answer.to_string()),
        };
        let mut response = Response::new(Body::whole(body));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Ok(response)
    }

    /// The document, or 304 if it is the one that the client has (RFC 9110 §13.1.2).
    fn document(&self, endpoint: Endpoint, held: Option<&HeaderValue>) -> Response<Body> {
        let mut state = self.state();
        let document = if endpoint == Endpoint::Jwks { &state.jwks } else { &state.metadata }.to_string();
        let etag = format!("\"{:016x}\"", self.etags.hash_one(&document));
        let mut response = if held.is_some_and(|held| *held == etag) {
            *state.not_modified.entry(endpoint).or_default() += 1;
            empty(StatusCode::NOT_MODIFIED)
        } else {
            Response::new(Body::whole(document))
        };
        let headers = response.headers_mut();
        headers.extend(HeaderValue::try_from(etag).ok().map(|etag| (ETAG, etag)));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let cache_control = state.cache_control.as_deref().and_then(|value| HeaderValue::try_from(value).ok());
        headers.extend(cache_control.map(|value| (CACHE_CONTROL, value)));
        let age = state.age.as_deref().and_then(|value| HeaderValue::try_from(value).ok());
        headers.extend(age.map(|value| (AGE, value)));
        response
    }

    fn endpoint(&self, path: &str) -> Option<Endpoint> {
        let own = &self.path;
        let places = [
            (format!("{own}/jwks"), Endpoint::Jwks),
            (format!("{own}/introspect"), Endpoint::Introspection),
            (format!("/.well-known/oauth-authorization-server{own}"), Endpoint::OAuthMetadata),
            (format!("/.well-known/openid-configuration{own}"), Endpoint::OpenIdMetadata),
            (format!("{own}/.well-known/openid-configuration"), Endpoint::OpenIdMetadata),
        ];
        places.into_iter().find_map(|(place, endpoint)| (place == path).then_some(endpoint))
    }
}

/// RFC 9111 §5.2.1.4.
fn bypasses_caches(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::whole(""));
    *response.status_mut() = status;
    response
}

/// A body in one piece, or the beginning of one.
struct Body {
    piece: Option<Bytes>,
    is_truncated: bool,
}

impl Body {
    fn whole(body: impl Into<Bytes>) -> Self {
        Self { piece: Some(body.into()), is_truncated: false }
    }

    fn truncated() -> Self {
        Self { piece: Some(Bytes::from_static(b"{\"keys\":[")), is_truncated: true }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Disconnected;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Disconnected>>> {
        Poll::Ready(match self.piece.take() {
            Some(piece) => Some(Ok(Frame::data(piece))),
            None => self.is_truncated.then_some(Err(Disconnected)),
        })
    }
}

/// Makes hyper close the connection.
#[derive(Debug, thiserror::Error)]
#[error("disconnected on purpose")]
struct Disconnected;
