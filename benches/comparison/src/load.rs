//! A client that costs less than the server it keeps busy.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Enough for the server never to wait for this client while the client waits for it.
const CONNECTIONS: usize = 32;

/// Connections that are kept alive, each with one request on its way.
pub struct Load {
    connections: Vec<TcpStream>,
    request: Vec<u8>,
    /// Every answer is as long as the first one, so nobody needs to parse it.
    response: Vec<u8>,
}

impl Load {
    pub fn new(server: SocketAddr, token: &str) -> Self {
        let request = format!("GET / HTTP/1.1\r\nhost: {server}\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes();
        let mut connections = Vec::new();
        let mut response = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut connection = TcpStream::connect(server).expect("a server");
            connection.set_nodelay(true).expect("a TCP socket");
            connection.write_all(&request).expect("an open connection");
            response = read_response(&mut connection);
            connections.push(connection);
        }
        Self { connections, request, response }
    }

    /// Requests that were answered, and how long that took.
    pub fn run(&mut self, at_least: Duration) -> (usize, Duration) {
        let started = Instant::now();
        for connection in &mut self.connections {
            connection.write_all(&self.request).expect("an open connection");
        }
        let mut answered = 0;
        while started.elapsed() < at_least {
            for connection in &mut self.connections {
                connection.read_exact(&mut self.response).expect("an answer");
                connection.write_all(&self.request).expect("an open connection");
                answered += 1;
            }
        }
        for connection in &mut self.connections {
            connection.read_exact(&mut self.response).expect("an answer");
            answered += 1;
        }
        let elapsed = started.elapsed();
        assert!(self.response.starts_with(b"HTTP/1.1 200 "), "a good token is let through");
        (answered, elapsed)
    }
}

fn read_response(connection: &mut TcpStream) -> Vec<u8> {
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\nok") {
        let mut byte = [0];
        assert_eq!(connection.read(&mut byte).expect("an answer"), 1, "{}", String::from_utf8_lossy(&response));
        response.push(byte[0]);
        assert!(response.len() < 4_096, "{}", String::from_utf8_lossy(&response));
    }
    response
}
