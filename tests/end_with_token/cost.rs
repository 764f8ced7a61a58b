//! What the end of a body costs.

use std::convert::Infallible;
use std::task::Poll;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use tokio::runtime::Runtime;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{Setup, data, fed, poll, respond_through};
use crate::harness::{current_thread_runtime, paused_runtime, request};

/// How often `work` allocates on this thread.
fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

async fn answer(_: Request<Body>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("all of it")))
}

/// How often a request allocates, from its arrival to the last byte of its response.
fn of_a_request<S, B>(runtime: &Runtime, service: &S, token: &str) -> u64
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let exchange = |service: S, request| {
        let body = runtime.block_on(async { service.oneshot(request).await.unwrap().into_body().collect().await });
        assert_eq!(body.unwrap().to_bytes(), "all of it");
    };
    // The token is cached after two uses.
    for _ in 0..3 {
        exchange(service.clone(), request(Some(token)));
    }
    let (service, request) = (service.clone(), request(Some(token)));
    allocations(|| exchange(service, request))
}

#[test]
fn a_body_in_memory_costs_no_allocation_and_so_no_timer() {
    let setup = Setup::new();
    let token = setup.token().sign();
    let runtime = current_thread_runtime();
    let plain = of_a_request(&runtime, &setup.api.layer().layer(service_fn(answer)), &token);
    let ending = of_a_request(&runtime, &setup.layer().layer(service_fn(answer)), &token);
    assert!(plain > 0, "nothing is counted");
    assert_eq!(ending, plain);
}

#[test]
fn a_body_that_waits_has_one_timer() {
    let setup = Setup::new();
    paused_runtime().block_on(async {
        let (sender, inner) = fed();
        let response = respond_through(&setup.layer(), Some(&setup.token().sign()), Response::new(inner)).await;
        let mut body = response.into_body();
        sender.send(Ok(data("one"))).unwrap();
        assert_eq!(allocations(|| assert!(poll(&mut body).is_ready())), 0, "nothing has waited yet");
        assert_eq!(allocations(|| assert!(poll(&mut body).is_pending())), 1);
        for _ in 0..3 {
            sender.send(Ok(data("more"))).unwrap();
            let further = allocations(|| {
                assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
                assert!(poll(&mut body).is_pending());
            });
            assert_eq!(further, 0);
        }
    });
}

/// Without a token there is nothing to wait for.
#[test]
fn an_anonymous_body_that_waits_has_no_timer() {
    let setup = Setup::new();
    current_thread_runtime().block_on(async {
        let layer = setup.api.layer().optional().end_with_token();
        let (_sender, inner) = fed();
        let mut body = respond_through(&layer, None, Response::new(inner)).await.into_body();
        assert_eq!(allocations(|| assert!(poll(&mut body).is_pending())), 0);
    });
}
