//! The contract of tower: readiness, and what inner and outer layers may expect.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use serde::Deserialize;
use tower::buffer::Buffer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::rejection::{RejectionContext, RejectionKind, Respond};
use tower_bearer::{AccessToken, Claims, Rejection, Require, ResourceServer};

use crate::harness::serve::serve_with_hyper;
use crate::harness::{AUDIENCE, good, request, server, small_issuer};

async fn subject(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let subject = request.extensions().get::<AccessToken>().map_or("", AccessToken::subject).to_owned();
    Ok(Response::new(subject.into()))
}

#[tokio::test]
async fn works_over_a_buffer_with_and_without_waiting() {
    let issuer = small_issuer();
    let token = good(&issuer).sign();
    let mut service = server(&issuer).layer().layer(Buffer::new(service_fn(subject), 4));
    for path in ["waits for the key", "knows the key"] {
        let response = service.ready().await.unwrap().call(request(Some(&token))).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}

/// Panics unless each call was preceded by its own readiness; a clone starts unready, and can be made ready once.
#[derive(Default)]
struct ReadyOnce {
    was_ready: bool,
    ready: bool,
}

impl Clone for ReadyOnce {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<Body>> for ReadyOnce {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        assert!(!self.was_ready, "polled again");
        self.was_ready = true;
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn works_over_a_service_that_is_ready_only_once() {
    let issuer = small_issuer();
    let token = good(&issuer).sign();
    let layer = server(&issuer).layer();
    for path in ["waits for the key", "knows the key"] {
        let service = layer.layer(ReadyOnce::default());
        assert_eq!(service.oneshot(request(Some(&token))).await.unwrap().status(), StatusCode::OK, "{path}");
    }
    let required = ServiceBuilder::new().layer(&layer).layer(Require::scope("read:me")).service(ReadyOnce::default());
    assert_eq!(required.oneshot(request(Some(&token))).await.unwrap().status(), StatusCode::OK);
}

#[derive(Clone)]
struct Teapot;

impl Respond<Body> for Teapot {
    fn respond(&self, rejection: &Rejection, _: &RejectionContext) -> Response<Body> {
        Response::builder()
            .status(StatusCode::IM_A_TEAPOT)
            .header("www-authenticate", "Basic")
            .header("x-kind", format!("{:?}", rejection.kind()))
            .body("no".into())
            .unwrap()
    }
}

#[tokio::test]
async fn one_responder_shapes_every_refusal_and_keeps_the_challenge() {
    let issuer = small_issuer();
    let service = ServiceBuilder::new()
        .layer(server(&issuer).layer().respond_with(Teapot))
        .layer(Require::scope("write:me"))
        .service(service_fn(subject));
    let cases = [
        (None, StatusCode::UNAUTHORIZED, RejectionKind::NoCredentials),
        (Some(String::from("x")), StatusCode::UNAUTHORIZED, RejectionKind::InvalidToken),
        (Some(good(&issuer).sign()), StatusCode::FORBIDDEN, RejectionKind::InsufficientScope),
    ];
    for (token, status, kind) in cases {
        let response = service.clone().oneshot(request(token.as_deref())).await.unwrap();
        assert_eq!(response.status(), status);
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!((rejection.kind(), rejection.status()), (kind, status));
        let challenges: Vec<_> = response.headers().get_all("www-authenticate").iter().collect();
        assert_eq!(challenges, [rejection.challenges().next().unwrap()]);
        assert!(challenges[0].to_str().unwrap().starts_with("Bearer realm="));
        assert_eq!(response.headers()["x-kind"], format!("{kind:?}"));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "no");
    }
}

#[derive(Deserialize)]
struct Anything {}

#[tokio::test]
async fn the_result_of_an_outer_layer_does_not_reach_the_inner_one() {
    let (outer, inner) = (small_issuer(), small_issuer());
    let outer_api = ResourceServer::builder(AUDIENCE).trust(outer.issuer()).claims::<Anything>().build().unwrap();
    let inner_api = server(&inner);
    let look = |request: Request<Body>| {
        let token = request.extensions().get::<AccessToken>().is_some();
        let claims = request.extensions().get::<Claims<Anything>>().is_some();
        ready(Ok::<_, Infallible>(Response::new(Body::from(format!("{token} {claims}")))))
    };
    let forget_credentials = |mut request: Request<Body>| {
        request.headers_mut().remove(AUTHORIZATION);
        request
    };
    let token = good(&outer).sign();
    let body = async |response: Response<Body>| response.into_body().collect().await.unwrap().to_bytes();

    let alone = ServiceBuilder::new().layer(outer_api.layer()).service(service_fn(look));
    assert_eq!(body(alone.oneshot(request(Some(&token))).await.unwrap()).await, "true true");

    let nested = ServiceBuilder::new()
        .layer(outer_api.layer())
        .map_request(forget_credentials)
        .layer(inner_api.layer().optional())
        .service(service_fn(look));
    assert_eq!(body(nested.oneshot(request(Some(&token))).await.unwrap()).await, "false false");

    let required = ServiceBuilder::new()
        .layer(outer_api.layer())
        .map_request(forget_credentials)
        .layer(inner_api.layer().optional())
        .layer(Require::scope("read:me"))
        .service(service_fn(look));
    let response = required.oneshot(request(Some(&token))).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "the outer token does not satisfy the inner requirement");
}

/// Row A20.
#[tokio::test]
async fn inner_layers_see_the_token_as_sensitive() {
    let issuer = small_issuer();
    let look = |request: Request<Body>| {
        let shown = format!("{:?}", request.headers());
        ready(Ok::<_, Infallible>(Response::new(Body::from(shown))))
    };
    let service = server(&issuer).layer().layer(service_fn(look));
    let response = service.oneshot(request(Some(&good(&issuer).sign()))).await.unwrap();
    let shown = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(shown, r#"{"authorization": Sensitive}"#);
}

#[tokio::test]
async fn a_forged_extension_does_not_satisfy_a_requirement() {
    let (one, other) = (small_issuer(), small_issuer());
    let strong = server(&other).verify(&good(&other).scope("admin").sign()).await.unwrap();
    let smuggle = move |mut request: Request<Body>| {
        request.extensions_mut().insert(strong.clone());
        request
    };
    let service = ServiceBuilder::new()
        .layer(server(&one).layer())
        .map_request(smuggle)
        .layer(Require::scope("admin"))
        .service(service_fn(subject));
    let response = service.oneshot(request(Some(&good(&one).sign()))).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_hyper_handler_finds_the_token_in_the_extensions() {
    async fn me(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let subject = request.extensions().get::<AccessToken>().map_or("nobody", AccessToken::subject);
        Ok(Response::new(Full::from(subject.to_owned())))
    }
    let issuer = small_issuer();
    let service =
        ServiceBuilder::new().layer(server(&issuer).layer()).layer(Require::scope("read:me")).service(service_fn(me));
    let url = format!("http://{}", serve_with_hyper(service).await);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let refused = client.get(&url).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["www-authenticate"], format!("Bearer realm=\"{AUDIENCE}\""));
    let accepted = client.get(&url).bearer_auth(good(&issuer).sign()).send().await.unwrap();
    assert_eq!((accepted.status(), accepted.text().await.unwrap()), (StatusCode::OK, "user-1".to_owned()));
}
