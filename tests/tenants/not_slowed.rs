//! Tenants in the table, while strangers keep the resolver busy.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use tower::ServiceExt;

use super::{Rig, iss, request};
use crate::harness::memory_source::{INSTANT, MINUTE, SECOND};

const KNOWN: usize = 64;
const STRANGERS: usize = 1000;

/// What a request gets if it is polled once.
#[track_caller]
fn at_once<T>(request: impl Future<Output = T>) -> T {
    match pin!(request).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}

#[tokio::test(start_paused = true)]
async fn tenants_in_the_table_are_answered_at_once_while_a_thousand_strangers_wait_for_the_resolver() {
    let rig = Arc::new(Rig::with(KNOWN, |settings| settings.max_tenants(KNOWN), |builder| builder));
    let remembered: Vec<_> = (0..KNOWN).map(|number| rig.token(&iss(number)).sign()).collect();
    for token in remembered.iter().chain(&remembered) {
        assert_eq!(rig.status(token).await, 200);
    }
    // The budget of calls is full.
    tokio::time::advance(MINUTE).await;
    rig.database.set_delay(4 * SECOND);
    // Those of the same name wait for the same call.
    let strangers: Vec<_> = (0..STRANGERS)
        .map(|number| {
            let (rig, iss) = (Arc::clone(&rig), iss(KNOWN + number % KNOWN));
            tokio::spawn(async move { rig.status(&rig.forged(&iss)).await })
        })
        .collect();
    tokio::time::sleep(INSTANT).await;
    let calls = rig.database.calls();
    assert_eq!(calls, KNOWN + 32, "as many calls as may run at once");
    let app = Router::new().route("/me", get(|| async {})).layer(rig.api.layer());
    for (number, remembered) in remembered.iter().enumerate() {
        for token in [remembered, &rig.token(&iss(number)).sign()] {
            assert_eq!(rig.api.try_verify(token).unwrap().issuer(), iss(number));
            assert_eq!(at_once(rig.api.verify(token)).unwrap().issuer(), iss(number));
            assert_eq!(at_once(rig.send(token)).unwrap().issuer(), iss(number));
            let request = request(token).map(|()| Body::empty());
            assert_eq!(at_once(app.clone().oneshot(request)).unwrap().status(), 200);
        }
        assert_eq!(rig.database.calls_about(&iss(number)), 1);
    }
    assert_eq!((rig.database.calls(), rig.database.fetches()), (calls, KNOWN));
    assert!(strangers.iter().all(|stranger| !stranger.is_finished()), "they still wait");
    for stranger in strangers {
        assert!(matches!(stranger.await.unwrap(), 401 | 503));
    }
    assert_eq!(rig.active().len(), KNOWN);
}
