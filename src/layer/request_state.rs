use std::borrow::Cow;
use std::sync::Arc;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response};
use tracing::{Level, Span, field};

use super::caching;
use super::settings::{Credentials, Settings, Tracing};
use crate::binding::dpop::NONCE;
use crate::credentials::{MalformedCredentials, RequestView, Scheme, SourceIndex};
use crate::metrics;
use crate::rejection::{RejectionContext, Respond, Unrendered, respond};
use crate::server::{Accepted, Admission, Cause, Context, PendingVerdict, Refused, Snapshot, Verdict};
use crate::{Rejection, Require};

/// What the layer keeps of one request, from its arrival to its answer.
pub(super) struct RequestState<R> {
    settings: Arc<Settings<R>>,
    /// The configuration of this request, unless the server has only one.
    pinned: Option<Snapshot>,
    context: RejectionContext,
    basis: AccessBasis,
    /// What to tell the application if the request is refused.
    cause: Cause,
    /// A nonce for the client's next proof, if the inner service succeeds.
    new_nonce: Option<HeaderValue>,
}

/// What is wrong with a credential that the layer ignores, and that no extension replaces.
const IGNORED: &str = "ignored";

/// Why a request passes this layer. An inner layer may still refuse it.
#[derive(Clone, Copy, Debug)]
enum AccessBasis {
    /// A token from this source; `None` is the `Authorization` header.
    Token(Option<SourceIndex>),
    /// An extension, in place of a token, for the credential from this source.
    Extension(Option<SourceIndex>),
    /// No credentials, and none are required.
    Anonymous,
}

/// What happens to a request, as far as it is known on arrival.
pub(super) enum Decision {
    PassOn,
    Refuse(Rejection),
    Wait(PendingVerdict),
}

/// The span of one request.
pub(super) fn span(level: Level) -> Span {
    // The level of a place in the code is constant, so that its span costs a comparison if nobody wants it.
    macro_rules! span_at {
        ($level:expr) => {
            tracing::span!(
                $level,
                "bearer",
                issuer = field::Empty,
                subject = field::Empty,
                outcome = field::Empty,
                reason = field::Empty
            )
        };
    }
    match level {
        Level::ERROR => span_at!(Level::ERROR),
        Level::WARN => span_at!(Level::WARN),
        Level::INFO => span_at!(Level::INFO),
        Level::DEBUG => span_at!(Level::DEBUG),
        Level::TRACE => span_at!(Level::TRACE),
    }
}

/// Removes from the request what names a client certificate.
fn set_aside<B>(server: &Snapshot, request: &mut Request<B>) {
    if let Some(certificates) = server.client_certificates() {
        let mut extensions = std::mem::take(request.extensions_mut());
        certificates.set_aside(request.headers_mut(), &mut extensions);
        *request.extensions_mut() = extensions;
    }
}

impl<R> RequestState<R> {
    /// The state of a request that has just arrived. `outer` is the server of a layer around this one.
    pub(super) fn begin<B, ResB>(settings: &Arc<Settings<R>>, outer: Option<Snapshot>, request: &mut Request<B>) -> Self
    where
        R: Respond<ResB>,
    {
        let pinned = settings.server.pin(outer);
        let server = settings.server.pinned(pinned.as_ref());
        settings.sources.mark_sensitive(request.headers_mut(), server.schemes());
        set_aside(&server, request);
        drop(server);
        Self {
            pinned,
            context: RejectionContext::for_responder(&settings.responder, request),
            basis: AccessBasis::Token(None),
            cause: Cause::default(),
            new_nonce: None,
            settings: Arc::clone(settings),
        }
    }

