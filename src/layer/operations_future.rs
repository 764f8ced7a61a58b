use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::require::{check, check_again};
use crate::Rejection;
use crate::mcp::{MAX_MESSAGE_LENGTH, MessageBody, MessageError, Owner, Rules};

pin_project! {
    /// The response future of [`OperationsService`](super::OperationsService).
    #[must_use = "futures do nothing unless polled"]
    pub struct OperationsFuture<S, B>
    where
        S: Service<Request<MessageBody<B>>>,
    {
        #[pin]
        progress: Progress<S, B, S::Future>,
        rules: Arc<Rules>,
    }
}

pin_project! {
    /// How far a request has come.
    #[project = ProgressProjection]
    enum Progress<S, B, F> {
        Reading { #[pin] body: B, read: Vec<u8>, parked: Option<Box<Parked<S>>> },
        Admitted { read: Bytes, parked: Option<Box<Parked<S>>> },
        Inner { #[pin] future: F, owner: Owner },
        Refused { rejection: Option<Rejection> },
    }
}

/// A request whose body is being read, and a service that only this request uses. The service is not polled ready before the token
/// is found to suffice: it may reserve a place then. It is boxed, because most futures never have one.
struct Parked<S> {
    service: S,
    head: Parts,
    owner: Owner,
}

impl<S, B> OperationsFuture<S, B>
where
    S: Service<Request<MessageBody<B>>>,
{
    pub(super) fn inner(future: S::Future, rules: Arc<Rules>, owner: Owner) -> Self {
        Self { progress: Progress::Inner { future, owner }, rules }
    }

    pub(super) fn reading(service: S, head: Parts, body: B, rules: Arc<Rules>, owner: Owner) -> Self {
        let parked = Some(Box::new(Parked { service, head, owner }));
        Self { progress: Progress::Reading { body, read: Vec::new(), parked }, rules }
    }

    pub(super) fn refused(rejection: Rejection, rules: Arc<Rules>) -> Self {
        Self { progress: Progress::Refused { rejection: Some(rejection) }, rules }
    }
}

impl<S, B, ResB> Future for OperationsFuture<S, B>
where
    S: Service<Request<MessageBody<B>>, Response = Response<ResB>>,
    B: Body<Data = Bytes>,
    ResB: Default,
{
    type Output = Result<Response<ResB>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.progress.as_mut().project() {
                ProgressProjection::Reading { body, read, parked } => {
                    let message = ready!(poll_message(body, read, cx));
                    let parked = parked.take().expect("polled after it was ready");
                    let needed = message.and_then(|()| this.rules.of_request(&parked.head.method, read));
                    let needed = needed.map_err(|error| refusal(&error));
                    match needed.and_then(|needed| check(&needed, &parked.head.extensions)) {
                        Ok(()) => Progress::Admitted { read: std::mem::take(read).into(), parked: Some(parked) },
                        Err(rejection) => Progress::Refused { rejection: Some(rejection) },
                    }
                }
                ProgressProjection::Admitted { read, parked } => {
                    ready!(parked.as_mut().expect("polled after it was ready").service.poll_ready(cx))?;
                    let Parked { mut service, head, owner } = *parked.take().expect("it was polled above");
                    // It may have waited long for the service.
                    match check_again(&head.extensions) {
                        Ok(()) => {
                            let request = Request::from_parts(head, MessageBody::read(std::mem::take(read)));
                            Progress::Inner { future: service.call(request), owner }
                        }
                        Err(rejection) => Progress::Refused { rejection: Some(rejection) },
                    }
                }
                ProgressProjection::Inner { future, owner } => {
                    let mut response = ready!(future.poll(cx))?;
                    this.rules.sessions().bind(owner, response.headers_mut());
                    return Poll::Ready(Ok(response));
                }
                ProgressProjection::Refused { rejection } => {
                    return Poll::Ready(Ok(rejection.take().expect("polled after it was ready").response()));
                }
            };
            this.progress.set(next);
        }
    }
}

/// Reads the rest of a message.
fn poll_message<B: Body<Data = Bytes>>(
    mut body: Pin<&mut B>,
    read: &mut Vec<u8>,
    cx: &mut TaskContext<'_>,
) -> Poll<Result<(), MessageError>> {
    while let Some(frame) = ready!(body.as_mut().poll_frame(cx)) {
        // The error of a body may be of any type.
        let Ok(frame) = frame else { return Poll::Ready(Err(MessageError::Unreadable)) };
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > MAX_MESSAGE_LENGTH - read.len() {
            return Poll::Ready(Err(MessageError::TooLong));
        }
        read.extend_from_slice(&data);
    }
    Poll::Ready(Ok(()))
}

/// The refusal of a request of which it is not known what it needs.
pub(super) fn refusal(error: &MessageError) -> Rejection {
    tracing::debug!(%error, "request refused");
    match error {
        MessageError::TooLong => Rejection::message_too_long(),
        _ => Rejection::invalid_message(),
    }
}

impl<S, B> fmt::Debug for OperationsFuture<S, B>
where
    S: Service<Request<MessageBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationsFuture").finish_non_exhaustive()
    }
}
