use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Cmd, Value};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::dedicated::DedicatedConnection;
use super::link_error::LinkError;
use super::server::{Connection, Server};

/// Longer than a TLS handshake across continents, and short enough to follow a name that leads elsewhere.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long the error of a failed attempt to connect is also the answer to other requests, which fail at once: at most 10 attempts a second.
const PAUSE: Duration = Duration::from_millis(100);

/// Sends commands over one connection, and makes a new one when it is lost. Its clones are one link.
///
/// `ConnectionManager` of the redis crate does not suffice. It keeps the error of its last attempt for the next command, however late that
/// comes; it keeps a connection on which nothing arrives any more; and it keeps the former primary after a failover.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    server: Server,
    state: Mutex<State>,
    /// Held while connecting: there is one attempt at a time.
    connecting: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    line: Option<Arc<Line>>,
    failed: Option<(Instant, LinkError)>,
}

/// A connection, and how many replies have come over it.
struct Line {
    connection: Connection,
    replies: AtomicU64,
}

impl Link {
    pub(crate) fn new(server: Server) -> Self {
        Self(Arc::new(Inner { server, state: Mutex::default(), connecting: Arc::default() }))
    }

    /// Begins to connect, if there is a tokio runtime, and logs a warning if that fails. Otherwise the first command connects.
    pub(crate) fn connect_in_background(&self) {
        if let Ok(runtime) = Handle::try_current() {
            let link = self.clone();
            runtime.spawn(async move {
                if let Err(error) = link.line().await {
                    tracing::warn!(error = %error, "Redis cannot be reached, so DPoP proofs are refused until it can");
                }
            });
        }
    }

    /// Sends the command once and returns the reply, or an error within `limit`. It connects first if there is no connection.
    ///
    /// After an error the command may have been executed, unless the error is that there is no connection.
    pub(crate) async fn send(&self, command: &Cmd, limit: Duration) -> Result<Value, LinkError> {
        let started = Instant::now();
        let line = timeout(limit, self.line()).await.unwrap_or(Err(LinkError::TimedOut(limit)))?;
        let replies = line.replies.load(Ordering::Relaxed);
        let mut connection = line.connection.clone();
        let rest = limit.saturating_sub(started.elapsed());
        match timeout(rest, connection.send(command)).await {
            Ok(Ok(reply)) => {
                line.replies.fetch_add(1, Ordering::Relaxed);
                Ok(reply)
            }
            Ok(Err(error)) => {
                line.replies.fetch_add(1, Ordering::Relaxed);
                if line.connection.is_lost_by(&error) {
                    self.discard(&line);
                }
                Err(LinkError::Command(error))
            }
            Err(_) => {
                // Not even a reply to another command has come. A firewall may have forgotten the connection, which TCP itself would
                // notice after a quarter of an hour. A wait that was short, because connecting took most of the time, says nothing.
                if rest >= limit / 2 && line.replies.load(Ordering::Relaxed) == replies {
                    self.discard(&line);
                }
                Err(LinkError::TimedOut(limit))
            }
        }
    }

    /// A connection to the same server or cluster for one task alone.
    pub(crate) async fn connect_dedicated(&self) -> Result<DedicatedConnection, LinkError> {
        self.0.connect().await.map(DedicatedConnection)
    }

    /// The connection, or a new one.
    async fn line(&self) -> Result<Arc<Line>, LinkError> {
        if let Some(known) = self.known() {
            return known;
        }
        let turn = Arc::clone(&self.0.connecting).lock_owned().await;
        // The task that had the turn before has connected, or failed.
        if let Some(known) = self.known() {
            return known;
        }
        let link = self.clone();
        // A task of its own: the request that began it may end before there is a connection, and others wait for it.
        let attempt = tokio::spawn(async move {
            let outcome = link.connect().await;
            drop(turn);
            outcome
        });
        attempt.await.unwrap_or_else(|error| Err(LinkError::Cancelled(Arc::new(error))))
    }

    /// The connection that is there, or why the attempt of a moment ago has failed.
    fn known(&self) -> Option<Result<Arc<Line>, LinkError>> {
        let state = self.state();
        if let Some(line) = state.line.as_ref().filter(|line| !line.connection.is_closed()) {
            return Some(Ok(Arc::clone(line)));
        }
        state.failed.as_ref().filter(|(at, _)| at.elapsed() < PAUSE).map(|(_, error)| Err(error.clone()))
    }

    async fn connect(&self) -> Result<Arc<Line>, LinkError> {
        let connection = self.0.connect().await;
        let outcome = connection.map(|connection| Arc::new(Line { connection, replies: AtomicU64::new(0) }));
        let mut state = self.state();
        state.line = outcome.as_ref().ok().cloned();
        state.failed = outcome.as_ref().err().map(|error| (Instant::now(), error.clone()));
        outcome
    }

    /// Has the next command connect anew, unless that has happened. Commands under way may still get their replies.
    fn discard(&self, lost: &Arc<Line>) {
        let mut state = self.state();
        if state.line.as_ref().is_some_and(|line| Arc::ptr_eq(line, lost)) {
            state.line = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics between two changes of the state.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    async fn connect(&self) -> Result<Connection, LinkError> {
        // The limit of the redis crate is for each step of the connection.
        match timeout(CONNECT_LIMIT, self.server.connect(CONNECT_LIMIT)).await {
            Ok(connection) => connection.map_err(LinkError::Connect),
            Err(_) => Err(LinkError::TimedOut(CONNECT_LIMIT)),
        }
    }
}
