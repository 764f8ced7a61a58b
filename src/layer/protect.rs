use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;
use tracing::Level;

use super::future::ResponseFuture;
use super::ignored_tokens::IgnoredTokens;
use super::request_state::{self, Decision, RequestState};
use super::settings::{Credentials, Settings, Tracing};
use crate::credentials::{TokenSource, TokenSources};
use crate::rejection::{Empty, Respond};
use crate::server::Context;
use crate::{Require, ResourceServer, Scope};

impl ResourceServer {
    /// Creates a layer that passes on only requests with a valid access token, and inserts the token as the request extension
    /// [`AccessToken`](crate::AccessToken).
    ///
    /// The layer answers every other request itself, as documented at [`RejectionKind`](crate::rejection::RejectionKind). The service
    /// must run within a tokio runtime with I/O and time enabled. The `Authorization` header is marked as sensitive, so that inner layers
    /// do not print it. A [header with the client certificate](crate::certificate::CertificateHeader) is removed.
    ///
    /// Put a CORS layer outside this one. A browser sends no credentials with a preflight request, so this layer would refuse it, and a
    /// page can read a refusal only if the answer has CORS headers ([an example](crate::manual::axum#refusals)).
    ///
    /// There may be several layers, from one server or several, each around its own routes. If layers are nested, a request has to
    /// satisfy both, and the handler gets the token of the inner layer.
    pub fn layer(&self) -> ProtectLayer {
        ProtectLayer {
            settings: Settings {
                server: self.handle().clone(),
                sources: TokenSources::default(),
                credentials: Credentials::Required,
                requirement: None,
                ignored_tokens: None,
                challenge_scope: None,
                tracing: Tracing::WithoutSubject,
                span_level: Level::DEBUG,
                responder: Empty,
            },
        }
    }
}

/// The layer that wraps a service in [`Protect`]: see [`ResourceServer::layer`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ProtectLayer<R = Empty> {
    settings: Settings<R>,
}

impl<R> ProtectLayer<R> {
    /// Also passes on requests without credentials. Bad credentials are still refused, because a client that sends credentials expects
    /// them to be used.
    ///
    /// A handler then takes `Option<AccessToken>`. A handler that takes `AccessToken`, or that is behind a [`Require`](crate::Require),
    /// still refuses an anonymous request. Credentials with a scheme other than `Bearer` (and `DPoP`, if
    /// [configured](crate::server::Builder::dpop)) are treated as none (RFC 6750 §3.1). The `Vary` of the answer names every header
    /// in which a token would be accepted: `Authorization`, and those of other [sources](Self::token_from). So no cache returns the answer
    /// to an anonymous request to a client with a token, or the other way round (RFC 9110 §12.5.5). The answer to a token from another source
    /// is `private`, and its `Vary` names the header of that source alone.
    ///
    /// Default: credentials are required.
    pub fn optional(mut self) -> Self {
        self.settings.credentials = Credentials::Optional;
        self
    }

    /// Requires that tokens satisfy `requirement`, just as an inner layer with that requirement would. In addition, the challenge to a request
    /// without credentials names the scope to request (RFC 6750 §3), which MCP clients rely on, and the refusal of an inner [`Require`]
    /// names what both need, so that a client that requests exactly that is not refused again. If this is called again, both requirements
    /// must be satisfied.
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

    /// Sets the scope that the challenge to a request without credentials names (RFC 6750 §3): for requirements on inner layers, which
    /// such a request does not reach. Every challenge omits `offline_access`, because no operation of a resource needs it, and scopes
    /// that another scope in it [implies](crate::token::ScopeHierarchy).
    ///
    /// Default: the scope of the [requirement](Self::require) of this layer, if it names one.
    pub fn challenge_scope(mut self, scope: Scope) -> Self {
        self.settings.challenge_scope = Some(scope);
        self
    }

    /// Also accepts tokens from `source`, in addition to the `Authorization` header. A request with tokens in two places gets 400
    /// `invalid_request` (RFC 6750 §2). Call it again to add other sources.
    ///
    /// Default: no other source, because each has its own risks (see [`TokenSource`]).
    pub fn token_from(mut self, source: TokenSource) -> Self {
        self.settings.sources.add(source);
        self
    }

