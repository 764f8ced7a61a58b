//! The layer beside others: refusals, requests without a token, and layers inside and outside.

use std::convert::Infallible;
use std::future::ready;

use axum::body::Body;
use http::header::{ACCEPT, CONTENT_TYPE, ORIGIN, TE};
use http::{HeaderName, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use tower::buffer::Buffer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::credentials::TokenSource;
use tower_bearer::layer::ProtectLayer;
use tower_bearer::rejection::{Empty, Grpc, Problem, RejectionContext, Respond};
use tower_bearer::{AccessToken, Rejection, Require};
use tower_http::cors::CorsLayer;

use super::{BEYOND, LIFE, Setup, answering, data, fed, respond_through};
use crate::harness::{good, request, server, small_issuer};

/// The head and the body of an answer.
async fn wire<S, B>(service: S, request: Request<Body>) -> (String, Bytes)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    let size = body.size_hint().exact();
    let collected = body.collect().await.unwrap();
    assert!(collected.trailers().is_none());
    (format!("{} {:?} {size:?}", parts.status, parts.headers), collected.to_bytes())
}

/// Every kind of request that is refused, with a refusal of the layer, of its requirement, of an inner one and of a handler.
fn refused_requests(setup: &Setup) -> Vec<Request<Body>> {
    let tokens = [
        None,
        Some("x".to_owned()),
        Some("a,b".to_owned()),
        Some(setup.token().scope("other").sign()),
        Some(setup.token().scope("read:me").sign()),
        Some(setup.token().scope("read:me inner").sign()),
    ];
    let requests = tokens.iter().map(|token| {
        let mut request = request(token.as_deref());
        request.headers_mut().insert(ACCEPT, "text/html".parse().unwrap());
        request
    });
    let of_grpc = tokens.iter().map(|token| {
        let mut request = request(token.as_deref());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().insert(CONTENT_TYPE, "application/grpc".parse().unwrap());
        request.headers_mut().insert(TE, "trailers".parse().unwrap());
        request
    });
    requests.chain(of_grpc).collect()
}

async fn assert_same_refusals<R: Respond<Full<Bytes>> + Clone>(setup: &Setup, responder: R) -> Vec<(String, Bytes)> {
    let layer: ProtectLayer<R> = setup.api.layer().require(Require::scope("read:me")).respond_with(responder);
    let ending = layer.clone().end_with_token();
    let refuse = |request: Request<Body>| {
        let token = request.extensions().get::<AccessToken>().unwrap().clone();
        let rejection = setup.api.check(&token, &Require::token().and_acr("mfa")).unwrap_err();
        ready(Ok::<_, Infallible>(rejection.response::<Full<Bytes>>()))
    };
    let mut answers = Vec::new();
    for (one, same) in refused_requests(setup).into_iter().zip(refused_requests(setup)) {
        let stack = ServiceBuilder::new().layer(&layer).layer(Require::scope("inner")).service(service_fn(refuse));
        let before = wire(stack, one).await;
        let stack = ServiceBuilder::new().layer(&ending).layer(Require::scope("inner")).service(service_fn(refuse));
        let answer = wire(stack, same).await;
        assert_eq!(answer, before);
        answers.push(answer);
    }
    answers
}

#[tokio::test]
async fn refusals_are_the_same_with_every_responder() {
    let setup = Setup::new();
    let html = |rejection: &Rejection, context: &RejectionContext| {
        Response::new(Full::from(format!("{:?} {:?}", rejection.kind(), context.accept())))
    };
    let bare = assert_same_refusals(&setup, Empty).await;
    assert!(bare.iter().all(|(_, body)| body.is_empty()));
    let problems = assert_same_refusals(&setup, Problem).await;
    assert!(problems.iter().all(|(head, body)| head.contains("problem+json") && body.starts_with(b"{\"title\"")));
    let grpc = assert_same_refusals(&setup, Grpc).await;
    assert_eq!(grpc.iter().filter(|(head, _)| head.starts_with("200 OK")).count(), 6, "{grpc:?}");
    let pages = assert_same_refusals(&setup, html).await;
    assert_eq!(pages[0].1, "NoCredentials Some(\"text/html\")");
    assert_eq!(pages[5].1, "InsufficientAuthentication Some(\"text/html\")");
}

