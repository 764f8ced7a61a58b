//! The Redis that the API shares its used proofs and its revocations in: a process of its own, which is killed and started again.
//!
//! It writes everything to a file before it replies, so it comes back with all that it has confirmed: a process that dies loses nothing
//! of that, and only a machine would.

use std::error::Error;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::pause::pause;
use crate::timeline::{Span, Timeline};

/// Who shares it, as Redis knows them.
pub(crate) const NAMESPACE: &str = "soak";
/// How long the API takes at most to connect again.
const RECONNECTS: Duration = Duration::from_millis(500);
/// The same for the task that follows the revocations, which pauses for up to a second in between.
const FOLLOWS_AGAIN: Duration = Duration::from_secs(2);
/// How long a revocation is on its way at most while Redis is there.
const HEARD_WITHIN: Duration = Duration::from_secs(1);
/// How long it is there in between, and away.
const IS_THERE: [f64; 2] = [6.0, 12.0];
const IS_AWAY: [f64; 2] = [0.7, 2.5];

/// The server, and when it was there.
pub(crate) struct Redis {
    port: u16,
    folder: PathBuf,
    process: Mutex<Option<Child>>,
    is_there: Mutex<Timeline<bool>>,
    absences: AtomicU32,
}

impl Redis {
    /// Starts it, with its files in `folder`.
    pub(crate) fn start(folder: PathBuf) -> Result<Arc<Self>, Box<dyn Error>> {
        std::fs::create_dir_all(&folder)?;
        let redis = Self {
            port: free_port()?,
            folder,
            process: Mutex::default(),
            is_there: Mutex::new(Timeline::new(true)),
            absences: AtomicU32::new(0),
        };
        redis.run()?;
        // Before that nobody asked.
        *redis.is_there.lock().unwrap_or_else(PoisonError::into_inner) = Timeline::new(true);
        Ok(Arc::new(redis))
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// How often it was away so far.
    pub(crate) fn absences(&self) -> u32 {
        self.absences.load(Ordering::Relaxed)
    }

    /// Whether a command may have failed.
    pub(crate) fn may_be_away(&self, during: Span, late: Duration) -> bool {
        self.is_there().during(during.before(RECONNECTS + late)).any(|is_there| !is_there)
    }

    /// Whether no command can have succeeded.
    pub(crate) fn is_surely_away(&self, during: Span) -> bool {
        self.is_there().during(during).all(|is_there| !is_there)
    }

    /// Whether the API has surely heard by `now` of a revocation that Redis confirmed at `confirmed`: Redis was there for long enough
    /// without a break.
    pub(crate) fn is_surely_heard(&self, confirmed: Instant, now: Instant, late: Duration) -> bool {
        let is_there = self.is_there();
        let mut stretches = is_there.stretches(|is_there| *is_there);
        stretches.any(|(since, until)| {
            let follows = since.map_or(confirmed, |since| confirmed.max(since + FOLLOWS_AGAIN));
            follows + HEARD_WITHIN + late <= until.map_or(now, |until| until.min(now))
        })
    }

    /// It dies now and then, and comes back, until it is aborted.
    pub(crate) async fn die_now_and_then(self: Arc<Self>, mut random: fastrand::Rng, start: Instant, is_verbose: bool) {
        loop {
            pause(&mut random, IS_THERE).await;
            let note = |what: &str| {
                if is_verbose {
                    println!("{:8.3} Redis: {what}", start.elapsed().as_secs_f64());
                }
            };
            note("killed");
            let (since, ()) = Span::of(|| self.kill());
            self.is_there().change(since, false);
            self.absences.fetch_add(1, Ordering::Relaxed);
            pause(&mut random, IS_AWAY).await;
            let again = Arc::clone(&self);
            let (from, started) =
                (Instant::now(), tokio::task::spawn_blocking(move || again.run().map_err(|error| error.to_string())));
            match started.await {
                Ok(Ok(())) => note("there again"),
                error => println!("Redis did not start again: {error:?}"),
            }
            self.is_there().change(Span { from, to: Instant::now() }, true);
        }
    }

    /// Runs it until it accepts connections.
    fn run(&self) -> Result<(), Box<dyn Error>> {
        let mut process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            // Written before the reply, and left to the system.
            .args(["--appendonly", "yes", "--appendfsync", "no"])
            .arg("--dir")
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => {
                    "redis-server is not installed: tests/run.sh installs it, as does `apt-get install redis-server`"
                        .into()
                }
                _ => Box::<dyn Error>::from(error),
            })?;
        let output = BufReader::new(process.stdout.take().ok_or("no output")?);
        *self.process() = Some(process);
        let mut lines = output.lines().map_while(Result::ok);
        let is_ready = lines.any(|line| line.contains("Ready to accept connections"));
        // A full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        if is_ready { Ok(()) } else { Err("redis-server ended before it was ready".into()) }
    }

    fn kill(&self) {
        if let Some(mut process) = self.process().take() {
            // One that has ended already is as good.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_there(&self) -> MutexGuard<'_, Timeline<bool>> {
        self.is_there.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on: `redis-server` cannot be asked for one of the system's choice. It is below those that the system gives
/// to outgoing connections, so that it is still free after each restart.
fn free_port() -> Result<u16, Box<dyn Error>> {
    let first = std::process::id() % 10_000;
    let mut ports = (first..first + 1000).filter_map(|offset| u16::try_from(20_000 + offset).ok());
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).ok_or_else(|| "no port is free".into())
}
