//! Many threads that add, forget, use and displace the same tenants.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tower_bearer::jose::JwkSet;
use tower_bearer::tenants::{ResolveError, ResolvedTenant, TenantSettings, from_fn};
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::{Issuer, ResourceServer};

use super::iss;
use crate::harness::memory_source::keys;
use crate::harness::{AUDIENCE, small_issuer};

const TENANTS: usize = 24;

struct Race {
    /// How many things were done at random so far, added to the seed.
    seeds: Arc<AtomicU64>,
    api: ResourceServer,
    keys: JwkSet,
    clock: TestClock,
    known: Arc<Vec<AtomicBool>>,
    tokens: Vec<[String; 3]>,
    forged: Vec<String>,
}

impl Race {
    fn new(signer: &TestIssuer, max_tenants: usize, seed: u64) -> Self {
        let seeds = Arc::new(AtomicU64::new(seed));
        let clock = TestClock::new();
        let known: Arc<Vec<_>> = Arc::new((0..TENANTS).map(|_| AtomicBool::new(false)).collect());
        let numbers: HashMap<_, _> = (0..TENANTS).map(|number| (iss(number), number)).collect();
        let keys = keys(signer);
        let resolver = from_fn({
            let (known, keys, seeds) = (Arc::clone(&known), keys.clone(), Arc::clone(&seeds));
            move |iss: String| {
                let (known, keys, number) = (Arc::clone(&known), keys.clone(), numbers[&iss]);
                let mut random = next_random(&seeds);
                async move {
                    let is_known = known[number].load(Ordering::SeqCst);
                    for _ in 0..random.usize(..4) {
                        tokio::task::yield_now().await;
                    }
                    let issuer = Issuer::keys(&iss, keys).map_err(ResolveError::new)?;
                    Ok(is_known.then(|| ResolvedTenant::new(issuer)))
                }
            }
        });
        let settings = TenantSettings::new(resolver).max_tenants(max_tenants).idle_after(Duration::from_secs(60));
        let api = ResourceServer::builder(AUDIENCE).trust_resolved(settings).clock(clock.clone()).build().unwrap();
        let token = |number, more: usize| {
            let life = Duration::from_secs(365 * 24 * 60 * 60);
            signer.token().claim("iss", iss(number)).audience(AUDIENCE).expires_in(life).claim("n", more).sign()
        };
        let tokens: Vec<_> = (0..TENANTS).map(|number| [0, 1, 2].map(|more| token(number, more))).collect();
        let forged = tokens.iter().map(|of| format!("{}.{}", of[0].rsplit_once('.').unwrap().0, "A".repeat(86)));
        Self { seeds, api, keys, clock, known, forged: forged.collect(), tokens }
    }

    /// Lets tenants come and go, each by one task. Returns how often a token of a tenant that was gone was accepted, and how often one was at all.
    async fn own(&self, number: usize, end: Instant) -> (usize, usize) {
        let mut random = next_random(&self.seeds);
        let (mut wrong, mut good) = (0, 0);
        let tenants = self.api.tenants().unwrap();
        while Instant::now() < end {
            self.known[number].store(true, Ordering::SeqCst);
            if random.bool() {
                tenants.add(Issuer::keys(&iss(number), self.keys.clone()).unwrap()).unwrap();
            }
            for _ in 0..random.usize(1..8) {
                let token = &self.tokens[number][random.usize(..3)];
                good += usize::from(self.api.verify(token).await.is_ok());
            }
            self.known[number].store(false, Ordering::SeqCst);
            tenants.forget(&iss(number));
            for _ in 0..4 {
                let token = &self.tokens[number][random.usize(..3)];
                wrong += usize::from(self.api.try_verify(token).is_ok());
                wrong += usize::from(self.api.verify(token).await.is_ok());
            }
        }
        (wrong, good)
    }
}

/// Numbers that no other has.
fn next_random(seeds: &AtomicU64) -> Rng {
    Rng::with_seed(seeds.fetch_add(1, Ordering::Relaxed))
}

/// A short one of each run. The longer it runs, the more it is worth.
#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn no_token_of_a_forgotten_tenant_is_accepted_however_threads_interleave() {
    let length = std::env::var("RACE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let seed: u64 = std::env::var("PROPERTIES_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("PROPERTIES_SEED={seed}");
    let signer = small_issuer();
    for max_tenants in [1, 3, 64] {
        let race = Arc::new(Race::new(&signer, max_tenants, seed));
        let end = Instant::now() + Duration::from_secs(length);
        let used = Arc::new(AtomicUsize::new(0));
        let strangers = (0..3).map(|at| {
            let (race, used) = (Arc::clone(&race), Arc::clone(&used));
            std::thread::spawn({
                let runtime = tokio::runtime::Handle::current();
                move || {
                    let mut random = next_random(&race.seeds);
                    let _runtime = runtime.enter();
                    while Instant::now() < end {
                        let number = random.usize(..TENANTS);
                        match at {
                            0 => {
                                let _ = race.api.try_verify(&race.forged[number]);
                            }
                            1 => {
                                let token = &race.tokens[number][random.usize(..3)];
                                used.fetch_add(usize::from(race.api.try_verify(token).is_ok()), Ordering::Relaxed);
                            }
                            _ => {
                                race.clock.advance(Duration::from_millis(random.u64(..3000)));
                                let _ = race.api.tenants().unwrap().list();
                                std::thread::sleep(Duration::from_micros(200));
                            }
                        }
                    }
                }
            })
        });
        let strangers: Vec<_> = strangers.collect();
        let owners: Vec<_> = (0..TENANTS)
            .map(|number| {
                let race = Arc::clone(&race);
                tokio::spawn(async move { race.own(number, end).await })
            })
            .collect();
        let (mut wrong, mut good) = (0, 0);
        for owner in owners {
            let (more_wrong, more_good) = owner.await.unwrap();
            (wrong, good) = (wrong + more_wrong, good + more_good);
        }
        for stranger in strangers {
            tokio::task::spawn_blocking(move || stranger.join().unwrap()).await.unwrap();
        }
        let used = used.load(Ordering::Relaxed);
        println!("{max_tenants}: {good} good, {used} used, {wrong} wrong");
        assert_eq!(wrong, 0, "{max_tenants}");
        // A few rounds of each at least, and tokens of tenants that are in the table meanwhile.
        assert!(good >= 4 * TENANTS && used > 0, "{max_tenants}: {good} good, {used} used");
        assert!(race.api.tenants().unwrap().list().len() <= max_tenants + 16);
    }
}
