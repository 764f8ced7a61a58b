//! Runtimes: a server works in several of them, in turn or at once, and outlives each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tower_bearer::jose::JwkSet;
use tower_bearer::keys::{FetchError, FetchFuture, FetchRequest, Fetched, KeySource};
use tower_bearer::testing::{Endpoint, Fault, TestClock, TestIssuer};
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::{
    AUDIENCE, app, current_thread_runtime, fetches, good, paused_runtime, present, server, small_issuer,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn at_a_clock(issuer: Issuer) -> (ResourceServer, TestClock) {
    let clock = TestClock::new();
    (ResourceServer::builder(AUDIENCE).trust(issuer).clock(clock.clone()).build().unwrap(), clock)
}

/// Returns when a request has reached the issuer, so that its sender waits for the answer.
fn until_asked(issuer: &TestIssuer, times: usize) {
    while issuer.requests(Endpoint::Jwks) < times {
        std::thread::yield_now();
    }
}

/// Every runtime needs connections of its own: those of the previous one died with it.
#[test]
fn a_server_works_in_one_runtime_after_another() {
    let issuer = small_issuer();
    let (api, clock) = at_a_clock(issuer.issuer());
    let (app, token) = (app(&api), good(&issuer).expires_in(DAY).sign());
    for (before, runtime) in
        [current_thread_runtime(), current_thread_runtime(), multi_thread(), current_thread_runtime()]
            .into_iter()
            .enumerate()
    {
        assert_eq!(fetches(&issuer).1, before);
        runtime.block_on(present(&app, &token)).assert_ok();
        runtime.block_on(present(&app, &token)).assert_ok();
        drop(runtime);
        // Beyond what even stale keys are used for.
        clock.advance(Duration::from_secs(3 * 60 * 60));
    }
    // The metadata, too: it is read again with the first fetch after an hour.
    assert_eq!(fetches(&issuer), (4, 4));
}

#[test]
fn keys_outlive_the_runtime_that_fetched_them() {
    let issuer = small_issuer();
    let app = app(&server(&issuer));
    let token = good(&issuer).sign();
    current_thread_runtime().block_on(present(&app, &token)).assert_ok();
    multi_thread().block_on(present(&app, &token)).assert_ok();
    assert_eq!(fetches(&issuer), (1, 1));
}

#[test]
fn a_fetch_lost_with_its_runtime_is_restarted() {
    let issuer = small_issuer();
    issuer.fail(Endpoint::Jwks, Fault::Hang);
    let (app, token) = (app(&server(&issuer)), good(&issuer).sign());
    let first = multi_thread();
    first.spawn({
        let (app, token) = (app.clone(), token.clone());
        async move { present(&app, &token).await }
    });
    until_asked(&issuer, 1);
    drop(first);

    issuer.recover();
    // At once: an end that is no fault of the issuer's is not backed off from.
    current_thread_runtime().block_on(present(&app, &token)).assert_ok();
    assert_eq!(issuer.requests(Endpoint::Jwks), 2);
}

#[test]
fn waiters_in_other_runtimes_are_answered_by_a_new_fetch() {
    let issuer = small_issuer();
    issuer.fail(Endpoint::Jwks, Fault::Hang);
    let (app, token) = (app(&server(&issuer)), good(&issuer).sign());
    let (first, second) = (multi_thread(), current_thread_runtime());
    let present = || {
        let (app, token) = (app.clone(), token.clone());
        async move { present(&app, &token).await }
    };
    first.spawn(present());
    until_asked(&issuer, 1);

    second.block_on(async {
        let waiting: Vec<_> = (0..100).map(|_| tokio::spawn(present())).collect();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(waiting.iter().all(|request| !request.is_finished()));
        issuer.recover();
        first.shutdown_background();
        for request in waiting {
            request.await.unwrap().assert_ok();
        }
    });
    assert_eq!(issuer.requests(Endpoint::Jwks), 2);
}

#[test]
fn a_runtime_that_ends_under_load_poisons_nothing() {
    let issuer = small_issuer();
    let (api, clock) = at_a_clock(issuer.issuer());
    let (app, token) = (app(&api), good(&issuer).expires_in(DAY).sign());
    for round in 1..=3 {
        issuer.fail(Endpoint::Jwks, Fault::Hang);
        let runtime = multi_thread();
        let before = issuer.requests(Endpoint::Jwks);
        for _ in 0..1000 {
            let (app, token) = (app.clone(), token.clone());
            runtime.spawn(async move { present(&app, &token).await });
        }
        until_asked(&issuer, before + 1);
        // Some of the thousand wait, some have not begun, and one may be within a lock.
        runtime.shutdown_background();
        issuer.recover();
        let after = current_thread_runtime();
        after.block_on(present(&app, &token)).assert_ok();
        assert!(issuer.requests(Endpoint::Jwks) > before + 1, "round {round}");
        clock.advance(Duration::from_secs(3 * 60 * 60));
    }
}

#[test]
fn a_runtime_that_has_ended_blocks_no_request() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let token = good(&issuer).sign();
    let ended = current_thread_runtime();
    let handle = ended.handle().clone();
    drop(ended);
    {
        let _guard = handle.enter();
        for _ in 0..10 {
            assert!(api.try_verify(&token).is_err());
        }
    }
    assert_eq!(fetches(&issuer), (0, 0));
    current_thread_runtime().block_on(api.verify(&token)).unwrap();
}

