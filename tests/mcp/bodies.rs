//! The bodies of requests: how they are read, how long they may be, and what reaches the inner service.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http::{HeaderName, Request, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::mcp::{MAX_MESSAGE_LENGTH, MessageBody};
use tower_bearer::rejection::{Problem, RejectionKind};
use tower_bearer::{AccessToken, Rejection};

use super::{Rig, call, operations, post};
use crate::harness::{good, server};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// A body that nobody may read.
pub(super) struct Unreadable;

impl http_body::Body for Unreadable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body is read");
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(MAX_MESSAGE_LENGTH as u64 + 1)
    }
}

/// A body of these chunks, whose length nobody knows before, or which fails at the end.
struct Chunks {
    chunks: Vec<Bytes>,
    fails: bool,
}

impl Chunks {
    fn of(text: &str, size: usize) -> Self {
        let mut chunks: Vec<_> = text.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        chunks.reverse();
        Self { chunks, fails: false }
    }
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let next = self.chunks.pop().map(|chunk| Ok(Frame::data(chunk)));
        Poll::Ready(next.or_else(|| self.fails.then_some(Err("the connection was reset"))))
    }
}

/// A body of which nothing ever comes.
pub(super) struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A message of this length.
fn of_length(length: usize) -> String {
    let text = call("list");
    let padding = " ".repeat(length - text.len());
    text + &padding
}

#[tokio::test]
async fn a_body_may_have_one_mebibyte() {
    let rig = Rig::new(operations());
    let token = rig.token("read");
    let longest = of_length(MAX_MESSAGE_LENGTH);
    rig.post(&token, longest.clone()).await.assert_ok();
    for size in [1000, 1 << 20] {
        rig.post(&token, Body::new(Chunks::of(&longest, size))).await.assert_ok();
    }
    assert!(rig.reached.lock().unwrap().iter().all(|(_, body)| *body == longest));
    let longer = of_length(MAX_MESSAGE_LENGTH + 1);
    for body in [
        Body::from(longer.clone()),
        Body::new(Chunks::of(&longer, 1000)),
        Body::new(Chunks::of(&longer, 1 << 21)),
        // By its length alone.
        Body::new(Unreadable),
    ] {
        let answer = rig.post(&token, body).await;
        assert_eq!((answer.status, answer.challenge()), (StatusCode::PAYLOAD_TOO_LARGE, None));
    }
    assert_eq!(rig.reached(), 3);
}

