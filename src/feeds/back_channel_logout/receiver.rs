use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use serde_json::json;
use tower_service::Service;

use super::logout::Logout;
use crate::feeds::answer::Answer;
use crate::feeds::event_message::{EventMessage, Expected};
use crate::feeds::feed_issuer::FeedIssuer;
use crate::feeds::inbox::{Inbox, is_of_type};
use crate::feeds::message_error::MessageError;
use crate::feeds::revoke_all::revoke_all;
use crate::jose::Scratch;
use crate::revocation::{EventOutcome, Feed, Revocations};

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";
/// OpenID Connect Back-Channel Logout 1.0 §2.4: recommended, and many providers write `JWT` or nothing.
const TYPE: &str = "logout+jwt";

/// The service that receives logout tokens: see [`BackChannelLogout`](super::BackChannelLogout). Clones share everything.
#[derive(Clone)]
pub struct LogoutReceiver(Arc<Inner>);

struct Inner {
    issuer: FeedIssuer,
    client_id: Box<str>,
    requires_exp: bool,
    revocations: Revocations,
    feed: Arc<Feed>,
    inbox: Inbox,
}

impl LogoutReceiver {
    pub(super) fn new(
        issuer: FeedIssuer,
        client_id: Box<str>,
        requires_exp: bool,
        revocations: Revocations,
        feed: Arc<Feed>,
    ) -> Self {
        Self(Arc::new(Inner { issuer, client_id, requires_exp, revocations, feed, inbox: Inbox::default() }))
    }
}

impl<B> Service<Request<B>> for LogoutReceiver
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
        Answer::to(request.method().clone(), self.receive(request), StatusCode::OK, &self.feed).await
    }

    async fn receive<B: Body>(&self, request: Request<B>) -> Result<EventOutcome, Answer> {
        let clock = &*self.issuer.clock;
        let arrived = clock.monotonic();
        let (head, body) = request.into_parts();
        if !is_of_type(&head.headers, CONTENT_TYPE) {
            return Err(self.refuse(&MessageError::ContentType { expected: CONTENT_TYPE }));
        }
        let body = self.inbox.read(body).await?;
        let _place = self.inbox.enter()?;
        let text = logout_token(&body).map_err(|error| self.refuse(&error))?;
        let (mut scratch, now) = (Scratch::default(), clock.now());
        let message = EventMessage::check(&text, self.expected(), now, &mut scratch, &self.issuer.known_headers);
        let message = message.map_err(|error| self.refuse(&error))?;
        let logout = Logout::read(&message, self.requires_exp, now.into()).map_err(|error| self.refuse(&error))?;
        self.issuer.verify(&message, arrived).await.map_err(|error| error.answer(|error| self.refuse(error)))?;
        self.feed.heard();
        revoke_all(&self.revocations, &[logout.revocation(&self.issuer.name)], &self.issuer.name).await?;
        Ok(EventOutcome::Revoked)
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            typ: TYPE,
            is_typ_optional: true,
            issuer: &self.issuer.name,
            audience: &self.client_id,
            algorithms: self.issuer.algorithms,
        }
    }

    /// OpenID Connect Back-Channel Logout 1.0 §2.8.
    fn refuse(&self, error: &MessageError) -> Answer {
        tracing::debug!(issuer = &*self.issuer.name, %error, "a logout token is refused");
        Answer::bad(json!({ "error": "invalid_request", "error_description": error.description() }).to_string())
    }
}

/// The `logout_token` of the form. Two are ambiguous.
fn logout_token(form: &[u8]) -> Result<String, MessageError> {
    let mut tokens = url::form_urlencoded::parse(form).filter(|(name, _)| name == "logout_token");
    match (tokens.next(), tokens.count()) {
        (Some((_, token)), 0) => Ok(token.into_owned()),
        (first, further) => Err(MessageError::LogoutTokens { found: usize::from(first.is_some()) + further }),
    }
}

impl fmt::Debug for LogoutReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutReceiver").field("issuer", &self.0.issuer.name).finish_non_exhaustive()
    }
}
