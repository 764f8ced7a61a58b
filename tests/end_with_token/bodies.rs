//! What a body yields, frame by frame.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use tower::BoxError;
use tower_bearer::layer::{EndingBody, TokenExpired};

use super::{A_MINUTE, BEYOND, Fed, LIFE, Setup, data, fed, in_time, poll, respond_through, with_headers};
use crate::harness::log::logging;
use crate::harness::paused_runtime;

const EVENTS: (&str, &str) = ("content-type", "text/event-stream");
const GRPC: (&str, &str) = ("content-type", "application/grpc");

/// The end of a body, as far as a server sees it.
#[derive(Debug, PartialEq)]
enum End {
    Clean,
    Trailers(Vec<(String, String)>),
    Expired,
}

fn grpc_end() -> End {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    End::Trailers(vec![pair("grpc-status", "16"), pair("grpc-message", "The access token has expired or was revoked")])
}

fn end(polled: Option<Result<Frame<Bytes>, BoxError>>) -> End {
    match polled {
        None => End::Clean,
        Some(Ok(frame)) => {
            let trailers = frame.into_trailers().expect("data after the end");
            let pairs = trailers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
            End::Trailers(pairs.collect())
        }
        Some(Err(error)) => {
            let expired = error.downcast::<TokenExpired>().expect("the error of an expired token");
            assert!(expired.source().is_none());
            End::Expired
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_body_ends_in_its_own_way() {
    for (headers, expected) in [
        (&[EVENTS][..], End::Clean),
        (&[EVENTS, ("content-length", "1000")], End::Expired),
        (&[EVENTS, ("content-encoding", "gzip")], End::Expired),
        (&[GRPC], grpc_end()),
        (&[("content-type", "application/grpc+proto")], grpc_end()),
        (&[("content-type", "application/grpc-web+proto")], End::Expired),
        (&[("content-type", "application/octet-stream"), ("content-length", "1000")], End::Expired),
        (&[("content-type", "application/json")], End::Expired),
        (&[], End::Expired),
    ] {
        let setup = Setup::new();
        let (sender, inner) = fed();
        let response = respond_through(&setup.layer(), Some(&setup.token().sign()), with_headers(headers, inner)).await;
        let mut body = response.into_body();
        sender.send(Ok(data("before"))).unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "before");
        assert!(poll(&mut body).is_pending() && !body.is_end_stream());

        // The task sleeps when the token expires, and is woken.
        let waiting = tokio::spawn(async move { (body.frame().await, body) });
        tokio::task::yield_now().await;
        setup.expire().await;
        let (last, mut body) = in_time(waiting).await.unwrap();
        assert_eq!(end(last), expected, "{headers:?}");
        assert!(sender.is_closed(), "the inner body is still held");
        assert!(body.is_end_stream() && body.size_hint().exact() == Some(0));
        for _ in 0..2 {
            assert!(matches!(poll(&mut body), Poll::Ready(None)), "{headers:?}: more after the end");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_ends_at_exp_plus_leeway() {
    let setup = Setup::new();
    let (_sender, inner) = fed();
    let response = respond_through(&setup.layer(), Some(&setup.token().sign()), Response::new(inner)).await;
    let body = tokio::spawn(response.into_body().collect());
    tokio::task::yield_now().await;
    // The token says 300 seconds, to the second; the leeway is 30.
    for (advance, done) in [(299, false), (30, false), (2, true)] {
        setup.clock.advance(Duration::from_secs(advance));
        tokio::time::sleep(A_MINUTE).await;
        assert_eq!(body.is_finished(), done, "{advance}");
    }
    assert!(in_time(body).await.unwrap().is_err());
}

/// A body that never makes anybody wait.
#[derive(Default)]
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(data("more"))))
    }
}

#[tokio::test]
async fn a_body_that_is_always_ready_ends_too() {
    let setup = Setup::new();
    for (headers, expected) in [(&[][..], End::Expired), (&[EVENTS], End::Clean), (&[GRPC], grpc_end())] {
        setup.clock.set(SystemTime::now());
        let response =
            respond_through(&setup.layer(), Some(&setup.token().sign()), with_headers(headers, Endless)).await;
        let mut body = response.into_body();
        for _ in 0..1000 {
            assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(frame))) if frame.is_data()));
        }
        setup.clock.advance(BEYOND);
        let Poll::Ready(last) = poll(&mut body) else { panic!("it waits") };
        assert_eq!(end(last), expected);
        assert!(matches!(poll(&mut body), Poll::Ready(None)));
    }
}

