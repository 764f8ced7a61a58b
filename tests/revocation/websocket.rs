//! A WebSocket ends with the session of its user, and those of others stay open.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_bearer::AccessToken;
use tower_bearer::credentials::TokenSource;
use tower_bearer::revocation::Revocation;

use super::feed_rig::FeedRig;
use crate::harness::serve::serve;

/// "Unauthorized", in the registry of close codes.
const UNAUTHORIZED: u16 = 3000;
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;

/// As in the manual.
async fn live(handshake: WebSocketUpgrade, token: AccessToken) -> Response {
    handshake.protocols(["chat"]).on_upgrade(|socket| converse(socket, token))
}

async fn converse(mut socket: WebSocket, token: AccessToken) {
    let mut ended = pin!(token.expires());
    loop {
        let message = tokio::select! {
            biased;
            () = &mut ended => break,
            message = socket.recv() => message,
        };
        let Some(Ok(message)) = message else { return };
        let Message::Text(text) = message else { continue };
        if socket.send(Message::Text(text)).await.is_err() {
            return;
        }
    }
    let close = CloseFrame { code: UNAUTHORIZED, reason: "connect again with a new token".into() };
    let _ = socket.send(Message::Close(Some(close))).await;
    while let Some(Ok(_)) = socket.recv().await {}
}

/// The other end of such a connection.
struct Client(TcpStream);

impl Client {
    async fn connect(address: SocketAddr, token: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let handshake = format!(
            "GET /live HTTP/1.1\r\nhost: api.example.com\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             sec-websocket-protocol: chat, bearer, {token}\r\n\r\n"
        );
        stream.write_all(handshake.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap().to_lowercase();
        assert!(answer.starts_with("http/1.1 101 ") && answer.contains("sec-websocket-protocol: chat\r\n"), "{answer}");
        Self(stream)
    }

    /// Sends a short text, masked with zeros, and reads it again.
    async fn assert_echoes(&mut self, text: &str) {
        let length = u8::try_from(text.len()).unwrap();
        self.0.write_all(&[&[TEXT, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()).await.unwrap();
        assert_eq!(self.frame().await, (TEXT, text.as_bytes().to_vec()));
    }

    /// The next frame from the server, which is short: what it is, and its content.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let [kind, length] = [self.0.read_u8().await.unwrap(), self.0.read_u8().await.unwrap()];
        let mut content = vec![0; length.into()];
        self.0.read_exact(&mut content).await.unwrap();
        (kind, content)
    }
}

/// Alice and Bob are connected, Alice is revoked, and her connection ends, but not Bob's.
async fn assert_alice_is_cut_off(feeds: &FeedRig, revoke: impl AsyncFnOnce()) {
    let layer = feeds.rig.api.layer().token_from(TokenSource::websocket_protocol_after("bearer"));
    let address = serve(Router::new().route("/live", any(live)).route_layer(layer)).await;
    let connect = async |user: &str| {
        let mut client =
            Client::connect(address, &feeds.rig.token(-60.0).subject(user).claim("sid", user).sign()).await;
        client.assert_echoes("hello").await;
        client
    };
    let (mut bob, mut alice) = (connect("bob").await, connect("alice").await);
    revoke().await;
    let (kind, content) = timeout(Duration::from_secs(1), alice.frame()).await.expect("it ends within a second");
    assert_eq!((kind, &content[..2]), (CLOSE, &UNAUTHORIZED.to_be_bytes()[..]));
    bob.assert_echoes("still here").await;
}

#[tokio::test]
async fn a_websocket_is_closed_within_a_second_of_a_revocation() {
    let feeds = FeedRig::new();
    let alice = Revocation::session(feeds.rig.issuer.url(), "alice");
    assert_alice_is_cut_off(&feeds, async || feeds.rig.revocations.revoke(&alice).await.unwrap()).await;
}

#[tokio::test]
async fn a_websocket_is_closed_within_a_second_of_a_security_event() {
    let feeds = FeedRig::new();
    let set = feeds.set("alice");
    assert_alice_is_cut_off(&feeds, async || feeds.push(&set).await.assert_empty(202, None)).await;
}
