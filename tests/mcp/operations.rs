//! Which requirement a request has by its body.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::Require;
use tower_bearer::mcp::{MessageBody, Operations};

use super::{Rig, call, message, operations, post};
use crate::harness::{Answer, server};

/// Rows P5, P6, P9.
#[tokio::test]
async fn a_request_needs_what_its_operation_needs() {
    let rig = Rig::new(operations());
    let batch = |messages: &[String]| format!("[{}]", messages.join(","));
    for (body, needed) in [
        (call("delete_all"), "read write"),
        (call("delete_"), "read write"),
        (call("delete_draft"), "read drafts"),
        (call("delete_drafts"), "read write"),
        (call("list"), "read"),
        (call("Delete_all"), "read"),
        (call(""), "read"),
        (message("resources/read"), "read resources"),
        (message("resources"), "read"),
        (message("initialize"), "read"),
        (message("unknown/method"), "read"),
        // A name in the params of another method is no tool.
        (r#"{"method":"prompts/get","params":{"name":"delete_all"}}"#.into(), "read"),
        (r#"{"method":"prompts/get","params":{"name":{"delete_all":1}}}"#.into(), "read"),
        (r#"{"method":"notifications/initialized","jsonrpc":"2.0"}"#.into(), "read"),
        // The answer to a request of the server.
        (r#"{"jsonrpc":"2.0","id":1,"result":{"method":"tools/call"}}"#.into(), "read"),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#.into(), "read"),
        // Escapes and the order of members make no difference.
        (r#"{"params":{"name":"\u0064elete_all"},"\u006dethod":"tools\/call"}"#.into(), "read write"),
        (format!("\t {} \n", call("delete_all")), "read write"),
        (batch(&[call("list"), call("delete_all")]), "read write"),
        (batch(&[call("delete_all"), call("delete_draft")]), "read write drafts"),
        (batch(&[message("resources/read"), r#"{"result":1}"#.into(), call("list")]), "read resources"),
        (batch(&[call("list")]), "read"),
    ] {
        let before = rig.reached();
        rig.post(&rig.token(needed), body.clone()).await.assert_ok();
        assert_eq!(rig.reached(), before + 1, "{body}");
        assert_eq!(rig.reached.lock().unwrap()[before].1, body, "the body is passed on as it came");
        for one in needed.split(' ') {
            let others = needed.split(' ').filter(|other| *other != one).collect::<Vec<_>>().join(" ");
            rig.post(&rig.token(&others), body.clone()).await.assert_insufficient_scope(needed);
        }
        assert_eq!(rig.reached(), before + 1, "{body}");
    }
}

#[tokio::test]
async fn requests_without_a_message_need_what_other_requests_need() {
    let rig = Rig::new(operations());
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        let request = || Request::builder().method(method.clone()).uri("/").body(Body::empty()).unwrap();
        rig.send(&rig.token("read"), request()).await.assert_ok();
        rig.send(&rig.token("write"), request()).await.assert_insufficient_scope("read");
    }
    for method in ["PUT", "PATCH", "QUERY", "post"] {
        let request = || Request::builder().method(method).uri("/").body(Body::from(call("delete_all"))).unwrap();
        rig.send(&rig.token("read write"), request()).await.assert_ok();
        rig.send(&rig.token("read"), request()).await.assert_insufficient_scope("read write");
    }
}

#[tokio::test]
async fn what_was_forgotten_needs_everything() {
    let two = || {
        Operations::new()
            .tool("delete_*", Require::scope("write"))
            .tool("read", Require::scope("read"))
            .method("resources/read", Require::scope("resources"))
    };
    let rig = Rig::new(two());
    rig.post(&rig.token("read"), call("read")).await.assert_ok();
    for body in [call("list"), message("initialize")] {
        rig.post(&rig.token("write read resources"), body.clone()).await.assert_ok();
        for less in ["write read", "write resources", "read resources"] {
            assert_eq!(rig.post(&rig.token(less), body.clone()).await.status, StatusCode::FORBIDDEN, "{less}");
        }
    }
    // Without any pattern a valid token is all.
    let rig = Rig::new(Operations::new());
    rig.post(&rig.token(""), call("list")).await.assert_ok();
    // The method of tool calls is for tools without a pattern.
    let rig = Rig::new(two().method("tools/call", Require::scope("tools")).otherwise(Require::token()));
    rig.post(&rig.token("tools"), call("list")).await.assert_ok();
    rig.post(&rig.token("write"), call("delete_x")).await.assert_ok();
    rig.post(&rig.token(""), call("list")).await.assert_insufficient_scope("tools");
    // The last `otherwise` counts.
    let rig = Rig::new(two().otherwise(Require::scope("one")).otherwise(Require::scope("two")));
    rig.post(&rig.token("one"), call("list")).await.assert_insufficient_scope("two");
}

#[test]
#[should_panic(expected = r#"such as "delete_*", found "*_all""#)]
fn a_pattern_that_cannot_be_is_a_mistake_in_the_program() {
    let _ = Operations::new().tool("*_all", Require::token());
}

#[test]
fn text_that_is_no_literal_is_an_error() {
    for bad in ["", "a*b"] {
        let error = Operations::new().try_method(bad, Require::token()).unwrap_err().to_string();
        assert!(error.contains(&format!("found {bad:?}")), "{error}");
        assert_eq!(Operations::new().try_tool(bad, Require::token()).unwrap_err().to_string(), error);
    }
}

#[tokio::test]
async fn without_the_protecting_layer_the_answer_is_500() {
    let service = service_fn(async |_: Request<MessageBody<Body>>| Ok::<_, ()>(http::Response::new(Body::empty())));
    let response = operations().layer(service).oneshot(post(call("list"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

/// The layer for every tool is the same, whatever the body says: nothing of it is read.
#[tokio::test]
async fn a_request_without_a_token_is_refused_before_its_body_is_read() {
    let rig = Rig::new(operations());
    let unread = || Body::new(super::bodies::Unreadable);
    let app = |layer| axum::Router::new().route("/", axum::routing::any(async || ())).layer(operations()).layer(layer);
    let api = server(&rig.issuer);
    for layer in [api.layer().challenge_scope("read".parse().unwrap()), api.layer().optional()] {
        let response = app(layer).oneshot(post(unread())).await.unwrap();
        let answer = Answer { status: response.status(), headers: response.headers().clone() };
        answer.assert_bare_with_scope("read");
    }
    rig.send("no token", post(unread())).await.assert_invalid_request();
    rig.send("no.token", post(unread())).await.assert_invalid_token();
}