/// A handler that took long has its result sent, or a client would repeat what was done. The rest of a stream is not sent.
#[tokio::test]
async fn the_first_frame_and_trailers_are_sent_after_the_token_has_expired() {
    for (headers, expected) in [(&[GRPC][..], grpc_end()), (&[EVENTS], End::Clean), (&[], End::Expired)] {
        for (frames, ends) in [(1, true), (2, false)] {
            let setup = Setup::new();
            let (sender, inner) = fed();
            let token = setup.token().sign();
            let response = respond_through(&setup.layer(), Some(&token), with_headers(headers, inner)).await;
            let mut body = response.into_body();
            for _ in 0..frames {
                sender.send(Ok(data("the result"))).unwrap();
            }
            let own = HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
            sender.send(Ok(Frame::trailers(own.clone()))).unwrap();
            drop(sender);
            setup.clock.advance(BEYOND);
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "the result");
            let last = body.frame().await;
            if ends {
                assert_eq!(last.unwrap().unwrap().into_trailers().unwrap(), own, "{headers:?}");
            } else {
                assert_eq!(end(last), expected, "{headers:?}");
            }
            assert!(in_time(body.frame()).await.is_none());
        }
    }
}

/// A stream that has nothing to say when the token expires has nothing to finish.
#[tokio::test]
async fn what_comes_after_the_token_has_expired_is_not_sent() {
    let setup = Setup::new();
    let (sender, inner) = fed();
    let response = respond_through(&setup.layer(), Some(&setup.token().sign()), with_headers(&[GRPC], inner)).await;
    let mut body = response.into_body();
    assert!(poll(&mut body).is_pending());
    sender.send(Ok(data("late"))).unwrap();
    setup.clock.advance(BEYOND);
    assert_eq!(end(body.frame().await), grpc_end());
    assert!(in_time(body.frame()).await.is_none());
}

