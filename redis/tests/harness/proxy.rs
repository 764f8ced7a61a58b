use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a Redis, and can stop doing so without closing them, as a firewall that has forgotten them.
pub(crate) struct Proxy {
    address: SocketAddr,
    /// Connections of an earlier number are stalled, or closed.
    generation: watch::Sender<(u64, Fate)>,
    accepted: Arc<AtomicU64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Forwarded,
    Stalled,
    Closed,
}

impl Proxy {
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (generation, fates) = watch::channel((0, Fate::Forwarded));
        let accepted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(forward(stream, port, number, fates.clone()));
            }
        });
        Self { address, generation, accepted }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Nothing comes over the connections that are there. Later ones work.
    pub(crate) fn stall(&self) {
        self.generation.send_replace((self.accepted.load(Ordering::Relaxed), Fate::Stalled));
    }

    /// Closes the connections that are there, and later ones, until it is opened.
    pub(crate) fn close(&self) {
        self.generation.send_replace((u64::MAX, Fate::Closed));
    }

    pub(crate) fn open(&self) {
        self.generation.send_replace((0, Fate::Forwarded));
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

async fn forward(mut stream: TcpStream, port: u16, number: u64, mut fates: watch::Receiver<(u64, Fate)>) {
    let Ok(mut redis) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let ended = tokio::select! {
        _ = copy_bidirectional(&mut stream, &mut redis) => return,
        fate = fates.wait_for(|(before, fate)| number < *before && *fate != Fate::Forwarded) => fate.map(|fate| fate.1),
    };
    if ended.is_ok_and(|fate| fate == Fate::Stalled) {
        // It stays open.
        std::future::pending::<()>().await;
    }
}
