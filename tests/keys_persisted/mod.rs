//! Persisted keys: what a process that restarts while its issuer is down finds in its file, for how long it uses that, and which
//! files it does not use.

mod bad_files;
mod restart;
mod settings;
mod withdrawal;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use tower_bearer::clock::Clock;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{Endpoint, Fault, TestClock, TestIssuer};
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::memory_source::HOUR;
use crate::harness::{AUDIENCE, clock_at, good};

/// The time of the first fetch of every story, in seconds since 1970.
const START: u64 = 1_800_000_000;

/// An issuer, a clock, and a file. Each server that is built is a process that starts.
struct Deployment {
    issuer: TestIssuer,
    clock: TestClock,
    folder: Folder,
}

impl Deployment {
    fn new() -> Self {
        let clock = clock_at(START);
        let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).clock(clock.clone()).start();
        Self { issuer, clock, folder: Folder::new() }
    }

    /// A process has fetched and persisted the keys, and has ended.
    async fn persisted() -> Self {
        let deployment = Self::new();
        deployment.fetch(&deployment.start()).await;
        deployment
    }

    fn path(&self) -> PathBuf {
        self.folder.0.join("keys.json")
    }

    fn trusted(&self) -> Issuer {
        self.issuer.issuer().persist_keys(self.path())
    }

    /// A process starts.
    fn start(&self) -> ResourceServer {
        self.start_with(self.trusted())
    }

    fn start_with(&self, issuer: Issuer) -> ResourceServer {
        ResourceServer::builder(AUDIENCE).trust(issuer).clock(self.clock.clone()).build().unwrap()
    }

    fn token(&self) -> String {
        good(&self.issuer).expires_in(24 * HOUR).sign()
    }

    /// Has `api` fetch the keys now, and waits until they are persisted.
    async fn fetch(&self, api: &ResourceServer) {
        let fetches = api.status()[0].fetches;
        api.verify(&self.token()).await.unwrap();
        until(|| api.status()[0].fetches > fetches).await;
        self.is_persisted(0).await;
    }

    /// Waits until the file is as of now, less `age`. The monotonic clock goes on during a fetch, so the time in the file may be some
    /// seconds earlier. The time of day is then set to it, so that stories count from there.
    async fn is_persisted(&self, age: u64) {
        let expected = self.now() - age;
        until(|| self.as_of().is_some_and(|as_of| (expected - 5..=expected).contains(&as_of))).await;
        self.clock.set(UNIX_EPOCH + Duration::from_secs(self.as_of().unwrap() + age));
    }

    /// The time of day in seconds.
    fn now(&self) -> u64 {
        self.clock.now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    fn file(&self) -> Option<Value> {
        let content = fs::read(self.path()).ok()?;
        Some(serde_json::from_slice(&content).unwrap())
    }

    /// The time in the file.
    fn as_of(&self) -> Option<u64> {
        self.file()?["as_of"].as_u64()
    }

    fn goes_down(&self) {
        for endpoint in [Endpoint::OAuthMetadata, Endpoint::OpenIdMetadata, Endpoint::Jwks] {
            self.issuer.fail(endpoint, Fault::Disconnect);
        }
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// A folder for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("persisted-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn names(&self) -> Vec<String> {
        fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Waits for work of other threads.
async fn until(mut is_done: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if is_done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not happen within 10 s");
}

/// The path as an event has it.
fn in_log(path: &Path) -> String {
    format!("path=\"{}\"", path.display())
}

/// The warnings of a log, from their message on.
fn warnings(log: &str) -> Vec<&str> {
    log.lines()
        .filter(|line| line.contains(" WARN "))
        .filter_map(|line| Some(line.split_once("persisted_file: ")?.1))
        .collect()
}