    pub(super) fn decide<B>(&mut self, request: &mut Request<B>, span: &Span) -> Decision {
        let settings = &*self.settings;
        let server = settings.server.pinned(self.pinned.as_ref());
        let view = RequestView::from(&*request);
        let presented = match settings.sources.find(view, server.schemes()) {
            Ok(presented) => presented,
            Err(MalformedCredentials { used }) => {
                tracing::debug!(error = "malformed credentials, or more than one", "request refused");
                return Decision::Refuse(server.invalid_request(used));
            }
        };
        let Some(presented) = presented else {
            self.basis = AccessBasis::Anonymous;
            return self.admit_anonymous(request).map_or_else(Decision::Refuse, |()| Decision::PassOn);
        };
        if let Some(source) = presented.source {
            if let Err(found) = settings.sources.check_site(source, view, server.is_asked_by_proxies()) {
                tracing::debug!(error = %found, "request refused");
                return Decision::Refuse(Rejection::cross_site());
            }
            self.basis = AccessBasis::Token(Some(source));
        }
        if settings.ignored_tokens.as_ref().is_some_and(|ignored| ignored.contain(&presented, &server)) {
            let (scheme, source) = (presented.scheme, presented.source);
            return self
                .admit_ignored(scheme, source, request, span)
                .map_or_else(Decision::Refuse, |()| Decision::PassOn);
        }
        let admission = server.admit(&presented, view, span);
        drop(server);
        self.follow(admission, request, span)
    }

    /// Goes on with a request that has waited.
    pub(super) fn resume<B>(&mut self, verdict: Verdict, request: &mut Request<B>, span: &Span) -> Decision {
        let Settings { server: handle, sources, .. } = &*self.settings;
        let server = handle.pinned(self.pinned.as_ref());
        let view = RequestView::from(&*request);
        // The request has not changed since it arrived, so it has credentials.
        let Ok(Some(presented)) = sources.find(view, server.schemes()) else {
            return Decision::Refuse(server.invalid_request(Scheme::Bearer));
        };
        let newer = verdict.token().and_then(|token| handle.successor(&server, token));
        let admission = match &newer {
            None => server.resume(verdict, &presented, view, span),
            Some(newer) => newer.restart(verdict, &presented, view, span),
        };
        drop(server);
        if let Some(newer) = &newer {
            // It may name other headers that no handler sees.
            set_aside(newer, request);
        }
        self.pinned = newer.or(self.pinned.take());
        self.follow(admission, request, span)
    }

    fn follow<B>(&mut self, admission: Admission, request: &mut Request<B>, span: &Span) -> Decision {
        match admission {
            Admission::Accepted(accepted) => {
                self.grant(accepted, request, span).map_or_else(Decision::Refuse, |()| Decision::PassOn)
            }
            Admission::Refused(Refused { rejection, cause }) => {
                self.cause = cause;
                Decision::Refuse(rejection)
            }
            Admission::Pending(pending) => Decision::Wait(pending),
        }
    }

    /// The answer to a request that is refused here.
    pub(super) fn refuse<B>(&self, rejection: Rejection, span: &Span) -> Response<B>
    where
        R: Respond<B>,
    {
        let kind = rejection.kind().name();
        span.record("outcome", kind);
        metrics::request_refused(kind);
        self.server().report_refusal(&rejection, &self.cause);
        respond(rejection, &self.settings.responder, &self.context)
    }

    /// The answer of the inner service as the client gets it.
    pub(super) fn finish<B>(&mut self, mut response: Response<B>, span: &Span) -> Response<B>
    where
        R: Respond<B>,
    {
        if let Some(Unrendered(rejection)) = response.extensions_mut().remove() {
            return self.render(response, rejection, span);
        }
        let outcome = match self.basis {
            AccessBasis::Token(_) => "granted",
            AccessBasis::Extension(_) => "granted_by_extension",
            AccessBasis::Anonymous => "anonymous",
        };
        span.record("outcome", outcome);
        let succeeds = response.status().is_success() && !is_refusal(&response);
        if let Some(nonce) = self.new_nonce.take().filter(|_| succeeds) {
            response.headers_mut().insert(NONCE, nonce);
            // RFC 9449 §8.2: a stored answer would bring an old nonce.
            caching::forbid_storing(response.headers_mut());
        }
        self.restrict_caching(response.headers_mut());
        response
    }

    /// A refusal of an inner layer gets its body here, so that one responder makes all of them. What the layers in between have
    /// added, such as CORS headers, stays. No cache may store it, whatever the token.
    fn render<B>(&self, response: Response<B>, rejection: Rejection, span: &Span) -> Response<B>
    where
        R: Respond<B>,
    {
        let (mut parts, _) = response.into_parts();
        // They describe the body that is replaced.
        for name in [CONTENT_LENGTH, CONTENT_TYPE, CONTENT_ENCODING] {
            parts.headers.remove(name);
        }
        let (rendered, body) = self.refuse(rejection, span).into_parts();
        for name in rendered.headers.keys() {
            parts.headers.remove(name);
        }
        parts.headers.extend(rendered.headers);
        caching::forbid_storing(&mut parts.headers);
        parts.extensions.extend(rendered.extensions);
        parts.status = rendered.status;
        Response::from_parts(parts, body)
    }

