use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::ending::Ending;
use super::token_expired::TokenExpired;
use crate::AccessToken;
use crate::rejection::Grpc;

pin_project! {
    /// A response body that ends when the token of its request expires: see [`EndWithToken`](super::EndWithToken).
    ///
    /// It passes on the frames and errors of the inner body until then, and drops the inner body at the end. It has no timer until the
    /// inner body makes it wait: a body that is entirely in memory costs one reading of the clock for each frame, and no allocation.
    pub struct EndingBody<B> {
        // `None` after the end.
        #[pin]
        inner: Option<B>,
        limit: Option<Limit>,
        // Whether the inner body has been polled.
        has_begun: bool,
    }
}

/// When a body ends, and how.
struct Limit {
    token: AccessToken,
    ending: Ending,
    /// [`AccessToken::expires`], once it is waited for. It is `Sync` for those who require it of bodies.
    expires: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl<B> EndingBody<B> {
    /// A body that ends with `token`.
    pub(super) fn limited(inner: B, token: AccessToken, ending: Ending) -> Self {
        Self { inner: Some(inner), limit: Some(Limit { token, ending, expires: None }), has_begun: false }
    }

    /// A body that ends by itself.
    pub(super) fn unlimited(inner: B) -> Self {
        Self { inner: Some(inner), limit: None, has_begun: false }
    }
}

impl<B> Body for EndingBody<B>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    type Data = B::Data;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let polled = inner.poll_frame(cx);
        let is_first = !std::mem::replace(this.has_begun, true);
        match &polled {
            Poll::Ready(None) => this.inner.set(None),
            Poll::Ready(Some(Err(_))) => {}
            // The handler may have taken long. A client that lacked its result would take what has been done for a failure, and repeat it.
            Poll::Ready(Some(Ok(frame))) if is_first || frame.is_trailers() => {}
            // Without its last frame the body would be incomplete for nothing.
            Poll::Ready(Some(Ok(_))) if this.inner.as_ref().as_pin_ref().is_some_and(|inner| inner.is_end_stream()) => {
            }
            // The clock is read after the inner body, so that one that is complete by now stays complete.
            Poll::Pending | Poll::Ready(Some(Ok(_))) => {
                if let Some(limit) = this.limit
                    && limit.is_reached(polled.is_pending(), cx)
                {
                    this.inner.set(None);
                    return Poll::Ready(limit.end());
                }
            }
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    /// An exact size would become a `content-length`, which forbids every end but the last byte and an error.
    fn size_hint(&self) -> SizeHint {
        let Some(inner) = &self.inner else { return SizeHint::with_exact(0) };
        let mut hint = inner.size_hint();
        if self.limit.as_ref().is_some_and(|limit| limit.ending != Ending::Error) {
            let upper = hint.upper();
            hint = SizeHint::new();
            if let Some(upper) = upper {
                hint.set_upper(upper);
            }
        }
        hint
    }
}

impl Limit {
    /// Whether the token has expired. If `waits`, the task is woken when it does.
    ///
    /// The clock is read each time, because it may have jumped, and because a body that is always ready would not have a timer.
    fn is_reached(&mut self, waits: bool, cx: &mut Context<'_>) -> bool {
        if self.token.is_over() {
            return true;
        }
        if waits && self.expires.is_none() {
            self.expires = Some(Box::pin(self.token.expires()));
        }
        self.expires.as_mut().is_some_and(|expires| expires.as_mut().poll(cx).is_ready())
    }

    /// The last frame or error of the body, if it has one.
    fn end<D>(&self) -> Option<Result<Frame<D>, Box<dyn Error + Send + Sync>>> {
        tracing::debug!(
            issuer = self.token.issuer(),
            "response body ended: the access token of its request has expired or was revoked"
        );
        match self.ending {
            Ending::Clean => None,
            Ending::GrpcTrailers => Some(Ok(Frame::trailers(Grpc::trailers_of_expired_token()))),
            Ending::Error => Some(Err(Box::new(TokenExpired::of(&self.token)))),
        }
    }
}

/// For layers outside that make a body themselves.
impl<B: Default> Default for EndingBody<B> {
    fn default() -> Self {
        Self::unlimited(B::default())
    }
}

/// For layers outside that make a body themselves.
impl<B: From<Bytes>> From<Bytes> for EndingBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self::unlimited(bytes.into())
    }
}

impl<B> fmt::Debug for EndingBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndingBody").finish_non_exhaustive()
    }
}
