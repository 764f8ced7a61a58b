use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is kept alive, by hand: to be cut wherever one likes.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names are in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::new() })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits for the next bytes, which are kept.
    pub(crate) async fn receive_some(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub(crate) async fn receive(&mut self) -> io::Result<Response> {
        let head = loop {
            match self.received.windows(4).position(|end| end == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.receive_some().await?,
            }
        };
        let (status, headers) =
            std::str::from_utf8(&self.received[..head]).ok().and_then(parse).ok_or(ErrorKind::InvalidData)?;
        let mut response = Response { status, headers, body: String::new() };
        let length: usize =
            response.all("content-length").next().map_or(Ok(0), str::parse).map_err(io::Error::other)?;
        while self.received.len() < head + length {
            self.receive_some().await?;
        }
        response.body = String::from_utf8_lossy(&self.received[head..head + length]).into_owned();
        self.received.drain(..head + length);
        if self.received.is_empty() { Ok(response) } else { Err(io::Error::other("more than one response")) }
    }
}

impl Response {
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(found, _)| found == name).map(|(_, value)| &**value)
    }
}

fn parse(head: &str) -> Option<(u16, Vec<(String, String)>)> {
    let (line, fields) = head.split_once("\r\n")?;
    let status = line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let headers = fields.lines().filter(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Some((status, headers.collect::<Option<_>>()?))
}
