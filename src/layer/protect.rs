use std::task::{Context as TaskContext, Poll};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::future::{Parked, ResponseFuture};
use crate::ResourceServer;
use crate::rejection::{Empty, Respond};
use crate::server::{Admission, Context};

impl ResourceServer {
    /// A layer that lets through only requests with a good access token, and hands it on as the request extension
    /// [`AccessToken`](crate::AccessToken).
    ///
    /// Every other request is answered here: see [`RejectionKind`](crate::rejection::RejectionKind) for how. The service must
    /// run within a tokio runtime with I/O and time enabled. The `Authorization` header is marked as sensitive, so that layers
    /// within do not print it.
    pub fn layer(&self) -> ProtectLayer {
        ProtectLayer {
            settings: Settings { server: self.clone(), credentials: Credentials::Required, responder: Empty },
        }
    }
}

/// Makes [`Protect`] of a service: see [`ResourceServer::layer`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ProtectLayer<R = Empty> {
    settings: Settings<R>,
}

#[derive(Clone, Debug)]
struct Settings<R> {
    server: ResourceServer,
    credentials: Credentials,
    responder: R,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credentials {
    Required,
    Optional,
}

impl<R> ProtectLayer<R> {
    /// Lets requests without credentials through too. Bad credentials are refused all the same: a client that sent some
    /// wanted them to count.
    ///
    /// A handler then asks for `Option<AccessToken>`; one that asks for `AccessToken`, or lies behind a
    /// [`Require`](crate::Require), still refuses an anonymous request. Credentials of another scheme than `Bearer` count as
    /// none (RFC 6750 §3.1).
    ///
    /// Default: credentials are required.
    pub fn optional(mut self) -> Self {
        self.settings.credentials = Credentials::Optional;
        self
    }

    /// Lets `responder` make the body of every refusal, also those of a [`Require`](crate::Require) or an extractor within.
    ///
    /// Default: [`Empty`].
    pub fn respond_with<R2>(self, responder: R2) -> ProtectLayer<R2> {
        let Settings { server, credentials, responder: _ } = self.settings;
        ProtectLayer { settings: Settings { server, credentials, responder } }
    }
}

impl<S, R: Clone> Layer<S> for ProtectLayer<R> {
    type Service = Protect<S, R>;

    fn layer(&self, inner: S) -> Protect<S, R> {
        Protect { inner, settings: self.settings.clone() }
    }
}

/// A service that only requests with a good access token reach.
#[derive(Clone, Debug)]
pub struct Protect<S, R = Empty> {
    inner: S,
    settings: Settings<R>,
}

impl<S, R, ReqB, ResB> Service<Request<ReqB>> for Protect<S, R>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone,
    R: Respond<ResB> + Clone,
{
    type Response = Response<ResB>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqB, R>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let Settings { server, credentials, responder } = &self.settings;
        let responder = responder.clone();
        Context::clear(request.extensions_mut());
        if let Some(credentials) = request.headers_mut().get_mut(AUTHORIZATION) {
            credentials.set_sensitive(true);
        }
        match server.admit(request.headers()) {
            Admission::Granted(token) => Context::grant(server.clone(), token, request.extensions_mut()),
            Admission::NoCredentials(_) if *credentials == Credentials::Optional => {
                Context::anonymous(server.clone(), request.extensions_mut());
            }
            Admission::NoCredentials(rejection) | Admission::Refused(rejection) => {
                return ResponseFuture::refused(rejection, responder);
            }
            Admission::Pending(pending) => {
                let (server, service) = (server.clone(), self.inner.clone());
                return ResponseFuture::pending(pending, Parked { server, service, request }, responder);
            }
        }
        ResponseFuture::inner(self.inner.call(request), responder)
    }
}
