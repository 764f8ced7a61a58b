use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::watch;

/// What an issuer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The metadata at the place of RFC 8414 §3.1.
    OAuthMetadata,
    /// The metadata at the places of OpenID Connect Discovery §4.1 and RFC 8414 §5.
    OpenIdMetadata,
    /// The key set.
    Jwks,
}

/// What an endpoint does instead of its work.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Answers with this status and no body.
    Status(u16),
    /// Answers as it should, so much later.
    Delay(Duration),
    /// Never answers.
    Hang,
    /// Answers 200 with this body.
    Body(Vec<u8>),
    /// Answers 307 with this location.
    Redirect(String),
    /// Closes the connection without an answer.
    Disconnect,
}

/// The endpoints of an issuer: what they say, what they do instead, and how often they were asked.
pub(super) struct Endpoints {
    address: SocketAddr,
    path: String,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) metadata: Value,
    pub(super) jwks: Value,
    pub(super) cache_control: Option<String>,
    pub(super) faults: HashMap<Endpoint, Fault>,
    requests: HashMap<Endpoint, usize>,
}

impl Endpoints {
    /// Serves on a thread of its own until the returned sender is dropped.
    pub(super) fn serve(listen: SocketAddr, path: String) -> (Arc<Self>, watch::Sender<()>) {
        let listener = TcpListener::bind(listen).unwrap_or_else(|error| panic!("cannot listen on {listen}: {error}"));
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let endpoints = Arc::new(Self { address, path, state: Mutex::default() });
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

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Disconnected> {
        let Some(endpoint) = self.endpoint(request.uri().path()) else {
            return Ok(empty(StatusCode::NOT_FOUND));
        };
        let fault = {
            let mut state = self.state();
            *state.requests.entry(endpoint).or_default() += 1;
            state.faults.get(&endpoint).cloned()
        };
        match fault {
            None => {}
            Some(Fault::Status(status)) => {
                return Ok(empty(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)));
            }
            Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Body(body)) => return Ok(Response::new(body.into())),
            Some(Fault::Redirect(location)) => {
                let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
                response.headers_mut().extend(HeaderValue::try_from(location).ok().map(|to| (LOCATION, to)));
                return Ok(response);
            }
            Some(Fault::Disconnect) => return Err(Disconnected),
        }
        Ok(self.document(endpoint))
    }

    fn document(&self, endpoint: Endpoint) -> Response<Full<Bytes>> {
        let state = self.state();
        let document = if endpoint == Endpoint::Jwks { &state.jwks } else { &state.metadata };
        let mut response = Response::new(Full::from(document.to_string()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let cache_control = state.cache_control.as_deref().and_then(|value| HeaderValue::try_from(value).ok());
        headers.extend(cache_control.map(|value| (CACHE_CONTROL, value)));
        response
    }

    fn endpoint(&self, path: &str) -> Option<Endpoint> {
        let own = &self.path;
        let places = [
            (format!("{own}/jwks"), Endpoint::Jwks),
            (format!("/.well-known/oauth-authorization-server{own}"), Endpoint::OAuthMetadata),
            (format!("/.well-known/openid-configuration{own}"), Endpoint::OpenIdMetadata),
            (format!("{own}/.well-known/openid-configuration"), Endpoint::OpenIdMetadata),
        ];
        places.into_iter().find_map(|(place, endpoint)| (place == path).then_some(endpoint))
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// Makes hyper close the connection.
#[derive(Debug, thiserror::Error)]
#[error("disconnected on purpose")]
struct Disconnected;
