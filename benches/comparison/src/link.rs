//! What the driver and its workers say to each other: JSON, a line each.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;

use crate::issuer::AUDIENCE;
use crate::rows::Row;
use crate::worker;

/// Whom a worker shall trust: the first line it gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    pub issuer: String,
    pub jwks_url: String,
    /// What is at that URL, for those who know their keys from the start.
    pub jwks: Value,
    pub audience: String,
    /// The only one in use: one of the peers must be told.
    pub algorithm: String,
}

impl Setup {
    pub fn new(issuer: &TestIssuer, algorithm: Algorithm) -> Self {
        Self {
            issuer: issuer.url().to_owned(),
            jwks_url: issuer.jwks_url(),
            jwks: issuer.jwks(),
            audience: AUDIENCE.to_owned(),
            algorithm: algorithm.name().to_owned(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Question {
    /// Send these tokens one after the other, over and over until so much time has passed, and at least once.
    Time { tokens: Vec<String>, at_least: Duration },
    /// Send these tokens at this interval without waiting for answers; with none, all at once.
    Ask { tokens: Vec<String>, every: Duration },
    /// Serve HTTP.
    Serve,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// What the application would call started, after so long.
    Started {
        after: Duration,
    },
    Timed {
        nanoseconds_each: f64,
        statuses: Statuses,
    },
    /// In the order of the tokens.
    Asked {
        verdicts: Vec<Verdict>,
    },
    Serving {
        open: SocketAddr,
        guarded: SocketAddr,
    },
}

/// How often each status came.
pub type Statuses = BTreeMap<u16, usize>;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// 0 if there was no answer in time.
    pub status: u16,
    pub after: Duration,
}

/// A process that runs one row. It ends with this.
pub struct Worker {
    pub started_after: Duration,
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    row: &'static Row,
}

impl Worker {
    pub fn start(row: &'static Row, setup: &Setup) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
            .args([worker::COMMAND, &row.id()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let questions = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut worker = Self { started_after: Duration::ZERO, child, questions, answers, row };
        worker.write(setup);
        match worker.read() {
            Answer::Started { after } => worker.started_after = after,
            other => worker.is_confused(&other),
        }
        worker
    }

    pub fn row(&self) -> &'static Row {
        self.row
    }

    /// Nanoseconds for each of `tokens`, and the statuses they got.
    pub fn time(&mut self, tokens: &[String], at_least: Duration) -> (f64, Statuses) {
        self.write(&Question::Time { tokens: tokens.to_vec(), at_least });
        match self.read() {
            Answer::Timed { nanoseconds_each, statuses } => (nanoseconds_each, statuses),
            other => self.is_confused(&other),
        }
    }

    pub fn ask(&mut self, tokens: Vec<String>, every: Duration) -> Vec<Verdict> {
        self.write(&Question::Ask { tokens, every });
        match self.read() {
            Answer::Asked { verdicts } => verdicts,
            other => self.is_confused(&other),
        }
    }

    /// The addresses of the same server without and with the row's protection.
    pub fn serve(&mut self) -> (SocketAddr, SocketAddr) {
        self.write(&Question::Serve);
        match self.read() {
            Answer::Serving { open, guarded } => (open, guarded),
            other => self.is_confused(&other),
        }
    }

    /// What the worker's only thread has spent on a processor, where the system tells.
    pub fn processor_time(&self) -> Option<Duration> {
        let statistics = std::fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).ok()?;
        statistics.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    }

    fn write(&mut self, message: &impl Serialize) {
        let mut line = serde_json::to_vec(message).expect("JSON");
        line.push(b'\n');
        self.questions.write_all(&line).unwrap_or_else(|error| panic!("{} does not listen: {error}", self.row.id()));
    }

    fn read(&mut self) -> Answer {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a pipe");
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{} gave no answer ({error}): {line:?}", self.row.id()))
    }

    fn is_confused(&self, answer: &Answer) -> ! {
        panic!("{} answered something else: {answer:?}", self.row.id())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A child that is gone already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
