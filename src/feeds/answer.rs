//! What the sender of a message gets.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

pub(super) type Answer = Response<Full<Bytes>>;

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    with_body(status, Bytes::new())
}

/// The method is not POST.
pub(super) fn only_post() -> Answer {
    let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    answer
}

/// The message may be good, and should be sent again.
pub(super) fn later(status: StatusCode, retry_after: Duration) -> Answer {
    let mut answer = empty(status);
    // Rounded up: zero would be a loop.
    let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
    answer.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
    answer
}

/// The message is not acceptable, and why, in JSON.
pub(super) fn bad(json: String) -> Answer {
    let mut answer = with_body(StatusCode::BAD_REQUEST, json.into());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn with_body(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_retry_is_at_least_a_second_and_rounded_up() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (5000, "5")] {
            let answer = later(StatusCode::SERVICE_UNAVAILABLE, Duration::from_millis(millis));
            assert_eq!(answer.headers()[RETRY_AFTER], seconds);
        }
    }
}
