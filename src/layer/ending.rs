use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use crate::rejection::GrpcForm;

/// How a response body ends when the token of its request has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// As if it were complete.
    Clean,
    /// With trailers that say so to a gRPC client.
    GrpcTrailers,
    /// With an error, so that nobody takes it for complete.
    Error,
}

impl Ending {
    /// The ending of a response with these `headers`.
    ///
    /// - An event stream has no last event: a client keeps what it got, and connects again (HTML, "Server-sent events").
    /// - In gRPC no response is complete without a status. Trailers with a status reach a gRPC-Web client only in the body, where a
    ///   layer that knows its frames would have to write them.
    ///
    /// Both can end early only if no length is stated (RFC 9110 §8.6), and an encoded event stream has an end that only its encoder
    /// can write.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(CONTENT_LENGTH) {
            return Self::Error;
        }
        match GrpcForm::of(headers) {
            Some(GrpcForm::Http2) => Self::GrpcTrailers,
            None if is_event_stream(headers) && !headers.contains_key(CONTENT_ENCODING) => Self::Clean,
            Some(GrpcForm::Web) | None => Self::Error,
        }
    }
}

/// Whether the media type is `text/event-stream`, whatever its parameters (RFC 9110 §8.3.1).
fn is_event_stream(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let media_type = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_ending_depends_on_the_headers_of_the_response() {
        const TYPE: &str = "content-type";
        for (lines, ending) in [
            (&[][..], Ending::Error),
            (&[(TYPE, "text/plain")], Ending::Error),
            (&[(TYPE, "application/octet-stream")], Ending::Error),
            (&[(TYPE, "text/event-stream")], Ending::Clean),
            (&[(TYPE, "Text/Event-Stream")], Ending::Clean),
            (&[(TYPE, "text/event-stream; charset=utf-8")], Ending::Clean),
            (&[(TYPE, "text/event-stream ;charset=utf-8")], Ending::Clean),
            (&[(TYPE, "text/event-streams")], Ending::Error),
            (&[(TYPE, "text/event-stream, text/plain")], Ending::Error),
            (&[(TYPE, "text/plain; x=text/event-stream")], Ending::Error),
            (&[(TYPE, "text/event-stream"), (TYPE, "text/event-stream")], Ending::Error),
            (&[(TYPE, "text/event-stream"), ("content-length", "100")], Ending::Error),
            (&[(TYPE, "text/event-stream"), ("content-encoding", "gzip")], Ending::Error),
            (&[(TYPE, "application/grpc")], Ending::GrpcTrailers),
            (&[(TYPE, "application/grpc+proto")], Ending::GrpcTrailers),
            (&[(TYPE, "Application/gRPC;x=y")], Ending::GrpcTrailers),
            (&[(TYPE, "application/grpcish")], Ending::Error),
            (&[(TYPE, "application/grpc"), (TYPE, "application/grpc")], Ending::Error),
            (&[(TYPE, "application/grpc"), ("content-length", "5")], Ending::Error),
            (&[(TYPE, "application/grpc-web")], Ending::Error),
            (&[(TYPE, "application/grpc-web-text+proto")], Ending::Error),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(Ending::of(&headers), ending, "{lines:?}");
        }
    }
}
