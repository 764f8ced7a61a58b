//! A requirement that depends on the head of the request.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::header::AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::Require;
use tower_bearer::layer::RequireBy;

use crate::harness::{Answer, good, server, small_issuer};

fn by_method_and_path() -> RequireBy {
    let (read, write, admin) = (Require::scope("read"), Require::scope("read write"), Require::scope("admin"));
    Require::by(move |head| match (&head.method, head.uri.path()) {
        (_, path) if path.starts_with("/admin/") => admin.clone(),
        (&Method::GET | &Method::HEAD, _) => read.clone(),
        _ => write.clone(),
    })
}

#[tokio::test]
async fn a_request_needs_what_its_head_says() {
    let issuer = small_issuer();
    let app = Router::new().fallback(any(async || ())).layer(by_method_and_path()).layer(server(&issuer).layer());
    let send = async |method: &str, path: &str, scope: Option<&str>| {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(scope) = scope {
            request = request.header(AUTHORIZATION, format!("Bearer {}", good(&issuer).scope(scope).sign()));
        }
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        Answer { status: response.status(), headers: response.headers().clone() }
    };
    for (method, path, needed) in [
        ("GET", "/", "read"),
        ("HEAD", "/files?admin=/admin/", "read"),
        ("POST", "/files", "read write"),
        ("DELETE", "/files", "read write"),
        ("get", "/files", "read write"),
        ("GET", "/admin/users", "admin"),
        ("POST", "/admin/users", "admin"),
    ] {
        send(method, path, Some(needed)).await.assert_ok();
        send(method, path, Some("other")).await.assert_insufficient_scope(needed);
        send(method, path, None).await.assert_bare();
    }
}

#[tokio::test]
async fn it_is_asked_once_and_reserves_nothing_for_what_it_refuses() {
    let issuer = small_issuer();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let layer = Require::by(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Require::scope("write")
    });
    let handler = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let mut app = ServiceBuilder::new()
        .layer(server(&issuer).layer())
        .layer(layer)
        .layer(ConcurrencyLimitLayer::new(1))
        .service(handler);
    let request = |scope: &str| crate::harness::request(Some(&good(&issuer).scope(scope).sign()));
    for (scope, status) in [("read", StatusCode::FORBIDDEN), ("write", StatusCode::OK), ("read", StatusCode::FORBIDDEN)]
    {
        assert_eq!(app.ready().await.unwrap().call(request(scope)).await.unwrap().status(), status);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    // A request without a good token does not reach it.
    let refused = app.ready().await.unwrap().call(crate::harness::request(None)).await.unwrap();
    assert_eq!((refused.status(), asked.load(Ordering::Relaxed)), (StatusCode::UNAUTHORIZED, 3));
}

#[tokio::test]
async fn without_the_protecting_layer_the_answer_is_500() {
    let handler = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let answer = Require::by(|_| Require::token()).layer(handler).oneshot(crate::harness::request(None)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
