use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::timeline::Span;

/// How often the machine is asked.
const PAUSE: Duration = Duration::from_millis(10);
/// What is too quick to count.
const QUICK: Duration = Duration::from_millis(50);
/// How many slow answers are remembered.
const REMEMBERED: usize = 65_536;
/// How much longer another request may take than the slowest that was sent about then.
const FACTOR: u32 = 2;
/// What counts as about then.
const ABOUT: Duration = Duration::from_secs(1);

/// How slow the machine is, because it has other things to do: how long the API takes for what the layer has no part in.
/// Everything else may be later by as much, so that no work of other programs makes an answer wrong. Redis, which waits for the disk, is asked too.
pub(crate) struct Slowness(Mutex<Seen>);

struct Seen {
    slow: VecDeque<Span>,
    /// Of each that is asked.
    until: [Instant; 2],
}

/// Who is asked.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    Api(SocketAddr),
    Redis(SocketAddr),
}

impl Slowness {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Seen { slow: VecDeque::new(), until: [Instant::now(); 2] }))
    }

    /// Asks again and again, until it is aborted.
    pub(crate) async fn watch(&self, asked: Asked) {
        loop {
            let from = Instant::now();
            // A request that fails here also fails for the clients, which count it, or is meant to fail.
            let _ = asked.answer().await;
            self.saw(asked, Span { from, to: Instant::now() });
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// There is nothing more to see.
    pub(crate) fn is_over(&self) {
        self.seen().until = [Instant::now() + Duration::from_secs(3600); 2];
    }

    /// Until when it is known how slow the machine was.
    pub(crate) fn known_until(&self) -> Instant {
        let [api, redis] = self.seen().until;
        api.min(redis)
    }

    /// How much longer than on an idle machine anything may take about then.
    pub(crate) fn during(&self, span: Span) -> Duration {
        let Span { from, to } = span.before(ABOUT).later(Duration::ZERO, ABOUT);
        let seen = self.seen();
        // The latest come first. The first one that ended before `from` does not count, nor does any older one.
        let about_then = seen.slow.iter().rev().take_while(|slow| slow.to >= from).filter(|slow| slow.from <= to);
        FACTOR * about_then.map(|slow| slow.to - slow.from).max().unwrap_or_default()
    }

    /// The slowest answer of all.
    pub(crate) fn most(&self) -> Duration {
        self.seen().slow.iter().map(|slow| slow.to - slow.from).max().unwrap_or_default()
    }

    fn saw(&self, asked: Asked, span: Span) {
        let mut seen = self.seen();
        seen.until[usize::from(matches!(asked, Asked::Redis(_)))] = span.to;
        if span.to - span.from >= QUICK {
            if seen.slow.len() == REMEMBERED {
                seen.slow.pop_front();
            }
            seen.slow.push_back(span);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    async fn answer(self) -> io::Result<()> {
        match self {
            Self::Api(address) => {
                let mut connection = Connection::open(address).await?;
                connection.send(b"GET /status HTTP/1.1\r\nHost: api.example.test\r\n\r\n").await?;
                connection.receive().await.map(drop)
            }
            Self::Redis(address) => {
                let mut connection = Connection::open(address).await?;
                // What it writes to its file, as a proof.
                connection.send(b"SET soak:slowness 1\r\n").await?;
                connection.receive_some().await
            }
        }
    }
}
