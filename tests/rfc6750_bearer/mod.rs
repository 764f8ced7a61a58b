//! How a token travels and what a refused client is told: RFC 6750, and RFC 9110 §11 where it leans on that.
//!
//! Most of it goes over a real socket, byte for byte, because that is where an attacker writes. What hyper trims or
//! refuses before the layer sees it also goes through the layer alone.

mod credentials;
mod refusals;

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::serve::serve;
use crate::harness::{Answer, ISSUER, app, server};

async fn serve_defaults() -> SocketAddr {
    serve(app(&server(&ISSUER))).await
}

/// All that came back before the connection closed, which may be nothing.
struct Reply(Vec<u8>);

impl Reply {
    /// Reads the head by hand, so that no library's leniency is between us and the wire.
    fn answer(&self) -> Answer {
        let end = self.0.windows(4).position(|window| window == b"\r\n\r\n").expect("a complete head");
        let mut lines = std::str::from_utf8(&self.0[..end]).unwrap().split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a field line");
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        Answer { status, headers }
    }

    /// Whether hyper would not have it.
    fn is_bad_request_or_closed(&self) -> bool {
        self.0.is_empty() || self.answer().status == StatusCode::BAD_REQUEST
    }
}

/// Sends a request as it stands. A server that closes early is no error here.
async fn transmit(address: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut reply = Vec::new();
    let (_, _) = tokio::join!(writer.write_all(request), reader.read_to_end(&mut reply));
    Reply(reply)
}

/// Sends `GET target` with these field lines.
async fn request(address: SocketAddr, target: &str, lines: &[&[u8]]) -> Reply {
    let start = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let fields: Vec<u8> = lines.iter().flat_map(|line| [line, b"\r\n".as_slice()].concat()).collect();
    transmit(address, &[start.as_bytes(), &fields, b"\r\n"].concat()).await
}

/// Sends `GET /me` with this `Authorization`.
async fn authorize(address: SocketAddr, value: impl AsRef<[u8]>) -> Answer {
    request(address, "/me", &[&[b"Authorization: ", value.as_ref()].concat()]).await.answer()
}
