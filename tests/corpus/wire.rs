//! A request as bytes, and what comes back, read by hand, so that no library's leniency is between us and the wire.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than anything waits for an issuer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends these bytes on a connection of their own, and returns all that came back before it was closed. A server that
/// closes early is no error here; one that says nothing more is.
pub(super) fn exchange(address: &str, request: &[u8]) -> Result<Vec<u8>, String> {
    let mut stream = TcpStream::connect(address).map_err(|error| format!("no connection: {error}"))?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let _ = stream.write_all(request);
    let mut reply = Vec::new();
    match stream.read_to_end(&mut reply) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Err(format!("neither an answer nor an end: {}", reply.escape_ascii()))
        }
        _ => Ok(reply),
    }
}

/// One answer.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// All answers in a reply. That to `HEAD` has no body, whatever its length is said to be (RFC 9110 §9.3.2).
    pub(super) fn parse_all(mut reply: &[u8], to_head: bool) -> Result<Vec<Self>, String> {
        let mut responses = Vec::new();
        while !reply.is_empty() {
            let (response, rest) = Self::parse(reply, to_head)?;
            responses.push(response);
            reply = rest;
        }
        Ok(responses)
    }

    fn parse(reply: &[u8], to_head: bool) -> Result<(Self, &[u8]), String> {
        let wrong = |what: &str| format!("{what}: {}", reply.escape_ascii());
        let end =
            reply.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(|| wrong("no end of the head"))?;
        let head = &reply[..end];
        if !head.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' '..=b'~')) {
            return Err(wrong("a head that is not printable"));
        }
        let mut lines = std::str::from_utf8(head).map_err(|_| wrong("not ASCII"))?.split("\r\n");
        let start =
            lines.next().and_then(|line| line.strip_prefix("HTTP/1.")).ok_or_else(|| wrong("no status line"))?;
        let status = start.get(2..5).and_then(|status| status.parse().ok()).ok_or_else(|| wrong("no status"))?;
        let field =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let headers: Vec<_> = lines.map(field).collect::<Option<_>>().ok_or_else(|| wrong("no field line"))?;
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(Ok(0), |(_, value)| value.parse()).map_err(|_| wrong("no length"))?;
        let length = if to_head { 0 } else { length };
        let (body, rest) = reply[end + 4..].split_at_checked(length).ok_or_else(|| wrong("a body cut short"))?;
        Ok((Self { status, headers, body: body.to_vec() }, rest))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(own, _)| own == name);
        values.next().map(|(_, value)| &**value)
    }
}
