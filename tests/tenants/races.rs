//! Many threads that add, forget, use and displace the same tenants.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tower_bearer::jose::JwkSet;
use tower_bearer::tenants::{ResolveError, ResolvedTenant, TenantSettings, from_fn};
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::{Issuer, ResourceServer};

use super::iss;
use crate::harness::memory_source::keys;
use crate::harness::{AUDIENCE, small_issuer};

const TENANTS: usize = 24;

struct Race {
    api: ResourceServer,
    keys: JwkSet,
    clock: TestClock,
    known: Arc<Vec<AtomicBool>>,
    tokens: Vec<[String; 3]>,
    forged: Vec<String>,
}

impl Race {
    fn new(signer: &TestIssuer, max_tenants: usize) -> Self {
        let clock = TestClock::new();
        let known: Arc<Vec<_>> = Arc::new((0..TENANTS).map(|_| AtomicBool::new(false)).collect());
        let numbers: HashMap<_, _> = (0..TENANTS).map(|number| (iss(number), number)).collect();
        let keys = keys(signer);
        let resolver = from_fn({
            let (known, keys) = (Arc::clone(&known), keys.clone());
            move |iss: String| {
                let (known, keys, number) = (Arc::clone(&known), keys.clone(), numbers[&iss]);
                async move {
                    let is_known = known[number].load(Ordering::SeqCst);
                    for _ in 0..fastrand::usize(..4) {
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
        Self { api, keys, clock, known, forged: forged.collect(), tokens }
    }

    /// Lets tenants come and go, each by one task. Returns how often a token of a tenant that was gone was accepted, and how often one was at all.
    async fn own(&self, number: usize, end: Instant) -> (usize, usize) {
        let (mut wrong, mut good) = (0, 0);
        let tenants = self.api.tenants().unwrap();
        while Instant::now() < end {
            self.known[number].store(true, Ordering::SeqCst);
            if fastrand::bool() {
                tenants.add(Issuer::keys(&iss(number), self.keys.clone()).unwrap()).unwrap();
            }
            for _ in 0..fastrand::usize(1..8) {
                let token = &self.tokens[number][fastrand::usize(..3)];
                good += usize::from(self.api.verify(token).await.is_ok());
            }
            self.known[number].store(false, Ordering::SeqCst);
            tenants.forget(&iss(number));
            for _ in 0..4 {
                let token = &self.tokens[number][fastrand::usize(..3)];
                wrong += usize::from(self.api.try_verify(token).is_ok());
                wrong += usize::from(self.api.verify(token).await.is_ok());
            }
        }
        (wrong, good)
    }
}

/// A short one of each run. The longer it runs, the more it is worth.
#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn no_token_of_a_forgotten_tenant_is_accepted_however_threads_interleave() {
    let length = std::env::var("RACE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let signer = small_issuer();
    for max_tenants in [1, 3, 64] {
        let race = Arc::new(Race::new(&signer, max_tenants));
        let end = Instant::now() + Duration::from_secs(length);
        let used = Arc::new(AtomicUsize::new(0));
        let strangers = (0..3).map(|at| {
            let (race, used) = (Arc::clone(&race), Arc::clone(&used));
            std::thread::spawn({
                let runtime = tokio::runtime::Handle::current();
                move || {
                    let _runtime = runtime.enter();
                    while Instant::now() < end {
                        let number = fastrand::usize(..TENANTS);
                        match at {
                            0 => {
                                let _ = race.api.try_verify(&race.forged[number]);
                            }
                            1 => {
                                let token = &race.tokens[number][fastrand::usize(..3)];
                                used.fetch_add(usize::from(race.api.try_verify(token).is_ok()), Ordering::Relaxed);
                            }
                            _ => {
                                race.clock.advance(Duration::from_millis(fastrand::u64(..3000)));
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
        println!("{max_tenants}: {good} good, {} used, {wrong} wrong", used.load(Ordering::Relaxed));
        assert!(good > 0);
        assert_eq!(wrong, 0, "{max_tenants}");
        assert!(race.api.tenants().unwrap().list().len() <= max_tenants + 16);
    }
}
