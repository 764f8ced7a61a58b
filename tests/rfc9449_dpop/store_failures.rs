//! Whatever a replay store does instead of answering "fresh", and whenever: the request does not pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, StatusCode};
use tower::{Layer, ServiceExt};
use tower_bearer::dpop::{Freshness, MemoryReplayStore, ReplayAnswer, ReplayEntry, ReplayStore, ReplayStoreError};

use super::every_path::{Ground, Path};
use crate::harness::paused_runtime;

/// What a store does at one of its calls.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Error,
    Panic,
    Full,
    TooManyOfOneKey,
    Replayed,
    /// Only later, as the next ones.
    LateError,
    LatePanic,
    LateFull,
    /// Never.
    Hang,
    /// Fresh, after longer than the server waits.
    TooLate,
}

impl Failure {
    const ALL: [Self; 10] = [
        Self::Error,
        Self::Panic,
        Self::Full,
        Self::TooManyOfOneKey,
        Self::Replayed,
        Self::LateError,
        Self::LatePanic,
        Self::LateFull,
        Self::Hang,
        Self::TooLate,
    ];

    /// `None` is a panic of the request's own task.
    fn status(self) -> Option<u16> {
        match self {
            Self::Panic | Self::LatePanic => None,
            Self::Replayed => Some(401),
            Self::TooManyOfOneKey => Some(429),
            Self::Error | Self::Full | Self::LateError | Self::LateFull | Self::Hang | Self::TooLate => Some(503),
        }
    }

    fn answer(self) -> ReplayAnswer {
        let error = || Err(ReplayStoreError::new("on purpose"));
        let later = |answer| {
            ReplayAnswer::later(async {
                tokio::task::yield_now().await;
                answer
            })
        };
        match self {
            Self::Error => ReplayAnswer::Now(error()),
            Self::Panic => panic!("on purpose"),
            Self::Full => ReplayAnswer::Now(Ok(Freshness::Full)),
            Self::TooManyOfOneKey => ReplayAnswer::Now(Ok(Freshness::TooManyOfOneKey)),
            Self::Replayed => ReplayAnswer::Now(Ok(Freshness::Replayed)),
            Self::LateError => later(error()),
            Self::LatePanic => ReplayAnswer::later(async {
                tokio::task::yield_now().await;
                panic!("on purpose")
            }),
            Self::LateFull => later(Ok(Freshness::Full)),
            Self::Hang => ReplayAnswer::later(std::future::pending()),
            Self::TooLate => ReplayAnswer::later(async {
                tokio::time::sleep(Duration::from_secs(6)).await;
                Ok(Freshness::Fresh)
            }),
        }
    }
}

/// A store that fails at its nth call, from 1.
struct Failing {
    store: MemoryReplayStore,
    failure: Failure,
    at: usize,
    calls: AtomicUsize,
}

impl ReplayStore for Failing {
    fn insert(&self, entry: ReplayEntry) -> ReplayAnswer {
        if self.calls.fetch_add(1, Ordering::Relaxed) + 1 == self.at {
            return self.failure.answer();
        }
        self.store.insert(entry)
    }
}

/// Row L15.
///
/// On every path, at the first call and later ones. The failure ends nothing else: the requests before and after it pass, and its
/// own proof, which the store did not take, passes when it comes again.
#[test]
fn a_failure_of_the_store_at_any_point_never_passes() {
    const CALLS: usize = 4;
    paused_runtime().block_on(async {
        let ground = Arc::new(Ground::new());
        for (path, failure) in Path::ALL.iter().flat_map(|path| Failure::ALL.map(|failure| (*path, failure))) {
            for at in 1..=CALLS {
                let store = MemoryReplayStore::new();
                let store = Arc::new(Failing { store, failure, at, calls: AtomicUsize::new(0) });
                let api = ground.server(path, Arc::clone(&store)).await;
                let mut refused = None;
                for call in 1..=CALLS {
                    let headers = ground.with_proofs([&*ground.proof()]);
                    let (of_task, api_of_task) = (Arc::clone(&ground), api.clone());
                    let headers_of_task = headers.clone();
                    let found = tokio::spawn(async move { of_task.send(path, &api_of_task, &headers_of_task).await });
                    let found = found.await.ok();
                    assert_eq!(store.calls.load(Ordering::Relaxed), call, "{path:?}, {failure:?}");
                    let expected = if call == at {
                        failure.status().map(|status| (StatusCode::from_u16(status).unwrap(), 0))
                    } else {
                        Some((StatusCode::OK, 1))
                    };
                    assert_eq!(found, expected, "{path:?}, {failure:?} at {at}, call {call}");
                    if call == at {
                        refused = Some(headers);
                    }
                }
                let again = ground.send(path, &api, &refused.unwrap()).await;
                assert_eq!(again, (StatusCode::OK, 1), "{path:?}, {failure:?}");
                assert_eq!(store.store.status().entries, CALLS, "{path:?}, {failure:?}");
            }
        }
    });
}

/// Row L15.
///
/// The outer layer and the inner one each have a store. Whichever fails, the request does not pass.
#[test]
fn of_two_servers_within_each_other_either_store_may_fail() {
    paused_runtime().block_on(async {
        let ground = Ground::new();
        for failure in Failure::ALL {
            for outer_fails in [true, false] {
                let store =
                    |at| Arc::new(Failing { store: MemoryReplayStore::new(), failure, at, calls: AtomicUsize::new(0) });
                let (outer, inner) = if outer_fails { (store(1), store(0)) } else { (store(0), store(1)) };
                let outer = ground.server(Path::Miss, outer).await;
                let inner = ground.server(Path::Miss, inner).await;
                let headers = ground.with_proofs([&*ground.proof()]);
                let request =
                    headers.iter().fold(Request::get("/me"), |request, (name, value)| request.header(name, value));
                let service = outer.layer().layer(inner.layer().layer(super::echo()));
                let answer = tokio::spawn(service.oneshot(request.body(()).unwrap())).await;
                let status = answer.ok().map(|answer| answer.unwrap().status().as_u16());
                assert_eq!(status, failure.status(), "{failure:?}, outer: {outer_fails}");
            }
        }
    });
}