#[tokio::test]
async fn a_body_that_is_complete_when_the_token_expires_stays_complete() {
    let setup = Setup::new();
    let token = setup.token().sign();
    let empty = respond_through(&setup.layer(), Some(&token), Response::new(Full::<Bytes>::default())).await;
    let full = respond_through(&setup.layer(), Some(&token), Response::new(Full::from("all of it"))).await;
    let closed = respond_through(&setup.layer(), Some(&token), Response::new(Fed::default())).await;
    let mut full = full.into_body();
    assert_eq!(full.frame().await.unwrap().unwrap().into_data().unwrap(), "all of it");
    setup.clock.advance(BEYOND);
    for mut body in [empty.into_body(), full] {
        assert!(body.is_end_stream());
        assert!(in_time(body.frame()).await.is_none());
    }
    // It learns that it is complete only now.
    assert!(in_time(closed.into_body().frame()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn frames_and_errors_pass_unchanged_until_then() {
    #[derive(Debug, thiserror::Error, PartialEq)]
    #[error("broken")]
    struct Broken;

    let setup = Setup::new();
    for headers in [&[][..], &[EVENTS], &[GRPC]] {
        let (sender, inner) = fed();
        let response = respond_through(&setup.layer(), Some(&setup.token().sign()), with_headers(headers, inner)).await;
        let mut body = response.into_body();
        assert!(poll(&mut body).is_pending(), "with a timer");
        let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
        sender.send(Ok(data("one"))).unwrap();
        sender.send(Ok(data(""))).unwrap();
        sender.send(Err(Broken.into())).unwrap();
        sender.send(Ok(Frame::trailers(trailers.clone()))).unwrap();
        drop(sender);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "");
        assert_eq!(*body.frame().await.unwrap().unwrap_err().downcast::<Broken>().unwrap(), Broken);
        assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
        assert!(body.frame().await.is_none() && body.is_end_stream());
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_or_back_counts_from_then_on() {
    let setup = Setup::new();
    let now = SystemTime::now();
    let (sender, inner) = fed();
    let response = respond_through(&setup.layer(), Some(&setup.token().sign()), with_headers(&[EVENTS], inner)).await;
    let mut body = response.into_body();
    let mut is_still_sent = async || {
        sender.send(Ok(data("x"))).is_ok()
            && matches!(tokio::time::timeout(A_MINUTE, body.frame()).await, Ok(Some(Ok(_))))
            && tokio::time::timeout(A_MINUTE, body.frame()).await.is_err()
    };
    setup.clock.set(now - Duration::from_secs(3600));
    assert!(is_still_sent().await);
    // By the monotonic clock, the token has expired long ago.
    tokio::time::sleep(BEYOND).await;
    assert!(is_still_sent().await);
    setup.clock.set(now + LIFE);
    assert!(is_still_sent().await, "the leeway");
    setup.clock.set(now + BEYOND);
    assert!(!is_still_sent().await);
    // What has ended has ended.
    setup.clock.set(now);
    assert!(in_time(body.frame()).await.is_none());
}

/// The least and the greatest size that a body states.
#[derive(Default)]
struct Hinted(u64, Option<u64>);

impl Body for Hinted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.0);
        if let Some(upper) = self.1 {
            hint.set_upper(upper);
        }
        hint
    }
}

#[tokio::test]
async fn a_body_that_may_end_cleanly_promises_no_size() {
    let setup = Setup::new();
    let token = setup.token().sign();
    let optional = setup.api.layer().optional().end_with_token();
    for (headers, token, inner, outer) in [
        (&[][..], Some(&token), (5, Some(5)), (5, Some(5))),
        (&[], Some(&token), (5, None), (5, None)),
        (&[EVENTS], Some(&token), (5, Some(5)), (0, Some(5))),
        (&[EVENTS], Some(&token), (5, None), (0, None)),
        (&[EVENTS, ("content-length", "5")], Some(&token), (5, Some(5)), (5, Some(5))),
        (&[GRPC], Some(&token), (5, Some(9)), (0, Some(9))),
        (&[EVENTS], None, (5, Some(5)), (5, Some(5))),
    ] {
        let response = with_headers(headers, Hinted(inner.0, inner.1));
        let found = respond_through(&optional, token.map(String::as_str), response).await.into_body().size_hint();
        assert_eq!((found.lower(), found.upper()), outer, "{headers:?}");
    }
}

#[test]
fn the_end_is_logged_with_the_issuer_alone() {
    let setup = Setup::new();
    let text = logging(|log| {
        paused_runtime().block_on(async {
            let response = respond_through(&setup.layer(), Some(&setup.token().sign()), Response::new(Endless)).await;
            let mut body = response.into_body();
            body.frame().await.unwrap().unwrap();
            setup.clock.advance(BEYOND);
            let Err(error) = body.frame().await.unwrap() else { panic!("it goes on") };
            let exp = error.downcast_ref::<TokenExpired>().unwrap().expires_at().duration_since(UNIX_EPOCH).unwrap();
            let expected = "the access token of the request expired before the response body was complete";
            assert_eq!(error.to_string(), format!("{expected} (exp {})", exp.as_secs()));
        });
        log.text()
    });
    let events: Vec<_> = text.lines().filter(|line| line.contains("response body ended")).collect();
    assert_eq!(events.len(), 1, "{text}");
    assert!(events[0].contains("DEBUG") && events[0].contains(setup.issuer.url()), "{events:?}");
    assert!(!events[0].contains("user-1"), "{events:?}");
}

#[test]
fn a_body_can_be_boxed_as_its_inner_body_can() {
    fn assert_shareable<T: Send + Sync + 'static>() {}
    assert_shareable::<EndingBody<Full<Bytes>>>();
}
