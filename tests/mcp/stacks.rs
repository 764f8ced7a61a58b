//! The layer between other services: axum's routers, hyper, tonic, and services that fail or are cancelled.

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{any, post as route_post};
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tower::limit::ConcurrencyLimitLayer;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::mcp::{MessageBody, Operations};
use tower_bearer::{Require, ResourceServer};

use super::{call, operations, post};
use crate::harness::{AUDIENCE, good, server, small_issuer};

fn authorized(token: &str, body: impl Into<Body>) -> Request<Body> {
    let mut request = post(body);
    request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    request
}

/// Wherever a router takes a layer, and whatever path it removes.
#[tokio::test]
async fn it_protects_every_kind_of_route() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let handler = || any::<_, _, ()>(async || "done");
    let both = || ServiceBuilder::new().layer(api.layer()).layer(operations());
    let service = service_fn(async |_: Request<MessageBody<Body>>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let apps = [
        Router::new().route("/", handler()).layer(both()),
        Router::new().route("/", handler()).route_layer(operations()).route_layer(api.layer()),
        Router::new().route("/", handler().layer::<_, Infallible>(operations()).layer(api.layer())),
        Router::new().route("/", route_post(async || "done").route_layer(both())),
        Router::new().route_service("/", both().service(service)),
        Router::new().nest_service("/a", both().service(service)),
        Router::new().nest("/a", Router::new().route("/", handler()).layer(operations())).layer(api.layer()),
        Router::new().nest("/a", Router::new().route("/", route_post(async || ()))).layer(both()),
        Router::new().fallback(handler()).layer(both()),
        Router::new().fallback_service(both().service(service)),
    ];
    let token = |scope: &str| good(&issuer).scope(scope).sign();
    for (at, app) in apps.into_iter().enumerate() {
        let send = async |scope: &str, tool: &str| {
            let mut request = authorized(&token(scope), call(tool));
            *request.uri_mut() = if (5..8).contains(&at) { "/a" } else { "/" }.parse().unwrap();
            app.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(send("read", "delete_all").await, StatusCode::FORBIDDEN, "{at}");
        assert_eq!(send("read write", "delete_all").await, StatusCode::OK, "{at}");
        assert_eq!(send("read", "list").await, StatusCode::OK, "{at}");
    }
}

/// The types of bodies that hyper, tonic and `http_body_util` have.
#[test]
fn it_takes_the_bodies_of_others() {
    fn takes<ReqB, ResB>()
    where
        ReqB: http_body::Body<Data = Bytes> + Send + 'static,
        ResB: Default + Send + 'static,
    {
        fn is_a_service<S, B>(_: S)
        where
            S: Service<Request<B>, Error = BoxError, Future: Send + 'static> + Clone + Send + Sync + 'static,
        {
        }
        let inner = service_fn(async |_: Request<MessageBody<ReqB>>| Ok::<_, BoxError>(Response::new(ResB::default())));
        let api = ResourceServer::builder(AUDIENCE).trust(small_issuer().issuer()).build().unwrap();
        is_a_service::<_, ReqB>(operations().layer(inner));
        is_a_service::<_, ReqB>(api.layer().layer(operations().layer(inner)));
    }
    takes::<Incoming, Full<Bytes>>();
    takes::<Incoming, BoxBody<Bytes, Infallible>>();
    takes::<tonic::body::Body, tonic::body::Body>();
    takes::<UnsyncBoxBody<Bytes, BoxError>, UnsyncBoxBody<Bytes, BoxError>>();
    takes::<Body, Body>();
}

/// Two servers, one within the other: the requirements of both count, and each has its own sessions.
#[tokio::test]
async fn layers_within_layers_count_all() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let answer = async |request: Request<Body>| {
        let seen = request.headers().get("mcp-session-id").cloned();
        Response::builder().header("mcp-session-id", seen.unwrap_or("s".parse().unwrap())).body(Body::empty()).unwrap()
    };
    let inner = Operations::new().tool("b", Require::scope("inner")).otherwise(Require::token());
    let outer = Operations::new().tool("*", Require::scope("outer")).otherwise(Require::token());
    let app = Router::new().route("/", any(answer)).layer(inner).layer(api.layer()).layer(outer).layer(api.layer());
    let send = async |scope: &str, tool: &str, session: Option<&str>| {
        let mut request = authorized(&good(&issuer).scope(scope).sign(), call(tool));
        if let Some(id) = session {
            request.headers_mut().insert("mcp-session-id", id.parse().unwrap());
        }
        app.clone().oneshot(request).await.unwrap()
    };
    for (scope, tool, expected) in
        [("outer", "b", 403), ("inner", "b", 403), ("inner outer", "b", 200), ("outer", "a", 200), ("inner", "a", 403)]
    {
        assert_eq!(send(scope, tool, None).await.status(), expected, "{scope} {tool}");
    }
    let begun = send("outer", "a", None).await.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert_eq!(begun.split('.').count(), 3, "{begun}");
    let again = send("outer", "a", Some(&begun)).await;
    assert_eq!(again.headers()["mcp-session-id"].to_str().unwrap(), begun);
    let of_one = begun.rsplit_once('.').unwrap().0;
    assert_eq!(send("outer", "a", Some(of_one)).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn outside_of_the_protecting_layer_nothing_passes() {
    let issuer = small_issuer();
    let app = Router::new().route("/", any(async || ())).layer(server(&issuer).layer()).layer(operations());
    let token = good(&issuer).scope("read write").sign();
    let status = app.oneshot(authorized(&token, call("list"))).await.unwrap().status();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

/// A service that counts how many are ready and not called.
#[derive(Default)]
struct Counted {
    reserved: Arc<AtomicUsize>,
    has_reserved: bool,
    readiness: Readiness,
}

#[derive(Clone, Copy, Default)]
enum Readiness {
    #[default]
    Ready,
    Never,
    Failed,
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self { reserved: Arc::clone(&self.reserved), has_reserved: false, readiness: self.readiness }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.has_reserved {
            self.reserved.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Service<Request<MessageBody<Body>>> for Counted {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.readiness {
            Readiness::Ready => {
                if !std::mem::replace(&mut self.has_reserved, true) {
                    self.reserved.fetch_add(1, Ordering::Relaxed);
                }
                Poll::Ready(Ok(()))
            }
            Readiness::Never => Poll::Pending,
            Readiness::Failed => Poll::Ready(Err("it is closed".into())),
        }
    }

    fn call(&mut self, _: Request<MessageBody<Body>>) -> Self::Future {
        assert!(std::mem::take(&mut self.has_reserved), "called before it was ready");
        self.reserved.fetch_sub(1, Ordering::Relaxed);
        Box::pin(pending())
    }
}

/// A request that is dropped at any point leaves nothing reserved, and a service is never called unready.
#[tokio::test]
async fn a_request_may_be_dropped_at_any_point() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let token = good(&issuer).scope("read").sign();
    api.verify(&token).await.unwrap();
    let counted = Counted::default();
    let mut app = api.layer().layer(operations().layer(counted.clone()));
    let reserved = || counted.reserved.load(Ordering::Relaxed);
    let mut cx = Context::from_waker(Waker::noop());
    let bodies = [Body::from(call("list")), Body::from(call("delete_all")), Body::new(super::bodies::Endless)];
    let mut requests: Vec<_> = bodies.into_iter().map(|body| authorized(&token, body)).collect();
    // By its head alone it is passed on, or refused.
    for (method, name, value) in
        [("GET", "x", "y"), ("POST", "content-encoding", "gzip"), ("GET", "mcp-session-id", "x")]
    {
        let mut request = authorized(&token, Body::empty());
        *request.method_mut() = method.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        requests.push(request);
    }
    for request in requests {
        assert!(app.poll_ready(&mut cx).is_ready());
        assert_eq!(reserved(), 0, "before the token is known to be valid");
        let mut response = Box::pin(app.call(request));
        assert_eq!(reserved(), 0, "while the body is to be read");
        let _ = response.as_mut().poll(&mut cx);
        assert_eq!(reserved(), 0, "after it was called, refused, or waits");
        drop(response);
        assert_eq!(reserved(), 0);
    }
    // What the inner service says of itself reaches the caller, also after the body was read.
    for readiness in [Readiness::Never, Readiness::Failed] {
        let mut inner = Counted::default();
        inner.readiness = readiness;
        let mut app = operations().layer(inner);
        match readiness {
            Readiness::Failed => assert!(matches!(app.poll_ready(&mut cx), Poll::Ready(Err(_)))),
            _ => assert!(app.poll_ready(&mut cx).is_pending()),
        }
        // A caller that ignores this does not reach the service.
        let mut app = api.layer().layer(app);
        let mut response = Box::pin(app.call(authorized(&token, call("list"))));
        match (readiness, response.as_mut().poll(&mut cx)) {
            (Readiness::Failed, Poll::Ready(Err(error))) => assert_eq!(error.to_string(), "it is closed"),
            (Readiness::Never, Poll::Pending) => {}
            (_, other) => panic!("{other:?}"),
        }
    }
}

/// With one place, requests that are refused or dropped give it back.
#[tokio::test]
async fn a_limit_of_one_is_never_used_up() {
    let issuer = small_issuer();
    let handler = service_fn(async |request: Request<MessageBody<Body>>| {
        let body = request.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok::<_, BoxError>(Response::new(Body::from(body)))
    });
    let layers = ServiceBuilder::new().layer(server(&issuer).layer()).layer(operations());
    let mut app = layers.layer(ConcurrencyLimitLayer::new(1)).service(handler);
    let token = good(&issuer).scope("read").sign();
    for round in 0..20 {
        let (body, status) = [
            (call("list"), StatusCode::OK),
            (call("delete_all"), StatusCode::FORBIDDEN),
            ("x".to_owned(), StatusCode::BAD_REQUEST),
        ][round % 3]
            .clone();
        let response = app.ready().await.unwrap().call(authorized(&token, body)).await.unwrap();
        assert_eq!(response.status(), status);
    }
}
