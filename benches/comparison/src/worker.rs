//! A process that runs one row and answers the driver's questions.
//!
//! Every row has a process of its own, because jsonwebtoken's choice of a backend is global to the process, and because
//! nobody's tasks and memory shall be in anybody else's way.

use std::hint::black_box;
use std::io::BufRead as _;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

use crate::link::{Answer, Question, Setup, Statuses, Verdict};
use crate::peer::Peer;
use crate::subject::{Guarded, Subject, credentials, request};

/// The argument by which the driver starts a worker.
pub const COMMAND: &str = "worker";
/// How long an answer may take. None of the peers waits longer for anything by default, but for the one without timeouts.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many tokens are judged before the clock is read again.
const BATCH: usize = 32;

/// Runs a peer.
pub fn work<P: Peer>(start: impl AsyncFnOnce(Setup) -> P) {
    block_on(async |mut driver| {
        let setup = driver.setup().await;
        let started = Instant::now();
        let peer = start(setup).await;
        answer(&Answer::Started { after: started.elapsed() });
        let mut subject = Guarded(peer.guard(), PhantomData);
        while let Some(question) = driver.next().await {
            answer(&match question {
                Question::Time { tokens, at_least } => time(&mut subject, &tokens, at_least).await,
                Question::Ask { tokens, every } => ask(&peer, &tokens, every).await,
                Question::Serve => serve(&peer).await,
            });
        }
    });
}

/// Runs something that is no layer, for the rows to compare with.
pub fn work_bare<S: Subject>(start: impl FnOnce(Setup) -> S) {
    block_on(async |mut driver| {
        let mut subject = start(driver.setup().await);
        answer(&Answer::Started { after: Duration::ZERO });
        while let Some(question) = driver.next().await {
            let Question::Time { tokens, at_least } = question else { panic!("this row can only be timed") };
            answer(&time(&mut subject, &tokens, at_least).await);
        }
    });
}

/// On this thread and no other, so that one worker is one core at most.
fn block_on(work: impl AsyncFnOnce(Driver)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(work(Driver::listen()));
}

async fn time<S: Subject>(subject: &mut S, tokens: &[String], at_least: Duration) -> Answer {
    let prepared: Vec<_> = tokens.iter().map(|token| subject.prepare(token)).collect();
    let passes = BATCH.div_ceil(prepared.len());
    // A table by status costs the same for all, and less than a map.
    let mut statuses = [0_usize; 600];
    let mut judged = 0_usize;
    let started = Instant::now();
    let elapsed = loop {
        for _ in 0..if at_least.is_zero() { 1 } else { passes } {
            for token in &prepared {
                statuses[usize::from(subject.judge(black_box(token)).await)] += 1;
            }
            judged += prepared.len();
        }
        let elapsed = started.elapsed();
        if elapsed >= at_least {
            break elapsed;
        }
    };
    let statuses: Statuses = (0..).zip(statuses).filter(|(_, count)| *count > 0).collect();
    #[expect(clippy::cast_precision_loss, reason = "a count and a time that are far from 2^52")]
    Answer::Timed { nanoseconds_each: elapsed.as_nanos() as f64 / judged as f64, statuses }
}

async fn ask<P: Peer>(peer: &P, tokens: &[String], every: Duration) -> Answer {
    let service = peer.guard();
    let started = tokio::time::Instant::now();
    let mut asked = Vec::new();
    let mut due = started;
    for token in tokens {
        if !every.is_zero() {
            tokio::time::sleep_until(due).await;
            due += every;
        }
        let (service, request) = (service.clone(), request::<P::Body>(credentials(token)));
        asked.push(tokio::spawn(async move {
            let sent = Instant::now();
            let response = tokio::time::timeout(PATIENCE, service.oneshot(request)).await;
            let status = response.map_or(0, |Ok(response)| response.status().as_u16());
            Verdict { status, after: sent.elapsed() }
        }));
    }
    let mut verdicts = Vec::new();
    for verdict in asked {
        verdicts.push(verdict.await.expect("no peer panics"));
    }
    Answer::Asked { verdicts }
}

async fn serve<P: Peer>(peer: &P) -> Answer {
    let guarded = peer.app();
    let open = guarded.open();
    let mut addresses = Vec::new();
    for app in [open, guarded] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        addresses.push(listener.local_addr().expect("a bound socket has an address"));
        tokio::spawn(app.serve(listener));
    }
    Answer::Serving { open: addresses[0], guarded: addresses[1] }
}

fn answer(answer: &Answer) {
    println!("{}", serde_json::to_string(answer).expect("JSON"));
}

/// The lines from the driver. They are read on a thread that sleeps, so that the peer's background tasks go on.
struct Driver(mpsc::UnboundedReceiver<String>);

impl Driver {
    fn listen() -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }

    async fn setup(&mut self) -> Setup {
        serde_json::from_str(&self.0.recv().await.expect("a driver")).expect("the setup comes first")
    }

    async fn next(&mut self) -> Option<Question> {
        self.0.recv().await.map(|line| serde_json::from_str(&line).expect("a question"))
    }
}
