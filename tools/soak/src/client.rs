use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    /// Connections that broke although nobody here cut them.
    pub(crate) broken: AtomicU64,
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

    /// Waits until nobody has it any more. Returns how often clients hung up, and how many connections broke.
    pub(crate) async fn closed(mut shared: Arc<Self>) -> ([u64; 3], u64) {
        loop {
            match Arc::try_unwrap(shared) {
                Ok(Self { cuts, broken, .. }) => return (cuts.map(AtomicU64::into_inner), broken.into_inner()),
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
    let asked = async {
        let mut connection = match kept {
            Some(kept) => kept,
            None => Connection::open(shared.address).await?,
        };
        if let Some(cut) = cut {
            hang_up(connection, &presentation, cut, random).await?;
            shared.cuts[cut.index()].fetch_add(1, Ordering::Relaxed);
            return io::Result::Ok(None);
        }
        let from = Instant::now();
        connection.send(&presentation.request()).await?;
        let response = connection.receive().await?;
        let during = Span { from, to: Instant::now() };
        let answer = Answer::of(&response, &presentation);
        let text = matches!(answer, Answer::Nonsense | Answer::Anothers).then(|| format!("{response:?}"));
        // Nobody listens any more when the run is over.
        let _ = shared.answers.send(Answered { presentation, during, answer, text }).await;
        Ok(Some(connection))
    };
    if let Ok(Ok(connection)) = tokio::time::timeout(HOPELESS, asked).await {
        return connection;
    }
    shared.broken.fetch_add(1, Ordering::Relaxed);
    None
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
