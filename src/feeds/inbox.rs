use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::Answer;

/// How many messages of one feed are read and verified at once.
const MAX_MESSAGES: usize = 64;
/// When to retry if there are that many.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(1);
/// The largest body, in bytes. A security event has about 1 KB.
const MAX_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const MAX_READING: Duration = Duration::from_secs(10);

/// Where the messages of one feed come in: how many there may be at once, and how much of each is read.
pub(super) struct Inbox(Arc<Semaphore>);

impl Default for Inbox {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_MESSAGES)))
    }
}

impl Inbox {
    /// A place for one message. Dropping it frees the place.
    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, Answer> {
        let full = |_| Answer::later(StatusCode::TOO_MANY_REQUESTS, RETRY_AFTER_FULL);
        Arc::clone(&self.0).try_acquire_owned().map_err(full)
    }

    /// Reads the body of a message.
    pub(super) async fn read<B: Body>(&self, body: B) -> Result<Vec<u8>, Answer> {
        let late = Err(Answer::empty(StatusCode::REQUEST_TIMEOUT));
        tokio::time::timeout(MAX_READING, read(body)).await.unwrap_or(late)
    }
}

async fn read<B: Body>(body: B) -> Result<Vec<u8>, Answer> {
    let mut body = std::pin::pin!(body);
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(Answer::empty(StatusCode::PAYLOAD_TOO_LARGE));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        // The sender has closed the connection, or breaks the protocol.
        let Ok(frame) = frame else { return Err(Answer::empty(StatusCode::BAD_REQUEST)) };
        let Ok(data) = frame.into_data() else { continue };
        if data.remaining() > MAX_BODY - bytes.len() {
            return Err(Answer::empty(StatusCode::PAYLOAD_TOO_LARGE));
        }
        bytes.put(data);
    }
    Ok(bytes)
}

/// Whether there is one content type, and it is this one, whatever its parameters.
pub(super) fn is_of_type(headers: &HeaderMap, expected: &str) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(found), None) = (types.next(), types.next()) else { return false };
    let media_type = found.to_str().ok().and_then(|found| found.split(';').next());
    media_type.is_some_and(|found| found.trim().eq_ignore_ascii_case(expected))
}
