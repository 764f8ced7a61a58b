//! What outlives the request ends with the token.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{self, Bytes};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::time::timeout;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::revocation::Revocation;

use super::Rig;
use crate::harness::request;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_connection_ends_within_a_second() {
    let rig = Rig::new();
    let token = rig.api.verify(&rig.token(-60.0).sign()).await.unwrap();
    let revoke =
        async |subject: &str| rig.revocations.revoke(&Revocation::subject(rig.issuer.url(), subject)).await.unwrap();
    let mut expires = std::pin::pin!(token.expires());
    assert!(timeout(10 * SECOND, expires.as_mut()).await.is_err());
    // Another's revocation ends nothing, however many there are.
    for number in 0..100 {
        revoke(&format!("user-{number}")).await;
        assert!(timeout(Duration::from_millis(50), expires.as_mut()).await.is_err());
    }
    revoke("alice").await;
    assert!(timeout(SECOND, expires.as_mut()).await.is_ok());
    // And at once for a later question.
    assert!(timeout(Duration::ZERO, token.expires()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_begins_while_its_token_is_revoked_ends() {
    let rig = Rig::new();
    let token = rig.api.verify(&rig.token(-60.0).sign()).await.unwrap();
    let expires = token.expires();
    rig.revocations.revoke(&Revocation::issuer(rig.issuer.url())).await.unwrap();
    assert!(timeout(SECOND, expires).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_response_body_ends_within_a_second() {
    let rig = Rig::new();
    let stream = service_fn(async |_: Request<body::Body>| {
        let mut response = Response::new(body::Body::new(Endless(None)));
        response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
        Ok::<_, Infallible>(response)
    });
    let service = rig.api.layer().end_with_token().layer(stream);
    let mut body = service.oneshot(request(Some(&rig.token(-60.0).sign()))).await.unwrap().into_body();
    assert!(timeout(10 * SECOND, body.frame()).await.is_err());
    rig.revocations.revoke(&Revocation::session(rig.issuer.url(), "s")).await.unwrap();
    assert!(timeout(SECOND, body.frame()).await.unwrap().is_none());
}

/// It never waits, so no timer wakes it.
#[tokio::test(start_paused = true)]
async fn a_response_body_that_is_always_ready_ends_at_once() {
    let rig = Rig::new();
    let stream = service_fn(async |_: Request<body::Body>| {
        Ok::<_, Infallible>(Response::new(body::Body::new(Endless(Some("x")))))
    });
    let service = rig.api.layer().end_with_token().layer(stream);
    let mut body = service.oneshot(request(Some(&rig.token(-60.0).sign()))).await.unwrap().into_body();
    let mut next = async || timeout(Duration::ZERO, body.frame()).await.unwrap();
    assert!(next().await.unwrap().is_ok());
    rig.revocations.revoke(&Revocation::session(rig.issuer.url(), "other")).await.unwrap();
    assert!(next().await.unwrap().is_ok());
    rig.revocations.revoke(&Revocation::session(rig.issuer.url(), "s")).await.unwrap();
    assert!(next().await.is_none_or(|frame| frame.is_err()));
}

/// A body that yields this text at each poll, or never anything.
struct Endless(Option<&'static str>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0 {
            Some(text) => Poll::Ready(Some(Ok(Frame::data(text.into())))),
            None => Poll::Pending,
        }
    }
}
