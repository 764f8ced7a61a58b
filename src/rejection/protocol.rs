use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, Method, Request, StatusCode, Version};

/// Where the status of a refusal is written. Only this crate can create a value, so no responder can lose the status.
#[derive(Clone, Copy, Debug)]
pub struct Protocol(StatusIn);

#[derive(Clone, Copy, Debug)]
enum StatusIn {
    StatusLine,
    GrpcHeaders,
}

impl Protocol {
    pub(super) const HTTP: Self = Self(StatusIn::StatusLine);
    pub(super) const GRPC: Self = Self(StatusIn::GrpcHeaders);

    /// gRPC clients expect 200 and read the status in the headers. To any other client 200 would be a success.
    pub(super) fn status(self, status: StatusCode, caller: Caller) -> StatusCode {
        match (self.0, caller) {
            (StatusIn::GrpcHeaders, Caller::Grpc) => StatusCode::OK,
            (StatusIn::StatusLine, _) | (StatusIn::GrpcHeaders, Caller::Http) => status,
        }
    }
}

/// The protocol that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// HTTP, and also gRPC-Web: the status is in the status line.
    Http,
    /// gRPC over HTTP/2: the status is in the headers.
    Grpc,
}

impl Caller {
    /// gRPC over HTTP/2, "Requests": by version, method, content type and `te: trailers`, all of which a gRPC client sends. The
    /// content type alone proves nothing. A page cannot send `te`, and a proxy that speaks HTTP/1.1 to this server removes it.
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let is_grpc = request.version() == Version::HTTP_2
            && request.method() == Method::POST
            && GrpcForm::of(headers).is_some()
            && accepts_trailers(headers);
        if is_grpc { Self::Grpc } else { Self::Http }
    }
}

/// A form of gRPC, by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrpcForm {
    /// gRPC over HTTP/2: the status is in the trailers.
    Http2,
    /// gRPC-Web: the status is at the end of the body.
    Web,
}

impl GrpcForm {
    /// The form whose content type is `application/grpc`, alone or followed by `+`, `;` or, in gRPC-Web, `-web`.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        const GRPC: &[u8] = b"application/grpc";
        let mut lines = headers.get_all(CONTENT_TYPE).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return None };
        let (start, rest) = line.as_bytes().split_at_checked(GRPC.len())?;
        match rest {
            _ if !start.eq_ignore_ascii_case(GRPC) => None,
            [] | [b'+' | b';', ..] => Some(Self::Http2),
            [b'-', ..] => Some(Self::Web),
            _ => None,
        }
    }
}

/// RFC 9110 §10.1.4.
fn accepts_trailers(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}