    /// Accepts tokens only from `source`. This replaces all sources, including the `Authorization` header, which then belongs to the
    /// application: whatever it holds, even a Bearer token, this layer ignores it, and it reaches the handler unchanged. Call
    /// [`token_from`](Self::token_from) afterwards to add other sources; `Authorization` stays excluded.
    ///
    /// Use this behind a proxy that authenticates users and sends its own token:
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
    /// - A request without a token in `source` gets 401 with a `Bearer` challenge, as always (RFC 9110 §15.5.2), even though
    ///   sending `Authorization` would not help. If there is [metadata](crate::server::Builder::metadata), its
    ///   `bearer_methods_supported` should be empty (RFC 9728 §2).
    /// - `Vary` does not name `Authorization`. If the handler's answer depends on it, the handler has to say so.
    /// - `Authorization` is still marked as sensitive.
    /// - An inner layer may read a token of another issuer from `Authorization`. Then a request needs both tokens, and the handler gets
    ///   the inner layer's token.
    ///
    /// The proxy must remove the header from incoming requests: see [`TokenSource::header`].
    ///
    /// Default: tokens come only from `Authorization` (RFC 6750 §2.1).
    pub fn token_only_from(mut self, source: TokenSource) -> Self {
        self.settings.sources.replace_all(source);
        self
    }

    /// Leaves credentials such as API keys to the application: this crate does not validate a credential if `are_of_application`
    /// returns true for its text.
    ///
    /// The application checks them in a layer outside this one, which inserts a request extension of its own type if the credential is
    /// good. The [requirement](Self::require) of this layer names that type with [`or_extension`](Require::or_extension):
    ///
    /// ```
    /// # use axum::response::Response;
    /// # use tower_bearer::{Issuer, ResourceServer};
    /// use axum::{Router, extract::{Extension, Request}, middleware::{Next, from_fn}, routing::get};
    /// use http::{StatusCode, header::AUTHORIZATION};
    /// use tower_bearer::{AccessToken, Require};
    ///
    /// /// The customer whose API key it is. Only `check_api_key` makes one.
    /// #[derive(Clone)]
    /// struct ApiKey { customer: u64 }
    ///
    /// # fn customer_of(key: &str) -> Option<u64> { (key == "ak_live_7").then_some(7) }
    /// async fn check_api_key(mut request: Request, next: Next) -> Response {
    ///     let credential = request.headers().get(AUTHORIZATION).and_then(|line| line.to_str().ok());
    ///     let (scheme, key) = credential.and_then(|line| line.trim().split_once(' ')).unwrap_or_default();
    ///     let key = scheme.eq_ignore_ascii_case("Bearer").then(|| key.trim());
    ///     if let Some(customer) = key.and_then(customer_of) { // in constant time, by a hash of the key
    ///         request.extensions_mut().insert(ApiKey { customer });
    ///     }
    ///     next.run(request).await
    /// }
    /// async fn report(token: Option<AccessToken>, key: Option<Extension<ApiKey>>) -> Result<String, StatusCode> {
    ///     match (token, key) {
    ///         (Some(token), _) => Ok(format!("the report of the user {}", token.subject())),
    ///         (None, Some(Extension(key))) => Ok(format!("the report of the customer {}", key.customer)),
    ///         (None, None) => Err(StatusCode::INTERNAL_SERVER_ERROR), // a mistake: the layer does not let such a request pass
    ///     }
    /// }
    ///
    /// # let api = ResourceServer::builder("https://api.example.com").trust(Issuer::discover("https://login.example.com")?).build()?;
    /// let layer = api
    ///     .layer()
    ///     .ignore_tokens(|text| text.starts_with("ak_live_"))
    ///     .require(Require::scope("reports:read").or_extension::<ApiKey>());
    /// let app: Router = Router::new()
    ///     .route("/report", get(report))
    ///     .route_layer(layer)
    ///     .layer(from_fn(check_api_key)); // outside the protecting layer
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// - An ignored credential passes only if an extension satisfies the requirement of this layer. Otherwise, and without a requirement,
    ///   the answer is 401 `invalid_token`, as for any bad token. A [`Require`] on an inner route is not enough, because this layer
    ///   cannot see whether there is one. It is checked in addition, and needs its own [`or_extension`](Require::or_extension).
    /// - An ignored credential is still a credential. A second one in the request gets 400, and an [optional](Self::optional) layer does
    ///   not treat the request as anonymous. The answer has the same caching headers as for a token from the same
    ///   [source](Self::token_from). A cookie in a cross-site request (CSRF) is refused first.
    /// - There is no [`AccessToken`](crate::AccessToken), either as an extension or for an extractor: see [`axum`](crate::axum).
    /// - A JWT of a trusted issuer is always validated, whatever `are_of_application` returns. Other texts in the form of a JWT can be
    ///   ignored only if their `iss` and other registered claims can be read, whatever their `alg`. So an encrypted one (JWE), or one
    ///   with a duplicate claim, cannot be ignored.
    /// - With the scheme `DPoP`, an ignored credential is refused with 401.
    /// - [`verify_request`](ResourceServer::verify_request) and [`explain_request`](ResourceServer::explain_request) do not know the
    ///   settings of a layer, and treat an ignored credential as a bad token.
    ///
    /// `are_of_application` is called at most once per request, with at most 16 KiB of text that contains only characters allowed in a
    /// Bearer token (RFC 6750 §2.1); any other text is refused as usual. It must be quick and must not block. It also sees tokens, so it
    /// must not log its argument. If it panics, the panic propagates to the caller of this layer, and the request does not reach the
    /// inner service. If `ignore_tokens` is called again, credentials that either function selects are ignored.
    ///
    /// See [several kinds of credentials](crate::manual::several_credentials).
    ///
    /// Default: every credential is validated.
    pub fn ignore_tokens(mut self, are_of_application: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.settings.ignored_tokens = Some(match self.settings.ignored_tokens.take() {
            Some(before) => before.or(are_of_application),
            None => IgnoredTokens::new(are_of_application),
        });
        self
    }

