use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use http::{Extensions, HeaderMap, Request, Response};
use tower_layer::Layer;
use tower_service::Service;
use tracing::field;

use super::caching;
use super::future::{Exchange, Parked, Passage, ResponseFuture, release};
use crate::rejection::{Empty, Respond};
use crate::server::{Admission, Context, Pending, TokenSource, TokenSources};
use crate::{AccessToken, Rejection, Require, ResourceServer, Scope};

impl ResourceServer {
    /// A layer that lets through only requests with a good access token, and hands it on as the request extension
    /// [`AccessToken`](crate::AccessToken).
    ///
    /// A CORS layer belongs outside of it: a browser sends no credentials with a preflight, which is refused here as any request
    /// without credentials, and its page can read a refusal only if the answer has CORS headers
    /// ([an example](crate::manual::axum#refusals)).
    ///
    /// Every other request is answered here: see [`RejectionKind`](crate::rejection::RejectionKind) for how. The service must
    /// run within a tokio runtime with I/O and time enabled. The `Authorization` header is marked as sensitive, so that layers
    /// within do not print it.
    ///
    /// There may be several, of one server or of several, each around its own routes. Where one lies within another, both
    /// must be satisfied, and the inner one's token is what the handler gets.
    pub fn layer(&self) -> ProtectLayer {
        ProtectLayer {
            settings: Settings {
                server: self.clone(),
                sources: TokenSources::default(),
                credentials: Credentials::Required,
                requirement: None,
                challenge_scope: None,
                tracing: Tracing::WithoutSubject,
                responder: Empty,
            },
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
pub(super) struct Settings<R> {
    server: ResourceServer,
    sources: TokenSources,
    credentials: Credentials,
    requirement: Option<Require>,
    challenge_scope: Option<Scope>,
    tracing: Tracing,
    pub(super) responder: R,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credentials {
    Required,
    Optional,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tracing {
    WithoutSubject,
    WithSubject,
}

impl<R> ProtectLayer<R> {
    /// Lets requests without credentials through too. Bad credentials are refused all the same: a client that sent some
    /// wanted them to count.
    ///
    /// A handler then asks for `Option<AccessToken>`; one that asks for `AccessToken`, or lies behind a
    /// [`Require`](crate::Require), still refuses an anonymous request. Credentials of another scheme than `Bearer` count as
    /// none (RFC 6750 §3.1). The answer to an anonymous request names `Authorization`, and the headers of other
    /// [sources](Self::token_from), in `Vary`, so that no cache gives it to a client with a token (RFC 9110 §12.5.5).
    ///
    /// Default: credentials are required.
    pub fn optional(mut self) -> Self {
        self.settings.credentials = Credentials::Optional;
        self
    }

    /// Lets through only tokens that satisfy `requirement` too, as the requirement itself would as a layer within. In
    /// addition, a request without credentials is told the scope to ask for (RFC 6750 §3), which clients of the Model Context
    /// Protocol rely on. Called again, both requirements must be satisfied.
    ///
    /// Default: any good token will do.
    pub fn require(mut self, requirement: Require) -> Self {
        let before = self.settings.requirement.take();
        self.settings.requirement = Some(match before {
            Some(before) => before.and(requirement),
            None => requirement,
        });
        self
    }

    /// Tells a request without credentials the scope to ask for (RFC 6750 §3), where the requirements lie further within and
    /// are not reached by it.
    ///
    /// Default: the scope of what is [required](Self::require) here, if it names one.
    pub fn challenge_scope(mut self, scope: Scope) -> Self {
        self.settings.challenge_scope = Some(scope);
        self
    }

    /// Looks for the token at `source` too. The `Authorization` header is always looked at; a request with tokens at two
    /// places gets 400 `invalid_request` (RFC 6750 §2).
    ///
    /// Default: nowhere else, because every other place has dangers of its own: see [`TokenSource`].
    pub fn token_from(mut self, source: TokenSource) -> Self {
        self.settings.sources.add(source);
        self
    }

    /// Records the subject of good tokens in the span of their request too: see [`layer`](crate::layer#tracing).
    ///
    /// Default: not recorded, because it may be a person's, and traces go where not everybody may see who did what.
    pub fn trace_subject(mut self) -> Self {
        self.settings.tracing = Tracing::WithSubject;
        self
    }

    /// Lets `responder` make the body of every refusal, also those of a [`Require`](crate::Require) or an extractor within:
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

/// A service that only requests with a good access token reach.
///
/// A request that is refused, or that waits for its issuer's keys, reserves nothing in the service within: the service that was
/// ready for it is replaced by a clone and dropped. A request that waited makes a clone of its own ready once its token is
/// known to be good. A handle that was made ready, and is neither called nor dropped, keeps what it has reserved, as with any
/// tower service.
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
        let mut exchange = Exchange::begin::<ReqB, ResB>(&self.settings, &mut request);
        let span = exchange.span.clone();
        let _within = span.enter();
        match exchange.decide(&mut request) {
            Decision::PassOn => ResponseFuture::inner(self.inner.call(request), exchange),
            Decision::Refuse(rejection) => {
                release(&mut self.inner);
                ResponseFuture::refused(rejection, exchange)
            }
            Decision::Wait(pending) => {
                release(&mut self.inner);
                let parked = Parked { service: self.inner.clone(), request };
                ResponseFuture::pending(pending, parked, exchange)
            }
        }
    }
}

/// What becomes of a request, as far as it is known when it comes.
enum Decision {
    PassOn,
    Refuse(Rejection),
    Wait(Pending),
}

impl<R> Exchange<R> {
    /// A request has come.
    fn begin<B, ResB>(settings: &Arc<Settings<R>>, request: &mut Request<B>) -> Self
    where
        R: Respond<ResB>,
    {
        settings.sources.mark_sensitive(request.headers_mut());
        Self {
            caller: settings.responder.protocol().caller(request),
            passage: Passage::Token(None),
            span: tracing::debug_span!(
                "bearer",
                issuer = field::Empty,
                subject = field::Empty,
                outcome = field::Empty,
                reason = field::Empty
            ),
            settings: Arc::clone(settings),
        }
    }

    fn decide<B>(&mut self, request: &mut Request<B>) -> Decision {
        let settings = &*self.settings;
        let Ok(presented) = settings.sources.find(request.headers(), request.uri()) else {
            tracing::debug!(error = "malformed credentials, or more than one", "request refused");
            return Decision::Refuse(settings.server.invalid_request());
        };
        let Some(presented) = presented else {
            if let Err(rejection) = settings.admit_anonymous(request) {
                return Decision::Refuse(rejection);
            }
            self.passage = Passage::Anonymous;
            return Decision::PassOn;
        };
        if let Some(source) = presented.source {
            if let Err(found) = settings.sources.check_site(source, request) {
                tracing::debug!(error = %found, "request refused");
                return Decision::Refuse(Rejection::cross_site());
            }
            self.passage = Passage::Token(Some(source));
        }
        match settings.server.admit(&presented.token, &self.span) {
            Admission::Granted(token) => match self.grant(token, request.extensions_mut()) {
                Ok(()) => Decision::PassOn,
                Err(rejection) => Decision::Refuse(rejection),
            },
            Admission::Refused(rejection) => Decision::Refuse(rejection),
            Admission::Pending(pending) => Decision::Wait(pending),
        }
    }

    /// Hands a good token on, if it is good enough.
    pub(super) fn grant(&self, token: AccessToken, extensions: &mut Extensions) -> Result<(), Rejection> {
        let Settings { server, requirement, tracing, .. } = &*self.settings;
        self.span.record("issuer", token.issuer());
        if *tracing == Tracing::WithSubject {
            self.span.record("subject", token.subject());
        }
        if let Some(requirement) = requirement {
            server.check(&token, requirement)?;
        }
        Context::grant(server.clone(), token, extensions);
        Ok(())
    }
}

impl<R> Settings<R> {
    /// What an answer of the service within says to caches.
    pub(super) fn restrict_caching(&self, passage: Passage, headers: &mut HeaderMap) {
        match passage {
            Passage::Token(None) => {}
            Passage::Token(Some(source)) => {
                caching::keep_private(headers);
                caching::vary_by(headers, self.sources.header_name(source));
            }
            Passage::Anonymous => caching::vary_by(headers, self.sources.header_names()),
        }
    }

    /// Lets a request without credentials pass, if that is allowed.
    fn admit_anonymous<B>(&self, request: &mut Request<B>) -> Result<(), Rejection> {
        if self.credentials == Credentials::Optional && self.requirement.is_none() {
            Context::anonymous(self.server.clone(), request.extensions_mut());
            return Ok(());
        }
        let of_requirement = || self.requirement.as_ref().and_then(Require::scope_to_ask_for);
        Err(self.server.no_credentials(self.challenge_scope.clone().or_else(of_requirement).as_ref()))
    }
}