#[tokio::test]
async fn a_body_that_tells_no_operation_is_refused() {
    let rig = Rig::new(operations());
    // It may do everything.
    let token = rig.token("read write drafts resources");
    let nested = |levels: usize| format!(r#"{{"method":"m","params":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    for body in [
        "",
        " ",
        "x",
        "1",
        "null",
        "\"tools/call\"",
        "{}",
        "[]",
        "[[]]",
        "[1]",
        "[null]",
        r#"{"method":"a"} {"method":"b"}"#,
        r#"{"method":"a"}{"method":"b"}"#,
        r#"{"method":"a"},"#,
        r#"{"method":"a""#,
        "{'method':'a'}",
        "\u{feff}{\"method\":\"a\"}",
        r#"{"method":1}"#,
        r#"{"method":null}"#,
        r#"{"method":["tools/call"]}"#,
        r#"{"Method":"tools/list"}"#,
        // Two parsers may disagree about these.
        r#"{"method":"tools/list","method":"tools/call","params":{"name":"delete_all"}}"#,
        r#"{"method":"tools/call","params":{"name":"list","name":"delete_all"}}"#,
        r#"{"method":"tools/call","params":{"name":"list","n\u0061me":"delete_all"}}"#,
        r#"{"method":"tools/call","params":{"name":"list"},"params":{"name":"delete_all"}}"#,
        r#"{"method":"tools/call","params":{"name":"list","arguments":{"a":1,"a":2}}}"#,
        r#"{"method":"a","id":1,"id":2}"#,
        r#"{"method":"a","result":{}}"#,
        r#"{"method":"a","error":null}"#,
        // A call of no tool.
        r#"{"method":"tools/call"}"#,
        r#"{"method":"tools/call","params":null}"#,
        r#"{"method":"tools/call","params":{}}"#,
        r#"{"method":"tools/call","params":["delete_all"]}"#,
        r#"{"method":"tools/call","params":{"name":null}}"#,
        r#"{"method":"tools/call","params":{"name":["delete_all"]}}"#,
        r#"{"method":"tools/call","params":{"Name":"delete_all"}}"#,
        r#"[{"method":"a"},{}]"#,
        r#"[{"method":"a"},[{"method":"a"}]]"#,
        r#"[{"method":"a","method":"b"}]"#,
        r#"[{"method":"tools/call"}]"#,
        r#"{"method":"a","params":{"$serde_json::private::RawValue":"{}"}}"#,
        &nested(200),
        &nested(100_000),
    ] {
        let answer = rig.post(&token, body.to_owned()).await;
        assert_eq!((answer.status, answer.challenge()), (StatusCode::BAD_REQUEST, None), "{body:.100}");
    }
    let bytes: [&[u8]; 3] = [b"{\"method\":\"\xff\"}", b"\xff\xfe{\0}\0", b"{\"method\":\"\xc0\xaf\"}"];
    for body in bytes {
        assert_eq!(rig.post(&token, body.to_vec()).await.status, StatusCode::BAD_REQUEST);
    }
    let cut_off = Body::new(Chunks { fails: true, ..Chunks::of(&call("list"), 10) });
    assert_eq!(rig.post(&token, cut_off).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(rig.reached(), 0);
    // The arguments of a tool may nest deeper than a token.
    rig.post(&token, nested(100)).await.assert_ok();
    let objects = format!(r#"{{"method":"m","params":{}1{}}}"#, r#"{"a":"#.repeat(120), "}".repeat(120));
    rig.post(&token, objects.clone()).await.assert_ok();
    rig.post(&token, format!("[{objects}]")).await.assert_ok();
}

#[tokio::test]
async fn a_body_with_a_content_coding_is_refused() {
    let rig = Rig::new(operations());
    let token = rig.token("read write");
    let coded = |coding: &str| {
        let mut request = post(call("list"));
        request.headers_mut().append("content-encoding", coding.parse().unwrap());
        request
    };
    for coding in ["gzip", "br", "", "identity, gzip", "x"] {
        assert_eq!(rig.send(&token, coded(coding)).await.status, StatusCode::BAD_REQUEST, "{coding}");
    }
    let mut twice = coded("identity");
    twice.headers_mut().append("content-encoding", "gzip".parse().unwrap());
    assert_eq!(rig.send(&token, twice).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(rig.reached(), 0);
    rig.send(&token, coded("identity")).await.assert_ok();
    rig.send(&token, coded("Identity")).await.assert_ok();
}

/// The responder of the protecting layer makes the bodies, and the kinds tell metrics apart.
#[tokio::test]
async fn a_refusal_has_its_kind_and_the_body_of_the_responder() {
    let rig = Rig::new(operations());
    let service =
        service_fn(async |_: Request<MessageBody<Body>>| Ok::<_, Infallible>(http::Response::new(Body::empty())));
    let layer = server(&rig.issuer).layer().respond_with(Problem);
    let app = layer.layer(operations().layer(service));
    let token = rig.token("read");
    let request = |body: Body, session: Option<&str>| {
        let mut request = post(body);
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request.headers_mut().extend(session.map(|it| (SESSION, it.parse().unwrap())));
        request
    };
    for (request, kind, name, title) in [
        (request("x".into(), None), RejectionKind::InvalidMessage, "invalid_message", "Bad Request"),
        (request(Body::new(Unreadable), None), RejectionKind::MessageTooLong, "message_too_long", "Payload Too Large"),
        (request(call("list").into(), Some("x")), RejectionKind::UnknownSession, "unknown_session", "Not Found"),
    ] {
        let response = app.clone().oneshot(request).await.unwrap();
        let rejection = response.extensions().get::<Rejection>().unwrap().clone();
        assert_eq!((rejection.kind(), rejection.kind().name()), (kind, name));
        assert_eq!((rejection.status(), rejection.error()), (response.status(), None));
        assert_eq!(response.headers()["cache-control"], "no-store");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let expected = format!(r#"{{"title":"{title}","status":{}}}"#, rejection.status().as_u16());
        assert_eq!(body, expected);
    }
}

/// The inner service may need it, such as a proxy that writes `Content-Length`.
#[tokio::test]
async fn a_body_that_was_read_has_a_known_length() {
    let issuer = crate::harness::small_issuer();
    let handler = service_fn(async |request: Request<MessageBody<Body>>| {
        use http_body::Body as _;
        let mut body = request.into_body();
        let before = (body.size_hint().exact(), body.is_end_stream());
        let read = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((before, body.is_end_stream()), ((Some(read.len() as u64), false), true));
        assert!(body.frame().await.is_none());
        Ok::<_, Infallible>(http::Response::new(Body::from(read)))
    });
    let app = server(&issuer).layer().layer(operations().layer(handler));
    let mut request = post(Body::new(Chunks::of(&call("list"), 7)));
    let token = good(&issuer).scope("read").sign();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), call("list"));
}

/// While a body is read, the inner service is not reserved; the clone that is called was made ready.
#[tokio::test]
async fn a_request_reserves_nothing_while_its_body_is_read() {
    let rig = Rig::new(operations());
    let token = good(&rig.issuer).scope("read").sign();
    let handler = service_fn(async |request: Request<MessageBody<Body>>| {
        let subject = request.extensions().get::<AccessToken>().unwrap().subject().to_owned();
        Ok::<_, Infallible>(http::Response::new(Body::from(subject)))
    });
    let mut app = ServiceBuilder::new()
        .layer(server(&rig.issuer).layer())
        .layer(operations())
        .layer(ConcurrencyLimitLayer::new(1))
        .service(handler);
    let authorized = |body: Body| {
        let mut request = post(body);
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    };
    // It needs the issuer's key; from here on that is known.
    assert_eq!(
        app.ready().await.unwrap().call(authorized(call("list").into())).await.unwrap().status(),
        StatusCode::OK
    );
    let mut stuck = Box::pin(app.ready().await.unwrap().call(authorized(Body::new(Endless))));
    assert!(poll_once(stuck.as_mut()).is_pending());
    let other = app.ready().await.unwrap().call(authorized(call("list").into())).await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
    assert!(poll_once(stuck.as_mut()).is_pending());
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(std::task::Waker::noop()))
}
