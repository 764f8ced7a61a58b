use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::future::ResponseFuture;
use super::release::release;
use super::request_state::{self, Decision, RequestState};
use super::settings::{Credentials, Settings, Tracing};
use crate::credentials::{TokenSource, TokenSources};
use crate::rejection::{Empty, Respond};
use crate::server::Context;
use crate::{Require, ResourceServer, Scope};

impl ResourceServer {
    /// A layer that passes on only requests with a valid access token, with the token as the request extension
    /// [`AccessToken`](crate::AccessToken).
    ///
    /// It answers every other request itself, as documented at [`RejectionKind`](crate::rejection::RejectionKind). The service must
    /// run within a tokio runtime with I/O and time enabled. The `Authorization` header is marked as sensitive, so that inner
    /// layers do not print it.
    ///
    /// Put a CORS layer outside of it. A browser sends no credentials with a preflight, which would be refused here as any request
    /// without credentials, and a page can read a refusal only if the answer has CORS headers
    /// ([an example](crate::manual::axum#refusals)).
    ///
    /// There may be several layers, of one server or of several, each around its own routes. If one is inside another, a request
    /// has to satisfy both, and the handler gets the token of the inner one.
    pub fn layer(&self) -> ProtectLayer {
        ProtectLayer {
            settings: Settings {
                server: self.clone(),
                sources: TokenSources::new(self.schemes()),
                credentials: Credentials::Required,
                requirement: None,
                challenge_scope: None,
                tracing: Tracing::WithoutSubject,
                responder: Empty,
            },
        }
    }
}

/// The layer that makes a [`Protect`] of a service: see [`ResourceServer::layer`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ProtectLayer<R = Empty> {
    settings: Settings<R>,
}

impl<R> ProtectLayer<R> {
    /// Passes requests without credentials on too. Bad credentials are refused all the same: a client that sends credentials wants
    /// them to count.
    ///
    /// A handler then takes `Option<AccessToken>`. A handler that takes `AccessToken`, or that is behind a
    /// [`Require`](crate::Require), still refuses an anonymous request. Credentials of another scheme than `Bearer`, and
    /// `DPoP` if that is [configured](crate::server::Builder::dpop), count as none (RFC 6750 §3.1). `Vary` of the answer to an anonymous request names every header in which a token would count:
    /// `Authorization`, and those of other [sources](Self::token_from). So no cache gives it to a client with a token (RFC 9110
    /// §12.5.5).
    ///
    /// Default: credentials are required.
    pub fn optional(mut self) -> Self {
        self.settings.credentials = Credentials::Optional;
        self
    }

    /// Requires that tokens satisfy `requirement`, as the requirement does as an inner layer. In addition, the challenge to a
    /// request without credentials names the scope to ask for (RFC 6750 §3), which clients of the Model Context Protocol rely on.
    /// If it is called again, both requirements must be satisfied.
    ///
    /// Default: every valid token is accepted.
    pub fn require(mut self, requirement: Require) -> Self {
        let before = self.settings.requirement.take();
        self.settings.requirement = Some(match before {
            Some(before) => before.and(requirement),
            None => requirement,
        });
        self
    }

    /// The scope that the challenge to a request without credentials names (RFC 6750 §3): for requirements on inner layers, which
    /// such a request does not reach.
    ///
    /// Default: the scope of the [requirement](Self::require) of this layer, if it names one.
    pub fn challenge_scope(mut self, scope: Scope) -> Self {
        self.settings.challenge_scope = Some(scope);
        self
    }

    /// Accepts tokens from `source` too, beside the `Authorization` header. A request with tokens in two places gets 400
    /// `invalid_request` (RFC 6750 §2). Call it again to add other sources.
    ///
    /// Default: no other source, because each has its own risks: see [`TokenSource`].
    pub fn token_from(mut self, source: TokenSource) -> Self {
        self.settings.sources.add(source);
        self
    }

