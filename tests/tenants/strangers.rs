//! What strangers can cause without a token that a tenant has signed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_bearer::jose::JwkSet;
use tower_bearer::keys::{FetchFuture, FetchRequest, Fetched, KeySource};
use tower_bearer::tenants::{ResolveError, from_fn};
use tower_bearer::{Issuer, ResourceServer};

use super::{Database, Rig, assert_later, iss, status_of};
use crate::harness::memory_source::{Fetch, Source, keys};
use crate::harness::{AUDIENCE, good, small_issuer};

const SECOND: Duration = Duration::from_secs(1);

/// Sends all tokens at once, and returns the statuses.
async fn flood(rig: &Arc<Rig>, tokens: impl IntoIterator<Item = String>) -> Vec<u16> {
    let requests = tokens.into_iter().map(|token| {
        let rig = Arc::clone(rig);
        tokio::spawn(async move { rig.status(&token).await })
    });
    let mut statuses = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        statuses.push(request.await.unwrap());
    }
    statuses
}

/// A token that names this issuer, cheap to make.
fn naming(rig: &Rig, name: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let template = rig.token("https://login.example.com/TEMPLATE").sign();
    let parts: Vec<&str> = template.split('.').collect();
    let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let payload = payload.replace("https://login.example.com/TEMPLATE", name);
    format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(payload), parts[2])
}

/// 100,000 names: as many calls as the table has places, and then 100 a second.
#[tokio::test(start_paused = true)]
async fn names_of_nobody_cost_bounded_calls_and_no_fetch() {
    let rig = Rig::with(1, |settings| settings.max_tenants(64), |builder| builder);
    assert_eq!(rig.use_tenant(0).await, 200);
    let (mut unknown, mut later) = (0, 0);
    for second in 0..10 {
        for number in 0..10_000 {
            let answer = rig.send(&naming(&rig, &format!("https://junk.example/{second}-{number}"))).await;
            if status_of(&answer) == 401 {
                unknown += 1;
            } else {
                assert_later(&answer, 429);
                later += 1;
            }
        }
        tokio::time::advance(SECOND).await;
    }
    assert_eq!(unknown + later, 100_000);
    assert!(rig.database.calls() <= 1 + 64 + 10 * 100, "{} calls", rig.database.calls());
    assert_eq!(unknown + 1, rig.database.calls());
    assert_eq!(rig.database.fetches(), 1, "that of the one tenant");
    assert_eq!(rig.use_tenant(0).await, 200);
    assert_eq!(rig.database.calls_about(&iss(0)), 1);
}

