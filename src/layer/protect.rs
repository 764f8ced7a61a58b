use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;
use tracing::Level;

use super::future::ResponseFuture;
use super::ignored_tokens::IgnoredTokens;
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
    /// layers do not print it. A [header with the client certificate](crate::certificate::CertificateHeader) is removed.
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
    /// request without credentials names the scope to ask for (RFC 6750 §3), which clients of the Model Context Protocol rely on, and
    /// the refusal of an inner [`Require`] names what both need, so that a client which asks for exactly that is not refused again.
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
    /// such a request does not reach. `offline_access` in it is left out, as in every challenge, because no operation of a resource needs
    /// it, and so are scopes that another one of them [implies](crate::token::ScopeHierarchy).
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

    /// Leaves credentials to the application by their text, such as API keys beside tokens: this crate does not validate those for
    /// which `are_of_application` returns true.
    ///
    /// The application checks them in a layer outside of this one, and puts a request extension of a type of its own into the request
    /// if the credential is good. The [requirement](Self::require) of this layer names that type with
    /// [`or_extension`](Require::or_extension):
    ///
    /// ```
    /// # use axum::response::Response;
    /// # use tower_bearer::{Issuer, ResourceServer};
    /// use axum::{Router, extract::{Extension, Request}, middleware::{Next, from_fn}, routing::get};
    /// use http::header::AUTHORIZATION;
    /// use tower_bearer::{AccessToken, Require};
    ///
    /// /// The customer whose API key it is. Only `check_api_key` makes one.
    /// #[derive(Clone)]
    /// struct ApiKey { customer: u64 }
    ///
    /// # fn customer_of(key: &str) -> Option<u64> { (key == "ak_live_7").then_some(7) }
    /// async fn check_api_key(mut request: Request, next: Next) -> Response {
    ///     let credential = request.headers().get(AUTHORIZATION).and_then(|line| line.to_str().ok());
    ///     let key = credential.and_then(|line| line.strip_prefix("Bearer "));
    ///     if let Some(customer) = key.and_then(customer_of) { // in constant time, by a hash of the key
    ///         request.extensions_mut().insert(ApiKey { customer });
    ///     }
    ///     next.run(request).await
    /// }
    /// async fn report(token: Option<AccessToken>, key: Option<Extension<ApiKey>>) -> String {
    ///     match (token, key) {
    ///         (Some(token), _) => format!("the report of the user {}", token.subject()),
    ///         (None, Some(Extension(key))) => format!("the report of the customer {}", key.customer),
    ///         (None, None) => unreachable!("the layer has refused it"),
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
    ///     .layer(from_fn(check_api_key)); // outside of the protecting layer
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// - An ignored credential passes only if an extension satisfies the requirement of this layer. Otherwise, and without a
    ///   requirement, the answer is 401 `invalid_token`, as to any bad token. A [`Require`] on an inner route is not enough, because this
    ///   layer cannot see whether there is one. It is checked in addition, and needs its own
    ///   [`or_extension`](Require::or_extension).
    /// - It counts as a credential. A second one in the request is 400, and an [optional](Self::optional) layer does not treat the
    ///   request as anonymous. The answer has the same caching headers as an answer to a token from the same
    ///   [source](Self::token_from), and a cookie from another site is refused before.
    /// - There is no [`AccessToken`](crate::AccessToken), neither as an extension nor for an extractor: see
    ///   [`axum`](crate::axum).
    /// - A JWT of a trusted issuer is always validated, whatever `are_of_application` returns. Other texts with the form of a JWT can be
    ///   ignored only if their `iss` and their other registered claims can be read, whatever their `alg`; so neither an encrypted
    ///   one (JWE) nor one with a duplicate claim can.
    /// - With the scheme `DPoP` an ignored credential is refused with 401.
    /// - [`verify_request`](ResourceServer::verify_request) and [`explain_request`](ResourceServer::explain_request) do not know the
    ///   settings of a layer. To them it is a bad token.
    ///
    /// `are_of_application` is called at most once for each request, with at most 16 KiB of the characters of a Bearer token (RFC 6750
    /// §2.1). Anything else is refused as without it. It must be quick and must not block. It sees tokens too, so it must not log its
    /// argument. If it panics, the panic goes on to the caller of this layer, and the request does not reach the inner service. If
    /// `ignore_tokens` is called again, credentials of both kinds are ignored.
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
    /// Default: off, because it may be a person's, and not everybody who can read traces may see who did what.
    pub fn trace_subject(mut self) -> Self {
        self.settings.tracing = Tracing::WithSubject;
        self
    }

    /// The level of the [span](crate::layer#tracing) of each request, such as `INFO` for a service whose traces have that level.
    ///
    /// ```
    /// # use tower_bearer::{Issuer, ResourceServer};
    /// # let api = ResourceServer::builder("https://api.example.com").trust(Issuer::discover("https://login.example.com")?).build()?;
    /// let layer = api.layer().trace_level(tracing::Level::INFO);
    /// # Ok::<(), tower_bearer::server::ConfigError>(())
    /// ```
    ///
    /// A span is made only if a subscriber wants its level. The event that states why a request was refused stays at debug, because
    /// strangers cause as many as they like; the span has the reason in one word.
    ///
    /// Default: `DEBUG`, so that the spans of a service are its own unless it asks for these.
    pub fn trace_level(mut self, level: Level) -> Self {
        self.settings.span_level = level;
        self
    }

    /// The responder that makes the body of every refusal, including those of an inner [`Require`](crate::Require) or extractor:
    /// [`Problem`](crate::rejection::Problem), [`Grpc`](crate::rejection::Grpc), or a closure of yours with
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
        let outer = Context::clear(request.extensions_mut());
        let mut state = RequestState::begin::<ReqB, ResB>(&self.settings, outer, &mut request);
        let span = request_state::span(self.settings.span_level).entered();
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