    /// Accepts tokens from `source` alone. It replaces all sources, also the `Authorization` header, which then belongs to the
    /// application: whatever it holds, even another Bearer token, is neither a token nor malformed, and it reaches the handler as
    /// it is. Call [`token_from`](Self::token_from) after it to add other sources; `Authorization` stays out.
    ///
    /// It is for a proxy that validates its users and sends a token of its own:
    ///
    /// ```
    /// # use tower_bearer::{Issuer, ResourceServer};
    /// use http::HeaderName;
    /// use tower_bearer::credentials::TokenSource;
    ///
    /// # let api = ResourceServer::builder("tag").trust(Issuer::discover("https://login.example.com")?).build()?;
    /// let assertion = TokenSource::header(HeaderName::from_static("cf-access-jwt-assertion"));
    /// let layer = api.layer().token_only_from(assertion.refuse_cross_site());
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// - A request without a token in `source` gets 401 with a `Bearer` challenge, as always (RFC 9110 §15.5.2), although no
    ///   `Authorization` header would help. If there is [metadata](crate::server::Builder::metadata), its
    ///   `bearer_methods_supported` should be empty (RFC 9728 §2).
    /// - `Vary` does not name `Authorization`. If the handler's answer depends on it, the handler has to say so.
    /// - `Authorization` is marked as sensitive all the same.
    /// - A layer inside of this one may read a token of another issuer from `Authorization`. Then a request needs both tokens, and
    ///   the handler gets the inner one.
    ///
    /// The proxy must remove the header from incoming requests, as [`TokenSource::header`] says.
    ///
    /// Default: tokens come from `Authorization` alone (RFC 6750 §2.1).
    pub fn token_only_from(mut self, source: TokenSource) -> Self {
        self.settings.sources.replace_all(source);
        self
    }

    /// Records the subject of valid tokens in the span of their request: see [`layer`](crate::layer#tracing).
    ///
    /// Default: off, because it may be a person's, and not everybody who can read traces may see who did what.
    pub fn trace_subject(mut self) -> Self {
        self.settings.tracing = Tracing::WithSubject;
        self
    }

    /// The responder that makes the body of every refusal, including those of an inner [`Require`](crate::Require) or extractor:
    /// [`Problem`](crate::rejection::Problem), [`Grpc`](crate::rejection::Grpc), or a function of yours.
    ///
    /// Default: [`Empty`].
    pub fn respond_with<R2>(self, responder: R2) -> ProtectLayer<R2> {
        let Settings { server, sources, credentials, requirement, challenge_scope, tracing, responder: _ } =
            self.settings;
        let settings = Settings { server, sources, credentials, requirement, challenge_scope, tracing, responder };
        ProtectLayer { settings }
    }
}

impl<S, R: Clone> Layer<S> for ProtectLayer<R> {
    type Service = Protect<S, R>;

    fn layer(&self, inner: S) -> Protect<S, R> {
        Protect { inner, settings: Arc::new(self.settings.clone()) }
    }
}

/// A service that only requests with a valid access token reach.
///
/// A request that is refused, or that waits for its issuer's keys, reserves nothing in the inner service: the service that was
/// ready for it is replaced by a clone and dropped. A request that waited makes a clone of its own ready once its token is
/// valid. A handle that was made ready, and is neither called nor dropped, keeps what it has reserved, as with any tower service.
#[derive(Debug)]
pub struct Protect<S, R = Empty> {
    inner: S,
    settings: Arc<Settings<R>>,
}

impl<S: Clone, R> Clone for Protect<S, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), settings: Arc::clone(&self.settings) }
    }
}

impl<S, R, ReqB, ResB> Service<Request<ReqB>> for Protect<S, R>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone,
    R: Respond<ResB>,
{
    type Response = Response<ResB>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqB, R>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        Context::clear(request.extensions_mut());
        let mut state = RequestState::begin::<ReqB, ResB>(&self.settings, &mut request);
        let span = request_state::span().entered();
        // Each arm builds the future in its place, because it is large.
        match state.decide(&mut request, &span) {
            Decision::PassOn => ResponseFuture::inner(self.inner.call(request), state, span.exit()),
            Decision::Refuse(rejection) => {
                release(&mut self.inner);
                ResponseFuture::refused(rejection, state, span.exit())
            }
            Decision::Wait(pending) => {
                release(&mut self.inner);
                ResponseFuture::pending(pending, self.inner.clone(), request, state, span.exit())
            }
        }
    }
}
