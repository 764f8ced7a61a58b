//! Through real servers and clients.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::{Bytes, Incoming};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tower::{Layer, ServiceExt, service_fn};

use super::{BEYOND, Setup, answering, data, fed, in_time};
use crate::harness::request;
use crate::harness::serve::{serve, serve_with_hyper};

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// `GET` of a body that the layer may end.
async fn get_from(setup: &Setup, app: Router) -> reqwest::Response {
    let url = format!("http://{}/", serve(app.layer(setup.layer())).await);
    let response = client().get(url).bearer_auth(setup.token().sign()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_events_ends_cleanly() {
    let setup = Setup::new();
    let (sender, receiver) = mpsc::unbounded_channel::<&str>();
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let events = async move || {
        let texts = UnboundedReceiverStream::new(receiver.lock().unwrap().take().unwrap());
        Sse::new(texts.map(|text| Ok::<_, Infallible>(Event::default().data(text)))).keep_alive(KeepAlive::default())
    };
    let mut response = get_from(&setup, Router::new().route("/", get(events))).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
    for text in ["one", "two"] {
        sender.send(text).unwrap();
        loop {
            let chunk = response.chunk().await.unwrap().unwrap();
            // What keeps the connection alive, while time is passed.
            if chunk != ":\n\n" {
                assert_eq!(chunk, format!("data: {text}\n\n"));
                break;
            }
        }
    }
    setup.expire().await;
    let rest = in_time(response.bytes()).await.expect("a clean end");
    assert!(rest.is_empty() || rest.starts_with(b":\n"), "{rest:?}");
    in_time(sender.closed()).await;
}

/// A download whose length is stated or not: never a complete body.
#[tokio::test(start_paused = true)]
async fn a_download_ends_with_an_error_of_the_connection() {
    for length in [None, Some(1000)] {
        let setup = Setup::new();
        let (sender, body) = fed();
        let mut answer = Response::new(Body::new(body));
        answer.headers_mut().extend(length.map(|length: u64| (CONTENT_LENGTH, length.into())));
        let mut response = get_from(&setup, Router::new().route_service("/", answering(answer))).await;
        assert_eq!(response.content_length(), length);
        sender.send(Ok(data("the first part"))).unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "the first part");
        setup.expire().await;
        assert!(in_time(response.bytes()).await.is_err(), "{length:?}");
        in_time(sender.closed()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_that_never_waits_ends_too() {
    let setup = Setup::new();
    // It is long but finite, so that the test ends even if the body does not.
    let chunks = std::iter::repeat_n(Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 16_384])), 10_000);
    let answer = Response::new(Body::from_stream(tokio_stream::iter(chunks)));
    let mut response = get_from(&setup, Router::new().route_service("/", answering(answer))).await;
    let mut received = 0;
    while received < 1_000_000 {
        received += response.chunk().await.unwrap().unwrap().len();
    }
    setup.clock.advance(BEYOND);
    assert!(in_time(response.bytes()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_complete_before_arrives_byte_for_byte() {
    let setup = Setup::new();
    let all: Bytes = (0..300_000_u32).flat_map(u32::to_be_bytes).collect::<Vec<_>>().into();
    for kind in ["application/octet-stream", "text/event-stream"] {
        let mut answer = Response::new(Body::from(all.clone()));
        answer.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
        let response = get_from(&setup, Router::new().route_service("/", answering(answer))).await;
        // Events may end earlier.
        let length = (kind != "text/event-stream").then_some(1_200_000);
        assert_eq!(response.content_length(), length, "{kind}");
        assert!(response.bytes().await.unwrap() == all, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn head_has_the_same_headers_and_no_body() {
    async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(Response::new(Full::from("five!")))
    }
    let setup = Setup::new();
    for url in [
        serve_with_hyper(setup.layer().layer(service_fn(answer))).await,
        serve(Router::new().route("/", get(async || "five!")).layer(setup.layer())).await,
    ] {
        for method in [Method::GET, Method::HEAD] {
            let request = client().request(method.clone(), format!("http://{url}/"));
            let response = request.bearer_auth(setup.token().sign()).send().await.unwrap();
            assert_eq!(response.headers()[CONTENT_LENGTH], "5", "{method}");
            let body = response.bytes().await.unwrap();
            assert_eq!(body, if method == Method::HEAD { "" } else { "five!" });
        }
    }
}

/// The status and the headers of the inner service are sent, and of the body what is in memory or the first frame: a client would repeat
/// what was done if the answer broke off. More is not sent.
#[tokio::test(start_paused = true)]
async fn a_handler_may_take_longer_than_the_token_is_valid() {
    let whole: fn() -> Body = || Body::from("done");
    let chunked: fn() -> Body = || Body::new(Body::from("done").with_trailers(ready(None)));
    let stream: fn() -> Body = || Body::from_stream(tokio_stream::iter(["secret"; 2].map(Ok::<_, Infallible>)));
    for (body, sent) in [(whole, Some("done")), (chunked, Some("done")), (stream, None)] {
        let setup = Setup::new();
        let clock = setup.clock.clone();
        let late = move |_: Request<Body>| {
            clock.advance(BEYOND);
            ready(Ok::<_, Infallible>(Response::new(body())))
        };
        let service = setup.layer().layer(service_fn(late));
        let token = setup.token().sign();
        let response = service.oneshot(request(Some(&token))).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let collected = response.into_body().collect().await.ok().map(Collected::to_bytes);
        assert_eq!(collected.as_deref(), sent.map(str::as_bytes));
    }
}
