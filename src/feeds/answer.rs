use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use crate::revocation::{EventOutcome, Feed};

/// What the sender of a message gets.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    json: Option<String>,
}

impl Answer {
    /// An answer without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, retry_after: None, json: None }
    }

    /// The message may be good, and should be sent again.
    pub(super) fn later(status: StatusCode, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::empty(status) }
    }

    /// The message is not acceptable, and why, in English.
    pub(super) fn bad(json: String) -> Self {
        Self { json: Some(json), ..Self::empty(StatusCode::BAD_REQUEST) }
    }

    /// The answer to a request: if it is a POST, to the message in it, which is `received` and counted; otherwise 405.
    pub(super) async fn to(
        method: Method,
        received: impl Future<Output = Result<EventOutcome, Self>>,
        success: StatusCode,
        feed: &Feed,
    ) -> Self {
        if method != Method::POST {
            return Self::empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        let (outcome, answer) = match received.await {
            Ok(outcome) => (outcome, Self::empty(success)),
            Err(answer) => (EventOutcome::Refused, answer),
        };
        feed.count(outcome);
        answer
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let Self { status, retry_after, json } = self;
        let is_json = json.is_some();
        let mut response = Response::new(Full::new(json.map(Bytes::from).unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        if let Some(retry_after) = retry_after {
            // Rounded up: zero would be a loop.
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, seconds.max(1).into());
        }
        if is_json {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_retry_is_at_least_a_second_and_rounded_up() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (5000, "5")] {
            let answer = Answer::later(StatusCode::SERVICE_UNAVAILABLE, Duration::from_millis(millis));
            assert_eq!(answer.into_response().headers()[RETRY_AFTER], seconds);
        }
    }
}
