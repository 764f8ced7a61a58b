//! What it costs to find and check the requirement of an MCP operation.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::Full;
use tower::{Service, ServiceBuilder, service_fn};
use tower_bearer::Require;
use tower_bearer::mcp::{MessageBody, Operations};
use tower_bearer::testing::TestIssuer;

use crate::cases::{Cases, ROUNDS};
use crate::support::{bearer, server};

/// How many patterns there are: half of them are names, and half are starts of names.
const PATTERNS: usize = 1_000;

type Body = Full<Bytes>;

pub(crate) fn operations(issuer: &TestIssuer) {
    println!("\nOperations of MCP among {PATTERNS} patterns, behind the layer with a remembered token\n");
    let scope = || Require::scope("read:me");
    let pattern = |at: usize| format!("namespace.tool_{at:03}{}", if at.is_multiple_of(2) { "" } else { "*" });
    let list = (0..PATTERNS).fold(Operations::new().otherwise(scope()), |it, at| it.tool(&pattern(at), scope()));
    let names: Vec<String> = (0..PATTERNS).map(|at| pattern(at).replace('*', "_x")).collect();
    let headers: Vec<HeaderValue> = names.iter().map(|name| name.parse().unwrap()).collect();
    let bodies: Vec<Bytes> = names.iter().map(|name| message(name).into()).collect();

    let api = server(issuer).build().unwrap();
    let credentials = bearer(&issuer.token().audience(crate::support::AUDIENCE).scope("read:me").sign());
    let trusting = list.clone().inner_verifies_headers();
    let mut plain = ServiceBuilder::new().layer(api.layer()).service(service_fn(answer::<Body>));
    let mut one = ServiceBuilder::new().layer(api.layer()).layer(scope()).service(service_fn(answer::<Body>));
    let mut by_headers =
        ServiceBuilder::new().layer(api.layer()).layer(trusting).service(service_fn(answer::<MessageBody<Body>>));
    let mut by_body =
        ServiceBuilder::new().layer(api.layer()).layer(list).service(service_fn(answer::<MessageBody<Body>>));

    let none = Operations::new().otherwise(scope()).inner_verifies_headers();
    let mut without =
        ServiceBuilder::new().layer(api.layer()).layer(none).service(service_fn(answer::<MessageBody<Body>>));

    let mut random = [1, 2, 3, 4, 5].map(fastrand::Rng::with_seed);
    let [first, second, third, fourth, fifth] = &mut random;
    let request = |at: usize| request(&credentials, &headers[at], &bodies[at]);
    let mut cases = Cases::default();
    cases.add("layer", || send(&mut plain, request(first.usize(0..PATTERNS))));
    cases.add("one", || send(&mut one, request(second.usize(0..PATTERNS))));
    cases.add("none", || send(&mut without, request(fifth.usize(0..PATTERNS))));
    cases.add("headers", || send(&mut by_headers, request(third.usize(0..PATTERNS))));
    cases.add("body", || send(&mut by_body, request(fourth.usize(0..PATTERNS))));
    cases.measure(ROUNDS);
    let more = |name: &str| cases.median(name) - cases.median("layer");
    let length = bodies[0].len();
    println!("| requirement | ns more than the layer alone, {:.0} ns |\n|---|---:|", cases.median("layer"));
    println!("| one for all requests | {:.0} |", more("one"));
    println!("| by the headers, without a pattern | {:.0} |", more("none"));
    println!("| by the headers, of {PATTERNS} patterns | {:.0} |", more("headers"));
    println!("| by the body of {length} bytes, of {PATTERNS} patterns | {:.0} |", more("body"));
}

fn message(tool: &str) -> String {
    let text = "x".repeat(900);
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"text":"{text}"}}}}}}"#
    )
}

fn request(credentials: &HeaderValue, name: &HeaderValue, body: &Bytes) -> Request<Body> {
    let mut request = Request::new(Full::new(body.clone()));
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, credentials.clone());
    headers.insert("mcp-protocol-version", HeaderValue::from_static("2026-07-28"));
    headers.insert("mcp-method", HeaderValue::from_static("tools/call"));
    headers.insert("mcp-name", name.clone());
    request
}

fn answer<B>(request: Request<B>) -> Ready<Result<Response<()>, Infallible>> {
    drop(black_box(request));
    ready(Ok(Response::new(())))
}

fn send<S>(service: &mut S, request: Request<Body>)
where
    S: Service<Request<Body>, Response = Response<()>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut context) else { panic!("it waits") };
    assert_eq!(response.status(), 200);
}
