//! Many concurrent requests cause one fetch, and no request waits for a known key.

use std::time::Duration;

use tower_bearer::testing::{Endpoint, Fault};

use crate::harness::{app, fetches, good, present, server, small_issuer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_first_requests_cause_one_discovery_and_one_fetch() {
    let issuer = small_issuer();
    issuer.fail(Endpoint::Jwks, Fault::Delay(Duration::from_millis(200)));
    let (app, token) = (app(&server(&issuer)), good(&issuer).sign());
    let requests: Vec<_> = (0..1000)
        .map(|_| {
            let (app, token) = (app.clone(), token.clone());
            tokio::spawn(async move { present(&app, &token).await })
        })
        .collect();
    for request in requests {
        request.await.unwrap().assert_ok();
    }
    assert_eq!(fetches(&issuer), (1, 1));
}

#[tokio::test]
async fn a_known_key_verifies_at_once_while_a_fetch_hangs() {
    let issuer = small_issuer();
    let app = app(&server(&issuer));
    present(&app, &good(&issuer).sign()).await.assert_ok();

    issuer.fail(Endpoint::Jwks, Fault::Hang);
    let stranger = tokio::spawn({
        let (app, token) = (app.clone(), good(&issuer).header("kid", "unknown").sign());
        async move { present(&app, &token).await }
    });
    // The metadata are read again too: the keys may have moved.
    while fetches(&issuer) != (2, 2) {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        present(&app, &good(&issuer).sign()).await.assert_ok();
    }
    assert!(!stranger.is_finished(), "the fetch still hangs");
    assert_eq!(fetches(&issuer), (2, 2));
}
