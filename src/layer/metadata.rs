use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL,
    CONTENT_TYPE,
};
use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body_util::Full;
use tower_service::Service;

use crate::ResourceServer;
use crate::metadata::ResourceMetadata;
use crate::server::Handle;

impl ResourceMetadata {
    /// A service that answers every `GET` with the document, to be routed only at its [path](Self::path). Pages of any origin may read it, and
    /// caches may keep it for an hour (RFC 9728 §7).
    #[must_use]
    pub fn service(&self) -> MetadataService {
        MetadataService(Document::This(self.clone()))
    }
}

impl ResourceServer {
    /// A service that answers every `GET` with the current [metadata document](Self::metadata) of this server, like
    /// [`ResourceMetadata::service`], but also after the document has changed.
    ///
    /// Use it for a server that follows a file (`config::watch`). While the server has no metadata, the answer is 404. The path of the route
    /// does not change.
    #[must_use]
    pub fn metadata_service(&self) -> MetadataService {
        MetadataService(Document::Of(self.handle().clone()))
    }
}

/// Serves a metadata document: see [`ResourceMetadata::service`] and [`ResourceServer::metadata_service`].
#[derive(Clone, Debug)]
pub struct MetadataService(Document);

/// Which document is served.
#[derive(Clone, Debug)]
enum Document {
    This(ResourceMetadata),
    /// The current document of this server.
    Of(Handle),
}

/// The document is public.
const EVERY_ORIGIN: (HeaderName, &str) = (ACCESS_CONTROL_ALLOW_ORIGIN, "*");

impl<B> Service<Request<B>> for MetadataService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = |status, body: Bytes, headers: &[(HeaderName, &'static str)]| {
            let mut response = Response::new(Full::new(body));
            *response.status_mut() = status;
            for (name, value) in headers {
                response.headers_mut().insert(name, http::HeaderValue::from_static(value));
            }
            ready(Ok(response))
        };
        let of_server;
        let document = match &self.0 {
            Document::This(document) => Some(document),
            Document::Of(handle) => {
                of_server = handle.current().metadata();
                of_server.as_ref()
            }
        };
        let Some(document) = document else { return answer(StatusCode::NOT_FOUND, Bytes::new(), &[]) };
        match *request.method() {
            Method::GET | Method::HEAD => answer(
                StatusCode::OK,
                document.json().clone(),
                &[EVERY_ORIGIN, (CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=3600")],
            ),
            // A page that adds a header of its own, such as MCP's, asks first.
            Method::OPTIONS => answer(
                StatusCode::NO_CONTENT,
                Bytes::new(),
                &[EVERY_ORIGIN, (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"), (ACCESS_CONTROL_ALLOW_HEADERS, "*")],
            ),
            _ => answer(StatusCode::METHOD_NOT_ALLOWED, Bytes::new(), &[(ALLOW, "GET, HEAD, OPTIONS")]),
        }
    }
}
