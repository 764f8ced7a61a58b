//! Requests in which headers and body disagree, or are read in two ways.

use axum::body::Body;
use http::header::HeaderValue;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::{Server, Sessions, Trusts, request, text};

/// The lines of one header.
type Lines = &'static [&'static [u8]];

const VERSIONS: [Lines; 13] = [
    &[],
    &[b"2026-07-28"],
    &[b"2025-11-25"],
    &[b"2025-06-18"],
    &[b"9999-12-31"],
    &[b"2026-07-29"],
    &[b"zzz"],
    &[b"2026-07-28 "],
    &[b"\xff"],
    &[b"2026-07-28", b"2026-07-28"],
    &[b"2026-07-28", b"2025-11-25"],
    &[b"2025-11-25", b"2026-07-28"],
    &[b"zzz", b"2026-07-28"],
];

const METHODS: [Lines; 10] = [
    &[],
    &[b"tools/call"],
    &[b"tools/list"],
    &[b"Tools/Call"],
    &[b"initialize"],
    &[b"notifications/initialized"],
    &[b"ping"],
    &[b"tools/list", b"tools/call"],
    &[b"tools/call", b"tools/list"],
    &[b"\xff"],
];

const NAMES: [Lines; 9] = [
    &[],
    &[b"read_file"],
    &[b"delete_file"],
    &[b"=?base64?cmVhZF9maWxl?="],
    &[b"=?base64?ZGVsZXRlX2ZpbGU=?="],
    &[b"=?BASE64?cmVhZF9maWxl?="],
    &[b"read_file", b"delete_file"],
    &[b"delete_file", b"read_file"],
    &[b"read_\xfffile"],
];

/// The `_meta` of a request of revision 2026-07-28.
fn meta(version: &str) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": {"name": "attacker", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

fn call(tool: &str, version: Option<&str>) -> Value {
    let mut message =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}});
    if let Some(version) = version {
        message["params"]["_meta"] = meta(version);
    }
    message
}

/// Bodies that delete a file, or that somebody may take for one that does.
fn bodies() -> Vec<String> {
    let delete = |version| call("delete_file", version);
    let (plain, new) = (delete(None).to_string(), delete(Some("2026-07-28")).to_string());
    let mut with_result = delete(Some("2026-07-28"));
    with_result["result"] = json!({});
    let mut notification = delete(None);
    notification.as_object_mut().unwrap().remove("id");
    vec![
        call("read_file", None).to_string(),
        call("read_file", Some("2026-07-28")).to_string(),
        delete(Some("2025-11-25")).to_string(),
        delete(Some("zzz")).to_string(),
        format!("[{plain}]"),
        format!("[{},{new}]", call("read_file", None)),
        with_result.to_string(),
        notification.to_string(),
        new.replace("tools/call", r"tools\/call").replace("delete_file", r"\u0064elete_file"),
        // Which of the two counts?
        new.replacen("\"name\":\"delete_file\"", "\"name\":\"read_file\",\"name\":\"delete_file\"", 1),
        new.replacen("\"name\":\"delete_file\"", "\"name\":\"delete_file\",\"name\":\"read_file\"", 1),
        new.replacen("\"method\":\"tools/call\"", "\"method\":\"tools/list\",\"method\":\"tools/call\"", 1),
        new.replacen("\"method\":\"tools/call\"", "\"method\":\"tools/call\",\"method\":\"tools/list\"", 1),
        new.replace("delete_file", "Delete_File"),
        new.replace("tools/call", "Tools/Call"),
        new.replace("\"name\"", "\"Name\""),
        new.replace("delete_file", "delete_file\\u0000"),
        // Parameters by position, which serde takes for a struct too.
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": [meta("2026-07-28"), "delete_file", {}, null, null]})
            .to_string(),
        json!(["2.0", 1, "tools/call", {"name": "delete_file", "arguments": {}}]).to_string(),
        // Names that some readers take for others.
        new.replacen("\"method\":", "\"Method\":\"tools/list\",\"method\":", 1),
        new.replacen("\"name\":\"delete_file\"", "\"name\":\"delete_file\",\"Name\":\"read_file\"", 1),
        new.replacen("\"params\":", "\"__proto__\":{\"method\":\"tools/list\"},\"params\":", 1),
        json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "file:///a", "_meta": meta("2026-07-28")}})
            .to_string(),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta("2026-07-28")}}).to_string(),
        json!({"jsonrpc": "2.0", "id": 1, "method": "unknown/method", "params": {"name": "delete_file"}}).to_string(),
        json!({"jsonrpc": "2.0", "id": 1, "result": {"method": "tools/call", "params": {"name": "delete_file"}}}).to_string(),
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "tools/call"}}).to_string(),
        format!("{new}{new}"),
        format!("\u{feff}{new}"),
        "{}".to_owned(),
        String::new(),
        plain,
        new,
    ]
}

