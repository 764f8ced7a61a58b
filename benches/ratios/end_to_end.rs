//! Whole requests over a socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Instant;

use http::HeaderValue;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::TokenCache;

use crate::cases::ROUNDS;
use crate::support::{bearer, large, server};

/// An axum server with one worker, and clients that keep their connections.
struct Served {
    connections: Vec<TcpStream>,
    request: Vec<u8>,
    /// Where the system says how long the worker has run, if it does.
    schedule: PathBuf,
}

impl Served {
    fn start(app: axum::Router, credentials: &HeaderValue) -> Self {
        let (ready, started) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let thread = std::fs::read_link("/proc/thread-self").unwrap_or_default();
                ready.send((listener.local_addr().unwrap(), thread)).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        let (address, thread) = started.recv().unwrap();
        let request = format!(
            "GET /me HTTP/1.1\r\nhost: api.example.com\r\naccept: */*\r\nauthorization: {}\r\n\r\n",
            credentials.to_str().unwrap()
        );
        let connect = |_| {
            let connection = TcpStream::connect(address).unwrap();
            connection.set_nodelay(true).unwrap();
            connection
        };
        let connections = (0..16).map(connect).collect();
        Self { connections, request: request.into(), schedule: Path::new("/proc").join(thread).join("schedstat") }
    }

    /// One request on each connection.
    fn round(&mut self) {
        for connection in &mut self.connections {
            connection.write_all(&self.request).unwrap();
        }
        for connection in &mut self.connections {
            let mut answer = [0; 1024];
            let length = connection.read(&mut answer).unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200") && answer[..length].ends_with(b"hello"), "a whole answer");
        }
    }

    /// Microseconds of wall time for each request, and of the worker's own time.
    fn slice(&mut self) -> (f64, f64) {
        const ROUNDS: u32 = 40;
        let (start, before) = (Instant::now(), self.worked());
        (0..ROUNDS).for_each(|_| self.round());
        let requests = f64::from(ROUNDS) * self.connections.len() as f64;
        (start.elapsed().as_secs_f64() * 1e6 / requests, (self.worked() - before) / 1e3 / requests)
    }

    /// How long the worker has run, in nanoseconds; 0 where the system does not say.
    fn worked(&self) -> f64 {
        let schedule = std::fs::read_to_string(&self.schedule).unwrap_or_default();
        schedule.split(' ').next().and_then(|run| run.parse().ok()).unwrap_or_default()
    }
}

pub(crate) fn end_to_end(issuer: &TestIssuer) {
    println!("\nEnd to end: axum, one worker, 16 connections that are kept, one large ES256 token\n");
    let credentials = bearer(&large(issuer, Algorithm::ES256).sign());
    let app = || axum::Router::new().route("/me", axum::routing::get(async || "hello"));
    let (on, off) = (server(issuer).build().unwrap(), server(issuer).token_cache(TokenCache::off()).build().unwrap());
    let kinds = ["without the layer", "with it", "with it, cache off"];
    let mut served =
        [app(), app().layer(on.layer()), app().layer(off.layer())].map(|app| Served::start(app, &credentials));
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for served in &mut served {
        served.slice();
    }
    for _ in 0..ROUNDS {
        for (served, times) in served.iter_mut().zip(&mut times) {
            times.push(served.slice());
        }
    }
    let median = |mut rounds: Vec<f64>| {
        rounds.sort_by(f64::total_cmp);
        rounds[ROUNDS / 2]
    };
    let alone = times[0].clone();
    for (kind, times) in kinds.iter().zip(&times) {
        let rate = 1e6 / median(times.iter().map(|(wall, _)| *wall).collect());
        let worked = median(times.iter().map(|(_, worked)| *worked).collect());
        // Round by round, so that both had the same neighbours.
        let more =
            |of: fn(&(f64, f64)) -> f64| median(times.iter().zip(&alone).map(|(one, two)| of(one) - of(two)).collect());
        let (wall_more, worked_more) = (more(|times| times.0), more(|times| times.1));
        println!(
            "{kind}: {rate:.0} requests/s, {wall_more:.2} µs more; the worker {worked:.2} µs, {worked_more:.2} more"
        );
    }
}