    /// Records the subject of valid tokens in the span of their request: see [`layer`](crate::layer#tracing).
    ///
    /// Default: off, because the subject may be a person, and not everyone who can read traces may see who did what.
    pub fn trace_subject(mut self) -> Self {
        self.settings.tracing = Tracing::WithSubject;
        self
    }

    /// Sets the level of each request's [span](crate::layer#tracing), such as `INFO` for a service whose traces have that level.
    ///
    /// ```
    /// # use tower_bearer::{Issuer, ResourceServer};
    /// # let api = ResourceServer::builder("https://api.example.com").trust(Issuer::discover("https://login.example.com")?).build()?;
    /// let layer = api.layer().trace_level(tracing::Level::INFO);
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// A span is created only if a subscriber is interested in its level. The event that states why a request was refused stays at debug
    /// level, because strangers can cause any number of them; the span has the reason in one word.
    ///
    /// Default: `DEBUG`, so that these spans do not appear among a service's own unless it asks for them.
    pub fn trace_level(mut self, level: Level) -> Self {
        self.settings.span_level = level;
        self
    }

    /// Sets the responder that creates the body of every refusal, including those of an inner [`Require`](crate::Require) or extractor:
    /// [`Problem`](crate::rejection::Problem), [`Grpc`](crate::rejection::Grpc), or your own closure with
    /// [`from_fn`](crate::rejection::from_fn).
    ///
    /// Default: [`Empty`].
    pub fn respond_with<R2>(self, responder: R2) -> ProtectLayer<R2> {
        self.map_responder(|_| responder)
    }

    /// The same layer with a responder that is made of the present one.
    pub(super) fn map_responder<R2>(self, map: impl FnOnce(R) -> R2) -> ProtectLayer<R2> {
        let Settings {
            server,
            sources,
            credentials,
            requirement,
            ignored_tokens,
            challenge_scope,
            tracing,
            span_level,
            responder,
        } = self.settings;
        let responder = map(responder);
        let settings = Settings {
            server,
            sources,
            credentials,
            requirement,
            ignored_tokens,
            challenge_scope,
            tracing,
            span_level,
            responder,
        };
        ProtectLayer { settings }
    }
}

impl<S, R: Clone> Layer<S> for ProtectLayer<R> {
    type Service = Protect<S, R>;

    fn layer(&self, inner: S) -> Protect<S, R> {
        Protect { inner, settings: Arc::new(self.settings.clone()) }
    }
}

/// A service that passes on only requests with a valid access token.
///
/// It is always ready. The inner service is polled for readiness once the token is known to be valid, so a request that is refused, or that
/// waits for its issuer's keys, reserves nothing there, such as a permit of a concurrency limit. An accepted request waits until the inner
/// service is ready. To shed load instead, put a load-shedding layer directly outside the limit.
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

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let outer = Context::clear(request.extensions_mut());
        let mut state = RequestState::begin::<ReqB, ResB>(&self.settings, outer, &mut request);
        let span = request_state::span(self.settings.span_level).entered();
        // Each arm builds the future in its place, because it is large.
        match state.decide(&mut request, &span) {
            // Nobody is woken: if it is not ready, the future polls it again.
            Decision::PassOn => match self.inner.poll_ready(&mut TaskContext::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) => ResponseFuture::inner(self.inner.call(request), state, span.exit()),
                Poll::Ready(Err(_)) | Poll::Pending => {
                    let fresh = self.inner.clone();
                    let service = std::mem::replace(&mut self.inner, fresh);
                    ResponseFuture::admitted(service, request, state, span.exit())
                }
            },
            Decision::Refuse(rejection) => ResponseFuture::refused(rejection, state, span.exit()),
            Decision::Wait(pending) => {
                ResponseFuture::pending(pending, self.inner.clone(), request, state, span.exit())
            }
        }
    }
}