/// What a request without a token gets has no end of ours: neither an anonymous one, nor one with a credential of the application.
#[tokio::test]
async fn without_a_token_a_body_passes_unchanged() {
    #[derive(Clone)]
    struct ApiKey;

    let setup = Setup::new();
    let anonymous = setup.api.layer().optional().end_with_token();
    let ignoring = setup
        .api
        .layer()
        .ignore_tokens(|text| text == "key")
        .require(Require::token().or_extension::<ApiKey>())
        .end_with_token();
    let with_key = |mut request: Request<Body>| {
        request.extensions_mut().insert(ApiKey);
        request
    };
    for (name, token) in [("anonymous", None), ("by extension", Some("key"))] {
        let (sender, inner) = fed();
        let response = match token {
            None => respond_through(&anonymous, None, Response::new(inner)).await,
            Some(key) => {
                let stack = ServiceBuilder::new().map_request(with_key).layer(&ignoring);
                respond_through(&stack, Some(key), Response::new(inner)).await
            }
        };
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        setup.clock.advance(BEYOND);
        sender.send(Ok(data("late"))).unwrap();
        drop(sender);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "late", "{name}");
    }
}

#[tokio::test]
async fn of_nested_layers_the_token_that_expires_first_counts() {
    let (outer, inner) = (Setup::new(), Setup::new());
    let header = HeaderName::from_static("x-inner");
    let layers = ServiceBuilder::new()
        .layer(outer.layer())
        .layer(inner.api.layer().token_only_from(TokenSource::header(header.clone())).end_with_token());
    for (advance_outer, advance_inner, ends) in [(false, false, false), (true, false, true), (false, true, true)] {
        let now = std::time::SystemTime::now();
        outer.clock.set(now);
        inner.clock.set(now);
        let (sender, body) = fed();
        let mut request = request(Some(&outer.token().sign()));
        request.headers_mut().insert(&header, inner.token().sign().parse().unwrap());
        let response = layers.service(answering(Response::new(body))).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        sender.send(Ok(data("before"))).unwrap();
        assert!(body.frame().await.unwrap().is_ok());
        if advance_outer {
            outer.clock.advance(BEYOND);
        }
        if advance_inner {
            inner.clock.advance(BEYOND);
        }
        sender.send(Ok(data("x"))).unwrap();
        let frame = body.frame().await.unwrap();
        assert_eq!((frame.is_err(), sender.is_closed()), (ends, ends), "{advance_outer} {advance_inner}");
    }
}

/// Layers outside may make bodies themselves, and those inside need nothing.
#[tokio::test]
async fn other_layers_fit_inside_and_outside() {
    let setup = Setup::new();
    let echo = |request: Request<Body>| {
        let subject = request.extensions().get::<AccessToken>().unwrap().subject().to_owned();
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(subject))))
    };
    let stack = ServiceBuilder::new()
        .layer(CorsLayer::permissive())
        .layer(setup.api.layer().respond_with(Problem))
        .layer(Require::scope("read:me"))
        .layer(setup.layer())
        .layer(Require::scope("read:me"))
        .service(service_fn(echo));
    let mut preflight = request(None);
    *preflight.method_mut() = Method::OPTIONS;
    preflight.headers_mut().insert(ORIGIN, "https://app.example.com".parse().unwrap());
    preflight.headers_mut().insert("access-control-request-method", "GET".parse().unwrap());
    let answer = stack.clone().oneshot(preflight).await.unwrap();
    assert!(answer.headers().contains_key("access-control-allow-origin"));
    let refusal = stack.clone().oneshot(request(None)).await.unwrap();
    let body = refusal.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"title":"Unauthorized","status":401}"#);
    let answer = stack.oneshot(request(Some(&setup.token().sign()))).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "user-1");
}

/// The contract of tower: the service that was polled ready is called, also after a wait for keys.
#[tokio::test]
async fn works_over_a_buffer_with_and_without_waiting() {
    let issuer = small_issuer();
    let token = good(&issuer).sign();
    let answer = |_: Request<Body>| ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("fine"))));
    let layer = server(&issuer).layer().end_with_token();
    let mut service = layer.layer(Buffer::new(service_fn(answer), 1));
    for what in ["waits for the key", "refused", "knows the key"] {
        let token = if what == "refused" { "x" } else { &token };
        let response = service.ready().await.unwrap().call(request(Some(token))).await.unwrap();
        assert_eq!(response.status() == StatusCode::OK, what != "refused", "{what}");
    }
}

/// A longer token that another layer puts into the request does not count.
#[tokio::test]
async fn the_token_of_the_layer_counts_and_no_other_extension() {
    let setup = Setup::new();
    let long = setup.api.verify(&setup.token().expires_in(10 * LIFE).sign()).await.unwrap();
    let smuggle = move |mut request: Request<Body>| {
        request.extensions_mut().insert(long.clone());
        request
    };
    let (_sender, inner) = fed();
    let stack = ServiceBuilder::new().map_request(smuggle.clone()).layer(setup.layer()).map_request(smuggle);
    let response = respond_through(&stack, Some(&setup.token().sign()), Response::new(inner)).await;
    setup.clock.advance(BEYOND);
    assert!(response.into_body().frame().await.unwrap().is_err());
}
