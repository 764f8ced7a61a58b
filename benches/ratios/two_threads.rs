//! Repeats on two threads.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response};
use tower::Service;
use tower_bearer::ResourceServer;
use tower_bearer::jose::Algorithm;
use tower_bearer::revocation::Revocations;
use tower_bearer::testing::TestIssuer;

use crate::cases::ROUNDS;
use crate::support::{TokenHash, bearer, call, distinct, large, protected, server};

/// Runs `work` on so many threads, each with an index, and returns how often all of them together did it in a second.
fn rate(threads: usize, work: impl Fn(usize) + Sync) -> f64 {
    const TIME: Duration = Duration::from_millis(3);
    let barrier = Barrier::new(threads);
    let (barrier, work) = (&barrier, &work);
    std::thread::scope(|scope| {
        let run = |thread: usize| {
            move || {
                barrier.wait();
                let (start, mut count) = (Instant::now(), 0_u32);
                while start.elapsed() < TIME {
                    (0..50).for_each(|_| work(thread));
                    count += 50;
                }
                f64::from(count) / start.elapsed().as_secs_f64()
            }
        };
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(run(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

pub(crate) fn two_threads(issuer: &TestIssuer) {
    println!("\nTwo threads, times what one does; repeats of large ES256 tokens\n");
    let api = server(issuer).build().unwrap();
    let revoking = server(issuer).revocations(Revocations::new(Duration::from_secs(24 * 60 * 60))).build().unwrap();
    let credentials: Vec<HeaderValue> =
        distinct(&large(issuer, Algorithm::ES256), 1000).map(|token| bearer(&token)).collect();
    for _ in 0..3 {
        for credentials in &credentials {
            assert_eq!([&api, &revoking].map(|api| call(&mut protected(api), credentials)), [200, 200]);
        }
    }
    let hasher = TokenHash::new();
    let hash = |credentials: &HeaderValue| {
        hasher.hash(&credentials.as_bytes()[7..]);
    };
    thread_local! {
        static RANDOM: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::new());
    }
    for count in [1, 1000] {
        let credentials = &credentials[..count];
        let any = |_| RANDOM.with_borrow_mut(|random| random.choice(credentials).unwrap());
        let [plain, with] = [&api, &revoking].map(|api| [LayerPerThread::new(api), LayerPerThread::new(api)]);
        let layer = |thread: usize| plain[thread].send(any(thread));
        let with_revocations = |thread: usize| with[thread].send(any(thread));
        let mut rounds: Vec<[f64; 3]> = (0..ROUNDS)
            .map(|_| {
                let hash = |thread| hash(any(thread));
                [
                    rate(2, hash) / rate(1, hash),
                    rate(2, layer) / rate(1, layer),
                    rate(2, with_revocations) / rate(1, with_revocations),
                ]
            })
            .collect();
        let [hash, layer, with_revocations] = [0, 1, 2].map(|of| {
            rounds.sort_by(|a, b| a[of].total_cmp(&b[of]));
            rounds[rounds.len() / 2][of]
        });
        println!(
            "{count} tokens: hash alone {hash:.3}, layer {layer:.3} ({:.3} of that), layer with revocations {with_revocations:.3} ({:.3})",
            layer / hash,
            with_revocations / hash
        );
    }
}

/// A service that only one thread at a time calls, as a server's connection does.
struct LayerPerThread<S>(Mutex<S>);

impl LayerPerThread<()> {
    fn new(
        api: &ResourceServer,
    ) -> LayerPerThread<impl Service<Request<()>, Response = Response<()>, Error = Infallible>> {
        LayerPerThread(Mutex::new(protected(api)))
    }
}

impl<S: Service<Request<()>, Response = Response<()>, Error = Infallible>> LayerPerThread<S> {
    fn send(&self, credentials: &HeaderValue) {
        assert_eq!(call(&mut *self.0.lock().unwrap(), credentials), 200);
    }
}
