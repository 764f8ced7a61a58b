//! Sessions of other users.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::{Server, Sessions, Trusts, request, text};

const ID: &str = "mcp-session-id";

fn within(session: &str, method: Method, body: &Value) -> Request<Body> {
    let mut request = request(method, if body.is_null() { String::new() } else { body.to_string() });
    request.headers_mut().insert(ID, session.parse().unwrap());
    request.headers_mut().insert("mcp-protocol-version", "2025-11-25".parse().unwrap());
    request
}

fn call(tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": tool, "arguments": {}}})
}

/// Begins a session, and returns its identifier.
async fn begin(server: &Server, token: &str) -> String {
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "client", "version": "1"},
    }});
    let response = server.send(token, request(Method::POST, initialize.to_string())).await;
    let session = response.headers()[ID].to_str().unwrap().to_owned();
    let (status, body) = text(response).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let (status, body) = text(server.send(token, within(&session, Method::POST, &initialized)).await).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    session
}

#[tokio::test]
async fn a_session_is_of_no_use_to_another_user() {
    for trusts in [Trusts::Headers, Trusts::TheBodyAlone] {
        let server = Server::start(trusts, Sessions::On);
        let everything = "files:read files:write resources";
        let [alice, bob] = ["alice", "bob"].map(|subject| server.token(subject, everything));
        let session = begin(&server, &alice).await;
        let answer = json!({"jsonrpc": "2.0", "id": 0, "result": {}});
        for (method, body) in [
            (Method::POST, call("read_file")),
            (Method::POST, call("delete_file")),
            (Method::POST, answer),
            (Method::GET, Value::Null),
            (Method::DELETE, Value::Null),
        ] {
            let response = server.send(&bob, within(&session, method.clone(), &body)).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{method} {body}");
        }
        // Nor does the identifier that the server itself uses help, or one of another session with the same MAC.
        let (own, mac) = session.rsplit_once('.').unwrap();
        let of_bob = begin(&server, &bob).await;
        for forged in [own.to_owned(), format!("{own}."), format!("{}.{mac}", of_bob.rsplit_once('.').unwrap().0)] {
            for token in [&alice, &bob] {
                let response = server.send(token, within(&forged, Method::POST, &call("read_file"))).await;
                assert_eq!(response.status(), StatusCode::NOT_FOUND, "{forged}");
            }
        }
        assert_eq!(server.calls.take(), [0, 0, 0]);
        // It is still there for its user, who needs a token for each request, and one that suffices.
        let status = async |token: &str, request| text(server.send(token, request).await).await.0;
        let post = |tool: &str| within(&session, Method::POST, &call(tool));
        assert_eq!(status(&alice, post("delete_file")).await, StatusCode::OK);
        assert_eq!(status(&server.token("alice", "files:read"), post("delete_file")).await, StatusCode::FORBIDDEN);
        assert_eq!(status(&server.token("alice", "files:read"), post("read_file")).await, StatusCode::OK);
        assert_eq!(status("no.token", post("read_file")).await, StatusCode::UNAUTHORIZED);
        assert_eq!(server.calls.take(), [1, 1, 0]);
        assert_eq!(status(&alice, within(&session, Method::DELETE, &Value::Null)).await, StatusCode::ACCEPTED);
        assert_eq!(status(&alice, post("read_file")).await, StatusCode::NOT_FOUND);
    }
}

/// A stream of a session, and what resumes one, need what every other request needs.
#[tokio::test]
async fn a_stream_needs_the_scope_of_every_other_request() {
    let server = Server::start(Trusts::Headers, Sessions::On);
    let alice = server.token("alice", "files:read");
    let session = begin(&server, &alice).await;
    for last_event in [None, Some("0")] {
        for (scope, expected) in [("other", StatusCode::FORBIDDEN), ("files:read", StatusCode::OK)] {
            let mut request = within(&session, Method::GET, &Value::Null);
            request.headers_mut().insert("mcp-method", "resources/list".parse().unwrap());
            if let Some(id) = last_event {
                request.headers_mut().insert("last-event-id", id.parse().unwrap());
            }
            // Its body is a stream that does not end.
            assert_eq!(server.send(&server.token("alice", scope), request).await.status(), expected);
        }
    }
}

/// What a client answers to a request of the server needs what every other request needs: no header makes it another operation.
#[tokio::test]
async fn an_answer_is_no_other_operation() {
    for trusts in [Trusts::Headers, Trusts::TheBodyAlone] {
        let server = Server::start(trusts, Sessions::On);
        let session = begin(&server, &server.token("alice", "files:read")).await;
        let weak = server.token("alice", "resources");
        for body in [
            json!({"jsonrpc": "2.0", "id": 0, "result": {"action": "accept", "content": {}}}),
            json!({"jsonrpc": "2.0", "id": 0, "error": {"code": 1, "message": "no"}}),
        ] {
            assert_eq!(
                server.send(&weak, within(&session, Method::POST, &body)).await.status(),
                StatusCode::FORBIDDEN,
                "{trusts:?}"
            );
            // The layer lets it pass by its headers, and the server has no answers in that revision.
            let mut request = within(&session, Method::POST, &body);
            for (name, value) in [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "resources/list")] {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            let expected = match trusts {
                Trusts::Headers => StatusCode::BAD_REQUEST,
                Trusts::TheBodyAlone => StatusCode::FORBIDDEN,
            };
            assert_eq!(server.send(&weak, request).await.status(), expected, "{trusts:?} {body}");
        }
    }
}
