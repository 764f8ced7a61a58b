use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use serde_json::json;
use tower_service::Service;

use super::bearer_token::BearerToken;
use super::event_kind::EventKind;
use super::matching::Matching;
use super::resolver::Resolver;
use super::security_event::SecurityEvent;
use super::subject::{Identifier, Subject};
use super::unmatched_subject::UnmatchedSubject;
use crate::feeds::answer::Answer;
use crate::feeds::event_message::{EventMessage, Expected};
use crate::feeds::feed_issuer::FeedIssuer;
use crate::feeds::inbox::{Inbox, is_of_type};
use crate::feeds::message_error::MessageError;
use crate::feeds::revoke_all::revoke_all;
use crate::jose::Scratch;
use crate::revocation::{EventOutcome, Feed, Revocations};

/// RFC 8935 §2.1.
const CONTENT_TYPE: &str = "application/secevent+jwt";
/// RFC 8417 §2.3: written without `application/`.
const TYPE: &str = "secevent+jwt";
/// When to retry if the application cannot say whom an event is about.
const RETRY_AFTER_RESOLVING: Duration = Duration::from_secs(5);

/// The service that receives security events: see [`SharedSignals`](super::SharedSignals). Clones share everything.
#[derive(Clone)]
pub struct SharedSignalsReceiver(Arc<Inner>);

pub(super) struct Inner {
    pub(super) issuer: FeedIssuer,
    pub(super) audience: Box<str>,
    pub(super) accepts_any_jwt_type: bool,
    pub(super) bearer_token: Option<BearerToken>,
    pub(super) matching: Matching,
    pub(super) resolver: Option<Resolver>,
    pub(super) revocations: Revocations,
    pub(super) feed: Arc<Feed>,
    pub(super) inbox: Inbox,
}

impl SharedSignalsReceiver {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl<B> Service<Request<B>> for SharedSignalsReceiver
where
    B: Body<Data: Send> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { Ok(inner.answer(request).await.into_response()) })
    }
}

impl Inner {
    async fn answer<B: Body>(&self, request: Request<B>) -> Answer {
        Answer::to(request.method().clone(), self.receive(request), StatusCode::ACCEPTED, &self.feed).await
    }

    async fn receive<B: Body>(&self, request: Request<B>) -> Result<EventOutcome, Answer> {
        let arrived = self.issuer.clock.monotonic();
        let (head, body) = request.into_parts();
        self.check_head(&head.headers).map_err(|error| self.refuse(&error))?;
        let body = self.inbox.read(body).await?;
        let _place = self.inbox.enter()?;
        let (mut scratch, now) = (Scratch::default(), self.issuer.clock.now());
        let known = &self.issuer.known_headers;
        let text = std::str::from_utf8(&body).map_err(|_| self.refuse(&MessageError::NotUtf8))?.trim_ascii();
        let message = EventMessage::check(text, self.expected(), now, &mut scratch, known);
        let message = message.map_err(|error| self.refuse(&error))?;
        let event = SecurityEvent::read(&message).map_err(|error| self.refuse(&error))?;
        self.issuer.verify(&message, arrived).await.map_err(|error| error.answer(|error| self.refuse(error)))?;
        self.feed.heard_message(message.issued_at.into());
        self.carry_out(event).await
    }

    /// Before anything is read.
    fn check_head(&self, headers: &HeaderMap) -> Result<(), MessageError> {
        if self.bearer_token.as_ref().is_some_and(|token| !token.is_in(headers)) {
            return Err(MessageError::BearerToken);
        }
        if is_of_type(headers, CONTENT_TYPE) {
            Ok(())
        } else {
            Err(MessageError::ContentType { expected: CONTENT_TYPE })
        }
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            typ: TYPE,
            is_typ_optional: self.accepts_any_jwt_type,
            issuer: &self.issuer.name,
            audience: &self.audience,
            algorithms: self.issuer.algorithms,
        }
    }

    async fn carry_out(&self, event: SecurityEvent) -> Result<EventOutcome, Answer> {
        let SecurityEvent { event_type, kind, time, subject } = event;
        match (kind, subject) {
            (EventKind::EndsTrust, Some((subject, json))) => {
                let issuer = self.issuer.name.clone();
                let unmatched = UnmatchedSubject { issuer, event_type: event_type.into(), time, subject: json };
                self.end_trust(&subject, unmatched).await
            }
            (EventKind::Verification(state), _) => {
                self.feed.set_verification_state(state.as_deref());
                Ok(EventOutcome::NoEffect)
            }
            // Drafts have updates for one user, whose stream may be paused alone.
            (EventKind::StreamUpdated(state), subject) if subject.as_ref().is_none_or(|(it, _)| is_stream(it)) => {
                self.feed.set_stream_state(state);
                Ok(EventOutcome::NoEffect)
            }
            _ => Ok(EventOutcome::NoEffect),
        }
    }

    async fn end_trust(&self, subject: &Subject, unmatched: UnmatchedSubject) -> Result<EventOutcome, Answer> {
        let issuer = &*self.issuer.name;
        let mut matched = self.matching.matched(subject, unmatched.time);
        if let Some(member) = matched.not_understood {
            tracing::debug!(
                issuer,
                member,
                "a security event is discarded: a critical member of its subject is unknown"
            );
            return Ok(EventOutcome::NoEffect);
        }
        // Before the application is asked, which may take its time, or fail.
        let mut made = revoke_all(&self.revocations, &matched.revocations, issuer).await;
        if let Some(resolver) = self.resolver.as_ref().filter(|_| matched.is_unmatched) {
            match resolver.resolve(unmatched).await {
                Ok(found) => {
                    made = made.and(revoke_all(&self.revocations, &found, issuer).await);
                    matched.revocations.extend(found);
                }
                Err(error) => {
                    tracing::warn!(issuer, %error, "the application cannot say whom a security event is about");
                    return Err(Answer::later(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER_RESOLVING));
                }
            }
        }
        if matched.revocations.is_empty() {
            let is_of_other = matched.is_of_other_issuer;
            tracing::debug!(issuer, is_of_other, "a security event has a subject that tokens are not compared with");
            return Ok(if is_of_other { EventOutcome::OtherIssuer } else { EventOutcome::Unmatched });
        }
        made.map(|()| EventOutcome::Revoked)
    }

    /// RFC 8935 §2.3.
    fn refuse(&self, error: &MessageError) -> Answer {
        tracing::debug!(issuer = &*self.issuer.name, %error, "a security event is refused");
        let json = json!({ "err": error.code(), "description": error.description() });
        Answer::bad(json.to_string())
    }
}

/// SSF 1.0 §8.1.5: the subject is the stream, by its identifier.
fn is_stream(subject: &Subject) -> bool {
    matches!(subject, Subject::Simple(identifiers) if matches!(**identifiers, [Identifier::Opaque(_)]))
}

impl fmt::Debug for SharedSignalsReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSignalsReceiver").field("issuer", &self.0.issuer.name).finish_non_exhaustive()
    }
}
