//! The headers in which a client repeats its operation.

use axum::body::Body;
use http::{HeaderValue, Request, StatusCode};
use tower_bearer::Require;
use tower_bearer::mcp::Operations;

use super::bodies::Unreadable;
use super::{Rig, call, operations, post};

/// A request with these headers, in this order.
fn with(headers: &[(&'static str, &[u8])], body: Body) -> Request<Body> {
    let mut request = post(body);
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    request
}

fn with_method(method: &str, headers: &[(&'static str, &[u8])], body: Body) -> Request<Body> {
    let mut request = with(headers, body);
    *request.method_mut() = method.parse().unwrap();
    request
}

const VERSION: (&str, &[u8]) = ("mcp-protocol-version", b"2026-07-28");
const CALL: (&str, &[u8]) = ("mcp-method", b"tools/call");
const LIST: (&str, &[u8]) = ("mcp-method", b"tools/list");
const READ: (&str, &[u8]) = ("mcp-name", b"list");
const DELETE: (&str, &[u8]) = ("mcp-name", b"delete_all");

#[tokio::test]
async fn headers_decide_where_the_inner_service_verifies_them() {
    let rig = Rig::new(operations().inner_verifies_headers());
    let unread = || Body::new(Unreadable);
    for (headers, needed) in [
        (&[VERSION, CALL, DELETE][..], "read write"),
        (&[VERSION, CALL, ("mcp-name", b"delete_draft")], "read drafts"),
        (&[VERSION, CALL, ("mcp-name", b"=?base64?ZGVsZXRlX2FsbA==?=")], "read write"),
        (&[VERSION, CALL, READ], "read"),
        (&[VERSION, LIST], "read"),
        // Another method has no name, or none that counts.
        (&[VERSION, LIST, DELETE, DELETE], "read"),
        (&[VERSION, ("mcp-method", b"resources/read"), ("mcp-name", b"\xff")], "read resources"),
        (&[DELETE, CALL, VERSION], "read write"),
    ] {
        let missing = needed.rsplit(' ').next().unwrap();
        let others = needed.split(' ').filter(|scope| *scope != missing).collect::<Vec<_>>().join(" ");
        rig.send(&rig.token(&others), with(headers, unread())).await.assert_insufficient_scope(needed);
        assert_eq!(rig.reached(), 0);
    }
    // The body passes unread.
    for (at, body) in ["not JSON".to_owned(), call("delete_all")].into_iter().enumerate() {
        rig.send(&rig.token("read"), with(&[VERSION, LIST], body.clone().into())).await.assert_ok();
        assert_eq!(rig.reached.lock().unwrap()[at].1, body);
    }
}

/// The operation is then read from the body, so a client cannot name another one.
#[tokio::test]
async fn the_body_decides_where_headers_do_not_count() {
    let trusting = Rig::new(operations().inner_verifies_headers());
    let version = |text: &'static [u8]| ("mcp-protocol-version", text);
    for headers in [
        &[][..],
        &[CALL, READ],
        &[LIST],
        // Revisions.
        &[version(b"2025-11-25"), CALL, READ],
        &[version(b"2025-06-18"), CALL, READ],
        &[version(b"2024-11-05"), CALL, READ],
        &[version(b"9999-12-31"), CALL, READ],
        &[version(b"2026-07-29"), CALL, READ],
        &[version(b"2026-7-28"), CALL, READ],
        &[version(b"DRAFT-2026-v1"), CALL, READ],
        &[version(b"zzz"), CALL, READ],
        &[version(b"\xff"), CALL, READ],
        &[version(b""), CALL, READ],
        &[VERSION, VERSION, CALL, READ],
        &[VERSION, version(b"2025-11-25"), CALL, READ],
        &[version(b"2025-11-25"), VERSION, CALL, READ],
        &[version(b"2026-07-28,2025-11-25"), CALL, READ],
        // Methods and names.
        &[VERSION],
        &[VERSION, READ],
        &[VERSION, CALL],
        &[VERSION, CALL, READ, READ],
        &[VERSION, CALL, READ, DELETE],
        &[VERSION, CALL, CALL, READ],
        &[VERSION, LIST, CALL, READ],
        &[VERSION, CALL, ("mcp-name", b"li\xe9st")],
        &[VERSION, CALL, ("mcp-name", b"")],
        &[VERSION, CALL, ("mcp-name", b"=?base64?bGlzdA?=")],
        &[VERSION, CALL, ("mcp-name", b"=?BASE64?bGlzdA==?=")],
        &[VERSION, CALL, ("mcp-name", b"=?base64?bGlzdA==")],
        &[VERSION, ("mcp-method", b"\xff"), READ],
        &[VERSION, ("mcp-method", b""), READ],
    ] {
        let before = trusting.reached();
        let request = || with(headers, call("delete_all").into());
        trusting.send(&trusting.token("read"), request()).await.assert_insufficient_scope("read write");
        assert_eq!(trusting.reached(), before, "{headers:?}");
        trusting.send(&trusting.token("read write"), request()).await.assert_ok();
        let answer = trusting.send(&trusting.token("read write"), with(headers, "not JSON".into())).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{headers:?}");
    }
    // Without the statement of the application, no header counts.
    let reading = Rig::new(operations());
    let request = || with(&[VERSION, CALL, READ], call("delete_all").into());
    reading.send(&reading.token("read"), request()).await.assert_insufficient_scope("read write");
    // Only a POST brings a message of which headers tell something.
    let request = Request::delete("/").header(VERSION.0, "2026-07-28").header(LIST.0, "resources/list");
    let answer = trusting.send(&trusting.token("resources"), request.body(Body::empty()).unwrap()).await;
    answer.assert_insufficient_scope("read");
    let request = || with_method("PUT", &[VERSION, CALL, READ], call("delete_all").into());
    trusting.send(&trusting.token("read"), request()).await.assert_insufficient_scope("read write");
}

/// RFC 8441: over HTTP/2, a WebSocket is opened by CONNECT.
#[tokio::test]
async fn a_websocket_needs_what_a_get_needs_whatever_the_headers_say() {
    for rig in [Rig::new(operations().inner_verifies_headers()), Rig::new(operations())] {
        for method in ["GET", "CONNECT"] {
            let request = || with_method(method, &[VERSION, ("mcp-method", b"resources/list")], Body::empty());
            rig.send(&rig.token("resources"), request()).await.assert_insufficient_scope("read");
            rig.send(&rig.token("read"), request()).await.assert_ok();
        }
    }
}

#[tokio::test]
async fn a_thousand_patterns_tell_the_tools_apart() {
    let scope = |at: usize| format!("scope{at}");
    let operations = (0..1000).fold(Operations::new(), |operations, at| {
        let pattern = format!("tool{at:03}{}", if at % 2 == 0 { "" } else { "*" });
        operations.tool(&pattern, Require::scope(&scope(at)))
    });
    let rig = Rig::new(operations.otherwise(Require::scope("other")).inner_verifies_headers());
    for at in [0, 1, 2, 499, 500, 998, 999] {
        let name = if at % 2 == 0 { format!("tool{at:03}") } else { format!("tool{at:03}x") };
        let request = || with(&[VERSION, CALL, ("mcp-name", name.as_bytes())], Body::empty());
        rig.send(&rig.token(&scope(at)), request()).await.assert_ok();
        rig.send(&rig.token("other"), request()).await.assert_insufficient_scope(&scope(at));
    }
    let request = || with(&[VERSION, CALL, ("mcp-name", b"tool000x")], Body::empty());
    rig.send(&rig.token("other"), request()).await.assert_ok();
    rig.send(&rig.token("scope0"), request()).await.assert_insufficient_scope("other");
}
