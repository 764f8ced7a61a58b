//! The program of the package `me`, and processes of it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;

/// A running example, ended when dropped.
pub(crate) struct Example {
    process: Child,
    resource: String,
    /// What stands before the URL of the resource.
    lines: Vec<String>,
    /// What it has written to its standard error so far.
    log: Arc<Mutex<Vec<u8>>>,
}

impl Example {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_build(Build::Usual, flags)
    }

    pub(crate) fn start_build(build: Build, flags: &[&str]) -> Self {
        let mut process =
            Command::new(program(build)).args(flags).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::<Mutex<Vec<u8>>>::default();
        let (mut errors, kept) = (process.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = errors.read(&mut piece) {
                kept.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let (mut lines, mut resource) = (Vec::new(), None);
        while resource.is_none() {
            let line = output.next().unwrap();
            resource = line.strip_prefix("The API is at ").map(ToOwned::to_owned);
            lines.push(line);
        }
        // Its standard output must not fill up.
        std::thread::spawn(move || output.for_each(drop));
        Self { process, resource: resource.unwrap(), lines, log }
    }

    /// Where it listens: host and port.
    pub(crate) fn address(&self) -> &str {
        self.resource.strip_prefix("http://").unwrap().split_once('/').unwrap().0
    }

    /// What it has written to its standard error so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()).into_owned()
    }

    /// What a line that begins so says where it is.
    pub(crate) fn url_of(&self, what: &str) -> &str {
        let line = self.lines.iter().find(|line| line.starts_with(what)).unwrap();
        line.split_once(" is at ").unwrap().1
    }

    /// The URL of the API's resource.
    pub(crate) fn resource(&self) -> &str {
        &self.resource
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The features of tower-bearer that a program is built with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Build {
    /// Those that it needs.
    Usual,
    /// All features, though it configures none of the others.
    EveryFeature,
}

/// The program as its sources are now. It is built at the first call, because `cargo test` does not build other packages.
pub(crate) fn program(build: Build) -> &'static Path {
    static USUAL: OnceLock<PathBuf> = OnceLock::new();
    static EVERY_FEATURE: OnceLock<PathBuf> = OnceLock::new();
    match build {
        Build::Usual => USUAL.get_or_init(|| build_program("me", &["--package", "me"])),
        // As in run.sh, so that nothing is built twice.
        Build::EveryFeature => EVERY_FEATURE.get_or_init(|| {
            build_program("me-with-every-feature", &["--workspace", "--all-features", "--bins", "--examples"])
        }),
    }
}

/// Builds the program and copies it, because each build replaces the one before. Cargo says where it is, so that no target
/// directory, triple or profile is guessed.
fn build_program(name: &str, packages: &[&str]) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one_at_a_time = ONE_AT_A_TIME.lock();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--offline"]).args(packages);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the package me is not built; it is in the repository alone, as examples/me");
    let messages = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let messages = messages.map(|line| serde_json::from_slice::<Value>(line).unwrap());
    let mut programs = messages.filter(|message| message["target"]["name"] == "me");
    let built = programs.find_map(|message| message["executable"].as_str().map(PathBuf::from)).unwrap();
    let copy = format!("{name}-of-{}", env!("CARGO_CRATE_NAME"));
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(copy);
    // A process of an earlier run may still execute the copy before.
    drop(std::fs::remove_file(&copy));
    // In a process of its own: a descriptor that this one writes with would be inherited by what another test starts at that
    // moment, and a file that is open for writing cannot be executed (ETXTBSY).
    assert!(Command::new("cp").args([&built, &copy]).status().unwrap().success());
    copy
}
