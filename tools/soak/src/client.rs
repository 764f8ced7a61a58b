use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use crate::answer::Answer;
use crate::api;
use crate::connection::Connection;
use crate::in_flight::InFlight;
use crate::oracle::Answered;
use crate::presentation::{Presentation, Rule};
use crate::supply::Supply;
use crate::timeline::Span;

/// Longer than any answer may take.
const HOPELESS: Duration = Duration::from_secs(120);

/// What all clients have in common.
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    pub(crate) supply: Supply,
    pub(crate) answers: Sender<Answered>,
    pub(crate) in_flight: Arc<InFlight>,
    /// Whether nobody pauses.
    pub(crate) is_burst: AtomicBool,
    pub(crate) is_over: AtomicBool,
    pub(crate) cuts: [AtomicU64; 3],
    /// How the connections broke that nobody here cut.
    pub(crate) broken: Mutex<Vec<String>>,
}

impl Shared {
    pub(crate) fn new(
        address: SocketAddr,
        supply: Supply,
        answers: Sender<Answered>,
        in_flight: Arc<InFlight>,
    ) -> Self {
        let (is_burst, is_over, cuts, broken) = Default::default();
        Self { address, supply, answers, in_flight, is_burst, is_over, cuts, broken }
    }

    /// Waits until nobody has it any more. Returns how often clients hung up, and how connections broke.
    pub(crate) async fn closed(mut shared: Arc<Self>) -> ([u64; 3], Vec<String>) {
        loop {
            match Arc::try_unwrap(shared) {
                Ok(Self { cuts, broken, .. }) => {
                    let broken = broken.into_inner().unwrap_or_else(PoisonError::into_inner);
                    return (cuts.map(AtomicU64::into_inner), broken);
                }
                Err(still_there) => shared = still_there,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Where a client hangs up.
#[derive(Clone, Copy)]
pub(crate) enum Cut {
    InRequest,
    Waiting(Duration),
    InAnswer,
}

impl Cut {
    pub(crate) const NAMES: [&str; 3] = ["in the request", "while waiting", "in the answer"];

    pub(crate) fn any(random: &mut fastrand::Rng) -> Self {
        match random.u32(..4) {
            0 => Self::InRequest,
            1 => Self::InAnswer,
            2 => Self::Waiting(Duration::from_micros(random.u64(..30_000))),
            _ => Self::Waiting(Duration::from_millis(random.u64(..1_500))),
        }
    }

    fn index(self) -> usize {
        match self {
            Self::InRequest => 0,
            Self::Waiting(_) => 1,
            Self::InAnswer => 2,
        }
    }
}

/// One request after the other, on one connection until that is cut.
pub(crate) async fn run(shared: Arc<Shared>, seed: u64, pause: Duration) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kept = None;
    while !shared.is_over.load(Ordering::Relaxed) {
        let presentation = shared.supply.next(&mut random);
        let cut = (random.u32(..100) < 6).then(|| Cut::any(&mut random));
        kept = ask(&shared, kept, presentation, cut, &mut random).await;
        if !shared.is_burst.load(Ordering::Relaxed) {
            tokio::time::sleep(pause.mul_f64(2.0 * random.f64())).await;
        }
    }
}

/// Hangs up on a handler each time, while that is at work.
pub(crate) async fn run_impatient(shared: Arc<Shared>, seed: u64, pause: Duration) {
    let mut random = fastrand::Rng::with_seed(seed);
    while !shared.is_over.load(Ordering::Relaxed) {
        let cut = Cut::Waiting(api::SLOW.mul_f64(random.f64()));
        ask(&shared, None, shared.supply.slow(&mut random), Some(cut), &mut random).await;
        tokio::time::sleep(pause.mul_f64(2.0 * random.f64())).await;
    }
}

/// Asks once, and hangs up where `cut` says. Returns the connection, if it is good for another request.
pub(crate) async fn ask(
    shared: &Shared,
    kept: Option<Connection>,
    presentation: Presentation,
    cut: Option<Cut>,
    random: &mut fastrand::Rng,
) -> Option<Connection> {
    // Only those that depend on a key wait for one.
    let _in_flight = matches!(presentation.rule, Rule::ByToken { .. }).then(|| shared.in_flight.start());
    let (kind, is_kept) = (presentation.kind, kept.is_some());
    let asked = async {
        let mut connection = match kept {
            Some(kept) => kept,
            None => Connection::open(shared.address).await.map_err(failed_at("connecting"))?,
        };
        if let Some(cut) = cut {
            hang_up(connection, &presentation, cut, random).await.map_err(failed_at("hanging up"))?;
            shared.cuts[cut.index()].fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        let from = Instant::now();
        connection.send(&presentation.request()).await.map_err(failed_at("sending"))?;
        let response = connection.receive().await.map_err(failed_at("receiving"))?;
        let during = Span { from, to: Instant::now() };
        let answer = Answer::of(&response, &presentation);
        let text = matches!(answer, Answer::Nonsense | Answer::Anothers).then(|| format!("{response:?}"));
        // Nobody listens any more when the run is over.
        let _ = shared.answers.send(Answered { presentation, during, answer, text }).await;
        Ok(Some(connection))
    };
    let answered = tokio::time::timeout(HOPELESS, asked).await;
    answered.unwrap_or_else(|_| Err(format!("no answer within {HOPELESS:?}"))).unwrap_or_else(|how| {
        let connection = if is_kept { "a kept connection" } else { "a new connection" };
        shared.broken.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{connection}, {kind}: {how}"));
        None
    })
}

fn failed_at(step: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("{step}: {error}")
}

async fn hang_up(
    mut connection: Connection,
    presentation: &Presentation,
    cut: Cut,
    random: &mut fastrand::Rng,
) -> io::Result<()> {
    let request = presentation.request();
    match cut {
        Cut::InRequest => connection.send(&request[..random.usize(1..request.len())]).await,
        Cut::Waiting(pause) => {
            connection.send(&request).await?;
            tokio::time::sleep(pause).await;
            Ok(())
        }
        Cut::InAnswer => {
            connection.send(&request).await?;
            connection.receive_some().await
        }
    }
}