/// Hangs at the first fetch.
struct FirstHangs {
    keys: JwkSet,
    fetches: Arc<AtomicUsize>,
}

impl KeySource for FirstHangs {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
        let first = self.fetches.fetch_add(1, Ordering::Relaxed) == 0;
        Box::pin(async move { if first { std::future::pending().await } else { Ok(Fetched::keys(self.keys.clone())) } })
    }
}

/// A current-thread runtime that is not driven any more: its fetch neither continues nor ends.
#[test]
fn an_undriven_fetch_is_abandoned_after_10_seconds() {
    let issuer = small_issuer();
    let keys = JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
    let fetches = Arc::<AtomicUsize>::default();
    let source = FirstHangs { keys, fetches: Arc::clone(&fetches) };
    let (api, clock) = at_a_clock(Issuer::keys(issuer.url(), source).unwrap());
    let (app, token) = (app(&api), good(&issuer).expires_in(DAY).sign());

    let stalled = current_thread_runtime();
    stalled.block_on(async {
        assert!(api.try_verify(&token).is_err());
        while fetches.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    });

    let second = paused_runtime();
    // No request waits forever.
    second.block_on(present(&app, &token)).assert_keys_unavailable();
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
    clock.advance(Duration::from_secs(11));
    second.block_on(present(&app, &token)).assert_ok();
    assert_eq!(fetches.load(Ordering::Relaxed), 2);

    // What the first runtime has left to do comes too late to harm: the new keys stay.
    drop(stalled);
    second.block_on(present(&app, &token)).assert_ok();
    assert_eq!(fetches.load(Ordering::Relaxed), 2);
}

/// There is no other request, and `ready` is not woken by an abandoned fetch.
#[test]
fn ready_does_not_wait_forever_for_an_undriven_fetch() {
    let issuer = small_issuer();
    let keys = JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
    let fetches = Arc::<AtomicUsize>::default();
    let source = FirstHangs { keys, fetches: Arc::clone(&fetches) };
    let (api, _) = at_a_clock(Issuer::keys(issuer.url(), source).unwrap());

    let stalled = current_thread_runtime();
    stalled.block_on(async {
        assert!(!api.is_ready());
        while fetches.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    });
    let second = paused_runtime();
    second.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), api.ready()).await.expect("the issuer can be reached");
    });
    assert_eq!(fetches.load(Ordering::Relaxed), 2);
}

/// Fails, when it is told to.
struct FailsWhenTold(Mutex<Option<(Sender<()>, Receiver<()>)>>, JwkSet);

impl KeySource for FailsWhenTold {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
        let first = self.0.lock().unwrap().take();
        Box::pin(async move {
            let Some((asked, told)) = first else { return Ok(Fetched::keys(self.1.clone())) };
            asked.send(()).unwrap();
            told.recv().unwrap();
            Err(FetchError::Other { reason: "the I/O of the runtime is gone".into() })
        })
    }
}

#[test]
fn a_fetch_cancelled_with_its_runtime_is_not_a_failure() {
    let issuer = small_issuer();
    let keys = JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
    let ((asked, is_asked), (tell, told)) = (channel(), channel());
    let source = FailsWhenTold(Mutex::new(Some((asked, told))), keys);
    let (api, _) = at_a_clock(Issuer::keys(issuer.url(), source).unwrap());
    let token = good(&issuer).sign();
    let ending = multi_thread();
    let handle = ending.handle().clone();
    ending.block_on(async { api.try_verify(&token).unwrap_err() });
    is_asked.recv().unwrap();
    ending.shutdown_background();
    while !handle.spawn(std::future::pending::<()>()).is_finished() {
        std::thread::yield_now();
    }
    tell.send(()).unwrap();
    current_thread_runtime().block_on(api.verify(&token)).unwrap();
    let status = api.status().remove(0);
    assert_eq!((status.failures, status.last_error), (0, None));
}
