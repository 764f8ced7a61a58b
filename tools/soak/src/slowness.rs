use std::collections::VecDeque;
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

/// How slow the machine is, because it has other things to do: how long the API takes for what the layer has no part in. So
/// much later may everything else be, and an hour of others' work makes no wrong answer.
pub(crate) struct Slowness(Mutex<Seen>);

struct Seen {
    slow: VecDeque<Span>,
    until: Instant,
}

impl Slowness {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Seen { slow: VecDeque::new(), until: Instant::now() }))
    }

    /// Asks again and again, until it is aborted.
    pub(crate) async fn watch(&self, address: SocketAddr) {
        loop {
            let from = Instant::now();
            let asked = async {
                let mut connection = Connection::open(address).await?;
                connection.send(b"GET /status HTTP/1.1\r\nHost: api.example.test\r\n\r\n").await?;
                connection.receive().await
            };
            // One that goes wrong goes wrong for the clients too, who count it.
            let _ = asked.await;
            self.saw(Span { from, to: Instant::now() });
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// There is nothing more to see.
    pub(crate) fn is_over(&self) {
        self.seen().until = Instant::now() + Duration::from_secs(3600);
    }

    /// Until when it is known how slow the machine was.
    pub(crate) fn known_until(&self) -> Instant {
        self.seen().until
    }

    /// How much longer than on an idle machine anything may take about then.
    pub(crate) fn during(&self, span: Span) -> Duration {
        let Span { from, to } = span.before(ABOUT).later(Duration::ZERO, ABOUT);
        let seen = self.seen();
        // The latest come first, and no older ones count than the first that ended before.
        let about_then = seen.slow.iter().rev().take_while(|slow| slow.to >= from).filter(|slow| slow.from <= to);
        FACTOR * about_then.map(|slow| slow.to - slow.from).max().unwrap_or_default()
    }

    /// The slowest answer of all.
    pub(crate) fn most(&self) -> Duration {
        self.seen().slow.iter().map(|slow| slow.to - slow.from).max().unwrap_or_default()
    }

    fn saw(&self, span: Span) {
        let mut seen = self.seen();
        seen.until = span.to;
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
