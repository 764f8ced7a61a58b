//! A server on this machine that answers by hand.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

pub(super) struct Stub {
    base: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

/// A request with its connection, to be answered.
pub(super) struct Exchange<'a> {
    pub(super) request: &'a str,
    /// How many requests came before it.
    pub(super) before: usize,
    stream: &'a mut TcpStream,
}

impl Stub {
    pub(super) fn start(answer: impl Fn(&mut Exchange<'_>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Seen> = Arc::default();
        let (shared, answer) = (Arc::clone(&seen), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (seen, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                thread::spawn(move || serve(stream.unwrap(), &seen, &*answer));
            }
        });
        Self { base, seen }
    }

    /// A server that gives the same answer every time.
    pub(super) fn answering(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::start(move |exchange| exchange.send(&answer))
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }
}

impl Exchange<'_> {
    pub(super) fn path(&self) -> &str {
        self.request.split(' ').nth(1).unwrap()
    }

    pub(super) fn send(&mut self, text: &str) {
        self.try_send(text.as_bytes());
    }

    /// Whether the other side still reads.
    pub(super) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub(super) fn close(&mut self) {
        drop(self.stream.shutdown(Shutdown::Both));
    }
}

fn serve(mut stream: TcpStream, seen: &Seen, answer: &dyn Fn(&mut Exchange<'_>)) {
    while let Some(request) = read_request(&mut stream) {
        let mut requests = seen.requests.lock().unwrap();
        let before = requests.len();
        requests.push(request.clone());
        drop(requests);
        answer(&mut Exchange { request: &request, before, stream: &mut stream });
    }
}

/// The head and the body of one request. `None` at the end of the connection.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        request.extend(byte);
    }
    let head = String::from_utf8(request).unwrap();
    let length = head.to_ascii_lowercase().split_once("content-length: ").map_or(0, |(_, rest)| {
        let (length, _) = rest.split_once("\r\n").unwrap();
        length.parse().unwrap()
    });
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}

/// An answer with this body.
pub(super) fn answer(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// A good answer with this body.
pub(super) fn ok(body: &str) -> String {
    answer("200 OK", "application/json", body)
}