fn with(lines: [Lines; 3], body: &str) -> Request<Body> {
    let mut request = request(Method::POST, body.to_owned());
    for (name, lines) in ["mcp-protocol-version", "mcp-method", "mcp-name"].into_iter().zip(lines) {
        for line in lines {
            request.headers_mut().append(name, HeaderValue::from_bytes(line).unwrap());
        }
    }
    request
}

/// Every combination of headers and bodies: with a token that may only read, nothing is deleted and no resource is read.
async fn try_all(trusts: Trusts, sessions: Sessions) {
    let server = Server::start(trusts, sessions);
    let [read, write] = ["files:read", "files:read files:write resources"].map(|scope| server.token("alice", scope));
    let bodies = bodies();
    let mut with_all = [0; 3];
    for version in VERSIONS {
        for method in METHODS {
            for name in NAMES {
                for body in &bodies {
                    let lines = [version, method, name];
                    let answer = server.send(&read, with(lines, body)).await;
                    let status = answer.status();
                    drop(text(answer).await);
                    let [_, deletes, resources] = server.calls.take();
                    assert_eq!([deletes, resources], [0, 0], "{trusts:?} {sessions:?}: {status} to {lines:?} {body}");
                }
            }
        }
    }
    // The same requests do something for a token that may.
    for version in VERSIONS {
        for body in &bodies {
            for (method, name) in
                [(METHODS[1], NAMES[2]), (&[b"resources/read" as &[u8]][..], &[b"file:///a" as &[u8]][..])]
            {
                drop(text(server.send(&write, with([version, method, name], body)).await).await);
                let calls = server.calls.take();
                with_all = [0, 1, 2].map(|at| with_all[at] + calls[at]);
            }
        }
    }
    assert!(with_all[1] > 0 && with_all[2] > 0, "nothing was tried: {with_all:?}");
}

#[tokio::test]
async fn a_lie_in_the_headers_deletes_nothing() {
    try_all(Trusts::Headers, Sessions::Off).await;
}

#[tokio::test]
async fn a_lie_in_the_headers_deletes_nothing_where_there_are_sessions() {
    try_all(Trusts::Headers, Sessions::On).await;
}

#[tokio::test]
async fn a_body_that_is_read_in_two_ways_deletes_nothing() {
    try_all(Trusts::TheBodyAlone, Sessions::Off).await;
}

/// What honest clients of both kinds get.
#[tokio::test]
async fn honest_requests_are_answered() {
    for trusts in [Trusts::Headers, Trusts::TheBodyAlone] {
        let server = Server::start(trusts, Sessions::Off);
        let [read, write] = ["files:read", "files:read files:write"].map(|scope| server.token("alice", scope));
        let new = |tool: &'static str| {
            let lines: [Lines; 3] =
                [&[b"2026-07-28"], &[b"tools/call"], if tool == "read_file" { NAMES[1] } else { NAMES[2] }];
            with(lines, &call(tool, Some("2026-07-28")).to_string())
        };
        let old = |tool| with([&[b"2025-11-25"], &[], &[]], &call(tool, None).to_string());
        for (token, request, expected) in [
            (&read, new("read_file"), StatusCode::OK),
            (&read, old("read_file"), StatusCode::OK),
            (&read, new("delete_file"), StatusCode::FORBIDDEN),
            (&read, old("delete_file"), StatusCode::FORBIDDEN),
            (&write, new("delete_file"), StatusCode::OK),
            (&write, old("delete_file"), StatusCode::OK),
        ] {
            let (status, body) = text(server.send(token, request).await).await;
            assert_eq!(status, expected, "{trusts:?}: {body}");
        }
        assert_eq!(server.calls.take(), [2, 2, 0]);
        // The server compares: the layer lets the first request pass by its headers, and the body is another's.
        let lie =
            with([&[b"2026-07-28"], &[b"tools/call"], NAMES[1]], &call("delete_file", Some("2026-07-28")).to_string());
        let (status, body) = text(server.send(&read, lie).await).await;
        match trusts {
            Trusts::Headers => assert!(status == StatusCode::BAD_REQUEST && body.contains("-32020"), "{status} {body}"),
            Trusts::TheBodyAlone => assert_eq!(status, StatusCode::FORBIDDEN),
        }
    }
}
