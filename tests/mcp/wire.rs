//! Requests as they come over a connection.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::any;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Rig, call, operations};
use crate::harness::serve::serve;
use crate::harness::server;

/// What comes back of a request that is written in these parts, with the head's first line before them.
async fn answer_to(rig: &Rig, version: &str, scope: &str, parts: &[&str]) -> String {
    let app =
        Router::new().route("/", any(async |body: Bytes| body)).layer(operations()).layer(server(&rig.issuer).layer());
    let mut stream = TcpStream::connect(serve(app).await).await.unwrap();
    let token = rig.token(scope);
    let head = format!("{version}\r\nHost: example.test\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for part in parts {
        stream.write_all(part.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = Vec::new();
    // A server that refuses may close early. One that waits for more fails the test.
    let _ = timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await.expect("an answer");
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn every_form_of_transfer_is_read() {
    let rig = Rig::new(operations());
    for tool in ["list", "delete_all"] {
        let body = call(tool);
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        let (first, last) = body.split_at(10);
        let chunks = format!("{:x}\r\n{first}\r\n{:x};ext=1\r\n{last}\r\n0\r\n", first.len(), last.len());
        let upper = format!("TRANSFER-ENCODING: Chunked\r\n\r\n{chunks}\r\n");
        let trailers = format!("Transfer-Encoding: chunked\r\nTrailer: Mcp-Name\r\n\r\n{chunks}Mcp-Name: list\r\n\r\n");
        let expects = format!("Expect: 100-continue\r\n{length}");
        for (line, parts) in [
            ("POST / HTTP/1.1", &[&*length, &*body][..]),
            ("POST / HTTP/1.1", &[&*length, first, last]),
            ("POST / HTTP/1.0", &[&*length, &*body]),
            ("POST / HTTP/1.1", &[&*upper]),
            ("POST / HTTP/1.1", &[&*trailers]),
            ("POST / HTTP/1.1", &[&*expects, &*body]),
            ("DELETE / HTTP/1.1", &[&*length, &*body]),
            ("GET / HTTP/1.1", &[&*upper]),
            ("GET / HTTP/1.1", &[&*trailers]),
        ] {
            for scope in ["read", "read write"] {
                let answer = answer_to(&rig, line, scope, parts).await;
                let is_allowed = tool == "list" || scope == "read write";
                let status = if is_allowed { " 200 OK\r\n" } else { " 403 Forbidden\r\n" };
                assert!(answer.contains(status), "{line} {parts:?}: {answer}");
                assert_eq!(answer.contains(&body), is_allowed, "{line} {parts:?}: {answer}");
            }
        }
        // A refusal comes before the client is told to go on.
        let expects = format!("Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", (1 << 20) + 1);
        let answer = answer_to(&rig, "POST / HTTP/1.1", "read", &[&expects]).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
    for line in ["GET / HTTP/1.1", "HEAD / HTTP/1.0", "DELETE / HTTP/1.1", "GET / HTTP/1.0"] {
        for end in ["\r\n", "Content-Length: 0\r\n\r\n"] {
            assert!(answer_to(&rig, line, "read", &[end]).await.contains(" 200 OK\r\n"), "{line}");
            assert!(answer_to(&rig, line, "write", &[end]).await.contains(" 403 Forbidden\r\n"), "{line}");
        }
    }
    // A body that ends early.
    let cut = format!("Transfer-Encoding: chunked\r\n\r\n5\r\n{}", &call("list")[..3]);
    let answer = answer_to(&rig, "POST / HTTP/1.1", "read", &[&cut, "\r\nzz\r\n"]).await;
    assert!(!answer.contains("200 OK"), "{answer}");
}
