use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BufMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::answer::Answer;

/// How many messages of one feed are verified and carried out at once: twice as many as may wait for an unknown key while there are keys.
const MAX_MESSAGES: usize = 64;
/// How many bodies of one feed are read at once.
const MAX_READERS: usize = 256;
/// When to retry if there are too many.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(1);
/// The largest body, in bytes. A security event has about 1 KB.
const MAX_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const MAX_READING: Duration = Duration::from_secs(10);

/// Where the messages of one feed come in: how many there may be at once, and how much of each is read.
pub(super) struct Inbox {
    places: Arc<Semaphore>,
    /// Ends the reading of each body when it is dropped, in the order in which they began.
    readers: Mutex<VecDeque<oneshot::Sender<()>>>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MAX_MESSAGES)), readers: Mutex::default() }
    }
}

impl Inbox {
    /// A place for one message. Dropping it frees the place.
    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, Answer> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| full())
    }

    /// Reads the body of a message.
    ///
    /// If there are too many, the one that has been read for the longest time is given up. A good message arrives within milliseconds, so
    /// strangers whose bodies never end do not keep it out.
    pub(super) async fn read<B: Body>(&self, body: B) -> Result<Vec<u8>, Answer> {
        let mut reading = pin!(tokio::time::timeout(MAX_READING, read(body)));
        let mut given_up = pin!(self.begin_reading());
        poll_fn(|cx| match reading.as_mut().poll(cx) {
            Poll::Ready(bytes) => Poll::Ready(bytes.unwrap_or(Err(Answer::empty(StatusCode::REQUEST_TIMEOUT)))),
            Poll::Pending => given_up.as_mut().poll(cx).map(|_| Err(full())),
        })
        .await
    }

    fn begin_reading(&self) -> oneshot::Receiver<()> {
        let (reader, given_up) = oneshot::channel();
        // No code panics between two changes.
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() >= MAX_READERS {
            readers.retain(|reader| !reader.is_closed());
        }
        if readers.len() >= MAX_READERS {
            readers.pop_front();
        }
        readers.push_back(reader);
        given_up
    }
}

fn full() -> Answer {
    Answer::later(StatusCode::TOO_MANY_REQUESTS, RETRY_AFTER_FULL)
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