    /// Passes an accepted token on, if it satisfies the requirement of the layer.
    fn grant<B>(&mut self, accepted: Accepted, request: &mut Request<B>, span: &Span) -> Result<(), Rejection> {
        let Accepted { token, proof } = accepted;
        if self.server().reports_refusals() {
            // An inner layer may refuse it.
            self.cause.token = Some(token.clone());
        }
        let Settings { requirement, tracing, .. } = &*self.settings;
        let server = self.server();
        span.record("issuer", token.issuer());
        if *tracing == Tracing::WithSubject {
            span.record("subject", token.subject());
        }
        if let Some(requirement) = requirement {
            server.check_within(None, &token, requirement)?;
        }
        Context::grant(server.into_owned(), token, requirement.clone(), request.extensions_mut());
        if let Some(proof) = proof {
            if let Some(used) = proof.used {
                used.note(request.extensions_mut());
            }
            self.new_nonce = proof.new_nonce;
        }
        Ok(())
    }

    /// Passes on a request whose credential the layer ignores, if an extension satisfies the requirement of the layer. An inner
    /// requirement cannot stand in for it: whether there is one is not known here, and a handler that takes no token would be
    /// reached without it.
    fn admit_ignored<B>(
        &mut self,
        used: Scheme,
        source: Option<SourceIndex>,
        request: &mut Request<B>,
        span: &Span,
    ) -> Result<(), Rejection> {
        let requirement = &self.settings.requirement;
        let server = self.server();
        let is_satisfied = requirement.as_ref().is_some_and(|it| it.is_satisfied_without_token(request.extensions()));
        let reason = match used {
            Scheme::Bearer if is_satisfied => {
                Context::grant_by_extension(server.into_owned(), request.extensions_mut());
                self.basis = AccessBasis::Extension(source);
                return Ok(());
            }
            Scheme::Bearer => {
                "the layer ignores the credential, but its requirement accepts no extension of the request instead"
            }
            // It says that the credential is bound to a key, which nobody has checked.
            Scheme::Dpop => "the layer ignores the credential, which came with the scheme DPoP",
        };
        let rejection = server.refuse_ignored(used, reason);
        drop(server);
        self.cause.reason = Some(IGNORED);
        span.record("reason", IGNORED);
        Err(rejection)
    }

    /// Passes a request without credentials on, if that is allowed.
    fn admit_anonymous<B>(&self, request: &mut Request<B>) -> Result<(), Rejection> {
        let Settings { credentials, requirement, challenge_scope, .. } = &*self.settings;
        let server = self.server();
        if *credentials == Credentials::Optional && requirement.is_none() {
            Context::anonymous(server.into_owned(), request.extensions_mut());
            return Ok(());
        }
        let of_requirement = || requirement.as_ref().and_then(Require::scope_to_ask_for);
        Err(server.no_credentials(challenge_scope.clone().or_else(of_requirement)))
    }

    /// The configuration of this request.
    fn server(&self) -> Cow<'_, Snapshot> {
        self.settings.server.pinned(self.pinned.as_ref())
    }

    fn restrict_caching(&self, headers: &mut HeaderMap) {
        let sources = &self.settings.sources;
        match self.basis {
            AccessBasis::Token(None) | AccessBasis::Extension(None) => {
                // A cache that stores it must not give it to somebody without a token, who gets another answer.
                if self.settings.credentials == Credentials::Optional {
                    caching::vary_by(headers, sources.header_names());
                }
            }
            AccessBasis::Token(Some(source)) | AccessBasis::Extension(Some(source)) => {
                caching::keep_private(headers);
                caching::vary_by(headers, sources.header_name(source));
            }
            AccessBasis::Anonymous => caching::vary_by(headers, sources.header_names()),
        }
    }
}

/// Whether an inner protecting layer has refused the request.
fn is_refusal<B>(response: &Response<B>) -> bool {
    response.extensions().get::<Rejection>().is_some()
}
