//! Requests that services behind the layer read in different ways.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http::{Method, Request, StatusCode};
use http_body::Frame;
use tower_bearer::Require;
use tower_bearer::mcp::Operations;

use super::{Rig, call, message, operations, post};

/// A service that decodes a body as its charset says reads in UTF-7: `"x":"","method":"tools/call","params":{"name":"delete_all"}`.
const UTF_7: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","x":"+ACI-,+ACI-method+ACI-:+ACI-tools/call+ACI-,+ACI-params+ACI-:+AHs-+ACI-name+ACI-:+ACI-delete_all+ACIAfQ-,+ACI-y+ACI-:+ACI-"}"#;

#[tokio::test]
async fn a_body_in_another_charset_is_refused() {
    let rig = Rig::new(operations());
    let token = rig.token("read");
    let typed = |types: &[&str]| {
        let mut request = post(UTF_7);
        request.headers_mut().remove("content-type");
        for text in types {
            request.headers_mut().append("content-type", text.parse().unwrap());
        }
        request
    };
    for types in [
        &["application/json; charset=utf-7"][..],
        &["application/json;Charset=\"UTF-7\""],
        &["application/json", "application/json; charset=utf-7"],
        &["application/json; charset=utf-7", "application/json"],
        &["application/json; charset=utf-8; charset=utf-7"],
        &["application/json; charset*=us-ascii''utf-7"],
    ] {
        assert_eq!(rig.send(&token, typed(types)).await.status, StatusCode::BAD_REQUEST, "{types:?}");
    }
    assert_eq!(rig.reached(), 0);
    for types in [&[][..], &["application/json"], &["application/json; charset=utf-8"], &["text/plain;charset=UTF-8"]] {
        rig.send(&token, typed(types)).await.assert_ok();
    }
}

/// Go's parser ignores the case of names, and takes the last of several. A long s is an s then.
#[tokio::test]
async fn names_that_differ_in_case_alone_are_refused() {
    let rig = Rig::new(operations());
    let token = rig.token("read write drafts resources");
    for body in [
        r#"{"method":"tools/list","Method":"tools/call","params":{"name":"delete_all"}}"#,
        r#"{"METHOD":"tools/call","method":"tools/list","params":{"name":"delete_all"}}"#,
        r#"{"method":"tools/list","\u004dethod":"tools/call","params":{"name":"delete_all"}}"#,
        r#"{"method":"tools/call","params":{"name":"list"},"Params":{"name":"delete_all"}}"#,
        "{\"method\":\"tools/call\",\"params\":{\"name\":\"list\"},\"param\u{17f}\":{\"name\":\"delete_all\"}}",
        r#"{"method":"tools/call","params":{"name":"list","Name":"delete_all"}}"#,
        r#"{"method":"tools/call","params":{"NAME":"delete_all","name":"list"}}"#,
        r#"{"params":{"nAme":"delete_all","name":"list"},"method":"tools/call"}"#,
        r#"{"method":"tools/list","Result":{}}"#,
        r#"{"result":{},"ERROR":{}}"#,
        "{\"method\":\"tools/list\",\"re\u{17f}ult\":{}}",
        r#"[{"method":"tools/list"},{"method":"tools/list","Method":"tools/call"}]"#,
    ] {
        assert_eq!(rig.post(&token, body.to_owned()).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(rig.reached(), 0);
    for body in [
        // Names that are the application's, or no variants.
        r#"{"method":"tools/call","params":{"name":"list","arguments":{"Name":1,"NAME":2,"Method":3}}}"#,
        r#"{"method":"prompts/get","params":{"name":"a","Name":"b"}}"#,
        r#"{"method":"tools/list","methods":1,"metho":2,"m\u00e9thod":3,"ID":4}"#,
    ] {
        rig.post(&token, body.to_owned()).await.assert_ok();
    }
}

/// A service may have one handler for all methods, and act on the body of a `DELETE`.
#[tokio::test]
async fn a_body_counts_whatever_the_method() {
    for rig in [Rig::new(operations()), Rig::new(operations().inner_verifies_headers())] {
        for method in [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS] {
            let request = |body: Body| Request::builder().method(method.clone()).uri("/").body(body).unwrap();
            let delete = || {
                let mut request = request(call("delete_all").into());
                for (name, value) in [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")] {
                    request.headers_mut().insert(name, value.parse().unwrap());
                }
                request
            };
            rig.send(&rig.token("read"), delete()).await.assert_insufficient_scope("read write");
            assert_eq!(rig.reached(), 0, "{method}");
            rig.send(&rig.token("read write"), delete()).await.assert_ok();
            assert_eq!(rig.reached.lock().unwrap().pop().unwrap().1, call("delete_all"));
            // Nothing, although nobody knew before.
            let nothing = || Body::new(Nothing);
            rig.send(&rig.token("read"), request(nothing())).await.assert_ok();
            rig.send(&rig.token("write"), request(nothing())).await.assert_insufficient_scope("read");
            assert_eq!(rig.send(&rig.token("read"), request("x".into())).await.status, StatusCode::BAD_REQUEST);
            assert_eq!(rig.reached.lock().unwrap().drain(..).count(), 1);
        }
    }
    // Such a request does two things: it ends a session, for example, and calls a tool.
    let rig = Rig::new(Operations::new().tool("list", Require::scope("list")).otherwise(Require::scope("other")));
    let request = || Request::delete("/").body(Body::from(call("list"))).unwrap();
    rig.send(&rig.token("list"), request()).await.assert_insufficient_scope("list other");
    rig.send(&rig.token("other"), request()).await.assert_insufficient_scope("list other");
    rig.send(&rig.token("list other"), request()).await.assert_ok();
    rig.post(&rig.token("list"), call("list")).await.assert_ok();
    // A POST without a body is no message.
    assert_eq!(rig.post(&rig.token("list other"), Body::empty()).await.status, StatusCode::BAD_REQUEST);
}

/// No frames, which nobody knows before.
struct Nothing;

impl http_body::Body for Nothing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}

/// They are no calls to a reader that compares as JSON-RPC does.
#[tokio::test]
async fn members_that_only_resemble_a_call_are_other_methods() {
    let rig = Rig::new(operations().method("tools/*", Require::scope("tools")));
    for method in ["tools/call ", " tools/call", "Tools/Call", "tools/call\\u0000", "tools//call", "tools/call/"] {
        let needed = if method.starts_with("tools/") { "tools" } else { "read" };
        rig.post(&rig.token(needed), message(&method.replace("\\u0000", "\0"))).await.assert_ok();
        rig.post(&rig.token("other"), message(&method.replace("\\u0000", "\0")))
            .await
            .assert_insufficient_scope(needed);
    }
}
