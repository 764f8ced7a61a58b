use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use redis::{Connection, FromRedisValue, cmd};
use tower_bearer_redis::RedisReplayStore;

/// A `redis-server` on a free port of this machine, without persistence. It ends with the value, also if the test panics.
///
/// The variable `REDIS_SERVER` names another program, such as `valkey-server`.
pub(crate) struct RedisServer {
    port: u16,
    folder: PathBuf,
    arguments: Vec<String>,
    process: Option<Child>,
}

impl RedisServer {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        // Another process may take the port in between.
        for _ in 0..5 {
            let mut server = Self::stopped(arguments);
            if server.run() {
                return server;
            }
        }
        panic!("redis-server did not start: tests/run.sh installs it");
    }

    /// A server that is not running yet.
    pub(crate) fn stopped(arguments: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let port = free_port();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tower-bearer-redis-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self { port, folder, arguments: arguments.iter().map(ToString::to_string).collect(), process: None }
    }

    /// Runs it, and returns whether it is ready to accept connections.
    pub(crate) fn run(&mut self) -> bool {
        let program = std::env::var_os("REDIS_SERVER").unwrap_or_else(|| "redis-server".into());
        let mut process = Command::new(program)
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(&self.folder)
            .args(&self.arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is not installed: tests/run.sh installs it");
        let output = BufReader::new(process.stdout.take().unwrap());
        self.process = Some(process);
        let mut lines = output.lines().map_while(Result::ok);
        let is_ready = lines.any(|line| line.contains("Ready to accept connections"));
        // A full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        is_ready
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Stops its process, which keeps its connections and answers nothing.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    /// For the next run.
    #[cfg(feature = "tls")]
    pub(crate) fn push_arguments(&mut self, arguments: &[&str]) {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
    }

    /// Where it keeps its files, until it ends.
    #[cfg(feature = "tls")]
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A store of its own, as in another process.
    pub(crate) fn store(&self) -> RedisReplayStore {
        RedisReplayStore::connect(&self.url(), "test").unwrap()
    }

    pub(crate) fn connection(&self) -> Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// The reply to a command of the test itself.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &[&[u8]]) -> T {
        cmd(str::from_utf8(command[0]).unwrap()).arg(&command[1..]).query(&mut self.connection()).unwrap()
    }

    /// The same, for words.
    pub(crate) fn tell<T: FromRedisValue>(&self, command: &str) -> T {
        self.ask(&command.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    /// A number of `INFO`, such as `total_connections_received:3`.
    pub(crate) fn info(&self, section: &str, name: &str) -> Option<String> {
        let info: String = self.ask(&[b"INFO", section.as_bytes()]);
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(ToOwned::to_owned))
    }

    /// How often it has executed a command.
    pub(crate) fn calls(&self, command: &str) -> u64 {
        let calls = self.info("commandstats", &format!("cmdstat_{command}"));
        calls.map_or(0, |calls| calls.strip_prefix("calls=").unwrap().split(',').next().unwrap().parse().unwrap())
    }

    /// How many connections it has, but those of the test itself and of another server.
    pub(crate) fn clients(&self) -> usize {
        let all: String = self.tell("CLIENT LIST TYPE normal");
        all.lines().filter(|client| !client.contains("cmd=restore")).count() - 1
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A port that nobody listens on, and that no other call of this process gets.
///
/// `redis-server` cannot be asked for a port of the system's choice. This one is below those that the system gives to outgoing
/// connections, of which there are thousands here.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let offset = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let port = u16::try_from(20_000 + offset).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