/// 10,000 tenants exist, and somebody knows all their names.
#[tokio::test(start_paused = true)]
async fn names_of_tenants_evict_nobody_and_cost_bounded_fetches() {
    let rig = Arc::new(Rig::with(10_000, |settings| settings.max_tenants(64), |builder| builder));
    for number in 0..64 {
        assert_eq!(rig.use_tenant(number).await, 200);
    }
    let active = rig.active();
    tokio::time::advance(60 * SECOND).await;
    let (calls, fetches) = (rig.database.calls(), rig.database.fetches());
    for number in 0..10_000 {
        let unsigned = naming(&rig, &iss(number)).rsplit_once('.').unwrap().0.to_owned() + ".";
        assert_eq!(rig.status(&unsigned).await, 401);
    }
    assert_eq!((rig.database.calls(), rig.database.fetches()), (calls, fetches), "no key can have signed them");
    for second in 0..10 {
        let tokens = (0..1000).map(|number| naming(&rig, &iss(1000 * second + number)));
        let statuses = flood(&rig, tokens).await;
        assert!(statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
        for number in 0..64 {
            assert_eq!(rig.use_tenant(number).await, 200, "known tenants are not slowed");
        }
        tokio::time::advance(SECOND).await;
    }
    assert_eq!(rig.active(), active);
    for number in 0..64 {
        let counts = (rig.database.calls_about(&iss(number)), rig.database.fetches_of(&iss(number)));
        assert_eq!(
            counts,
            (1, 2),
            "{number}: none was resolved again, and a bad signature makes each fetch once a minute"
        );
    }
    let (calls, fetches) = (rig.database.calls() - calls, rig.database.fetches() - fetches - 64);
    assert!(calls <= 64 + 10 * 100 && fetches <= 64 + 10 * 10, "{calls} calls, {fetches} fetches");
    assert!(rig.tenants().list().len() <= 64 + 16);
}

/// Keys that take a second, of which is counted how many are being fetched.
#[derive(Clone)]
struct Slow {
    keys: JwkSet,
    running: Arc<AtomicUsize>,
    most_running: Arc<AtomicUsize>,
}

impl KeySource for Slow {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_running.fetch_max(running, Ordering::Relaxed);
        Box::pin(async move {
            tokio::time::sleep(SECOND).await;
            self.running.fetch_sub(1, Ordering::Relaxed);
            Ok(Fetched::keys(self.keys.clone()))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_32_calls_and_32_fetches_run_at_once() {
    let signer = small_issuer();
    let slow = Slow { keys: keys(&signer), running: Arc::default(), most_running: Arc::default() };
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let resolver = {
        let (slow, running, most) = (slow.clone(), Arc::clone(&running), Arc::clone(&most));
        from_fn(move |iss: String| {
            let (slow, running, most) = (slow.clone(), Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                tokio::time::sleep(SECOND / 10).await;
                running.fetch_sub(1, Ordering::Relaxed);
                Issuer::keys(&iss, slow).map(Some).map_err(ResolveError::new)
            }
        })
    };
    let api = ResourceServer::builder(AUDIENCE).trust_resolved(resolver).build().unwrap();
    let rig = Arc::new(Rig { signer, database: Database::new(), api });
    let statuses = flood(&rig, (0..300).map(|number| rig.token(&iss(number)).sign())).await;
    assert_eq!((most.load(Ordering::Relaxed), slow.most_running.load(Ordering::Relaxed)), (32, 32));
    let good = statuses.iter().filter(|status| **status == 200).count();
    assert!(good >= 4 * 32 && statuses.iter().all(|status| matches!(status, 200 | 503)), "{good}, {statuses:?}");
}

/// Those that wait for their turn included.
#[tokio::test(start_paused = true)]
async fn at_most_1024_tenants_are_loaded_at_once() {
    let rig = Arc::new(Rig::with(1500, |settings| settings.max_tenants(5000), |builder| builder));
    rig.database.set_delay(4 * SECOND);
    let statuses = flood(&rig, (0..1500).map(|number| naming(&rig, &iss(number)))).await;
    let later = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(later, 1500 - 1024);
}

/// Requests of tenants have a bound of their own.
#[tokio::test(start_paused = true)]
async fn pinned_issuers_have_their_places_whatever_tenants_do() {
    let pinned = small_issuer();
    let trusted = Issuer::keys(pinned.url(), Source::new(Fetch::Late(keys(&pinned), SECOND)));
    let rig = Arc::new(Rig::with(5000, |it| it.max_tenants(5000), |it| it.trust(trusted.unwrap())));
    rig.database.set_delay(4 * SECOND);
    let tokens: Vec<_> = (0..5000).map(|number| naming(&rig, &iss(number % 500))).collect();
    let flooding = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { flood(&rig, tokens).await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(rig.status(&good(&pinned).sign()).await, 200);
    let statuses = flooding.await.unwrap();
    let waited = statuses.iter().filter(|status| **status != 429).count();
    assert_eq!(waited, 4096, "the rest is told to come later");
}

/// A failed fetch is not repeated for each of them.
#[tokio::test(start_paused = true)]
async fn a_tenant_whose_keys_cannot_be_fetched_is_not_asked_for_each_token() {
    let rig = Rig::new(0);
    let source = Source::new(Fetch::Fail);
    rig.database.insert(&iss(0), &source, |issuer| issuer);
    for _ in 0..100 {
        assert_later(&rig.send(&naming(&rig, &iss(0))).await, 503);
    }
    assert_eq!((rig.database.calls(), source.fetches()), (1, 1));
}
