use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_bearer_redis::RedisReplayStore;

/// What a [`FakeServer`] does with a `SET`.
#[derive(Clone, Copy)]
pub(crate) enum OnSet {
    Reply(&'static str),
    /// Closes the connection, as if the reply were lost.
    Close,
    Hang,
    /// Never answers, and is slow to accept a connection.
    HangAfter(Duration),
    /// It is not even asked: every connection is closed at once.
    Refuse,
}

/// A server that speaks as much of Redis' protocol as a store needs, and counts what it is sent.
pub(crate) struct FakeServer {
    port: u16,
    sets: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl FakeServer {
    pub(crate) async fn replying(reply: &'static str) -> Self {
        Self::start(OnSet::Reply(reply)).await
    }

    pub(crate) async fn closing() -> Self {
        Self::start(OnSet::Close).await
    }

    pub(crate) async fn hanging() -> Self {
        Self::start(OnSet::Hang).await
    }

    pub(crate) async fn slow_to_connect(delay: Duration) -> Self {
        Self::start(OnSet::HangAfter(delay)).await
    }

    pub(crate) async fn refusing() -> Self {
        Self::start(OnSet::Refuse).await
    }

    async fn start(on_set: OnSet) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sets, connections) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let server = Self { port, sets: Arc::clone(&sets), connections: Arc::clone(&connections) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, on_set, Arc::clone(&sets)));
            }
        });
        server
    }

    pub(crate) fn store(&self) -> RedisReplayStore {
        RedisReplayStore::connect(&format!("redis://127.0.0.1:{}", self.port), "test").unwrap()
    }

    /// How many `SET` it has been sent.
    pub(crate) fn sets(&self) -> usize {
        self.sets.load(Ordering::Relaxed)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, on_set: OnSet, sets: Arc<AtomicUsize>) {
    match on_set {
        OnSet::HangAfter(delay) => tokio::time::sleep(delay).await,
        OnSet::Refuse => return,
        _ => {}
    }
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        received.extend_from_slice(&buffer[..length]);
        while let Some((name, end)) = command(&received) {
            received.drain(..end);
            let reply = match &*name {
                b"HELLO" => "%1\r\n+proto\r\n:3\r\n",
                b"SET" => {
                    sets.fetch_add(1, Ordering::Relaxed);
                    match on_set {
                        OnSet::Reply(reply) => reply,
                        OnSet::Close | OnSet::Refuse => return,
                        OnSet::Hang | OnSet::HangAfter(_) => continue,
                    }
                }
                b"CONFIG" => "%1\r\n+maxmemory-policy\r\n+noeviction\r\n",
                _ => "+OK\r\n",
            };
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// The name of the first command, and where it ends: an array of strings, each after its length.
fn command(received: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (count, mut at) = number(received, 0, b'*')?;
    let mut name = None;
    for _ in 0..count {
        let (length, start) = number(received, at, b'$')?;
        let text = received.get(start..start + length)?;
        name.get_or_insert_with(|| text.to_ascii_uppercase());
        at = start + length + 2;
    }
    (at <= received.len()).then_some((name?, at))
}

fn number(received: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    let rest = received.get(at..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    assert_eq!(rest[0], mark);
    Some((str::from_utf8(&rest[1..end]).unwrap().parse().unwrap(), at + end + 2))
}
