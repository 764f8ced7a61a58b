use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a request behind [`Operations`](super::Operations), unchanged, whether or not the layer
    /// has read it.
    #[derive(Debug)]
    pub struct MessageBody<B> {
        #[pin]
        form: Form<B>,
    }
}

pin_project! {
    #[project = FormProjection]
    #[derive(Debug)]
    enum Form<B> {
        Unread { #[pin] body: B },
        Read { bytes: Bytes },
    }
}

impl<B> MessageBody<B> {
    pub(crate) fn unread(body: B) -> Self {
        Self { form: Form::Unread { body } }
    }

    pub(crate) fn read(bytes: Bytes) -> Self {
        Self { form: Form::Read { bytes } }
    }
}

impl<B: Body<Data = Bytes>> Body for MessageBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().form.project() {
            FormProjection::Unread { body } => body.poll_frame(cx),
            FormProjection::Read { bytes } if bytes.is_empty() => Poll::Ready(None),
            FormProjection::Read { bytes } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.form {
            Form::Unread { body } => body.is_end_stream(),
            Form::Read { bytes } => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.form {
            Form::Unread { body } => body.size_hint(),
            Form::Read { bytes } => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}
