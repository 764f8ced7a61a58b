//! Readiness probes: a server gets its keys without any other request.

use tokio::time::{Instant, sleep, timeout};
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::memory_source::{Fetch, HOUR, MINUTE, SECOND, Setup, Source, keys, settle};
use crate::harness::{AUDIENCE, good, paused_runtime, small_issuer};

/// A pod behind a readiness probe gets no requests before it is ready.
#[tokio::test(start_paused = true)]
async fn a_readiness_probe_makes_an_idle_server_ready() {
    type Probe = fn(&ResourceServer) -> bool;
    let probes: [Probe; 2] = [ResourceServer::is_ready, |api| api.status()[0].is_usable];
    for probe in probes {
        let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), None));
        assert!(!probe(&setup.api));
        settle().await;
        assert!(probe(&setup.api));
        for _ in 0..10 {
            assert!(probe(&setup.api));
            settle().await;
        }
        assert_eq!(setup.source.fetches(), 1);
    }
}

/// As often as a request would: the back-off holds for probes too.
#[tokio::test(start_paused = true)]
async fn probes_respect_the_back_off() {
    let setup = Setup::new(|_| Fetch::Fail);
    for _ in 0..600 {
        assert!(!setup.api.is_ready());
        sleep(SECOND).await;
    }
    assert!(setup.source.fetches() <= 20, "{}", setup.source.fetches());
    setup.publish_current();
    sleep(MINUTE).await;
    assert!(setup.api.is_ready());
}

/// The keys expired while no runtime ran that would have refreshed them.
#[test]
fn a_probe_makes_a_suspended_server_ready_again() {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), None));
    paused_runtime().block_on(setup.api.ready());
    assert!(setup.api.is_ready());
    setup.clock.advance(3 * HOUR);
    paused_runtime().block_on(async {
        assert!(!setup.api.is_ready());
        settle().await;
        assert!(setup.api.is_ready());
    });
    assert_eq!(setup.source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_broken_issuer_does_not_keep_another_from_being_ready() {
    let (up, down) = (small_issuer(), small_issuer());
    let source = |fetch| Source::new(fetch);
    let api = ResourceServer::builder(AUDIENCE)
        .trust(Issuer::keys(down.url(), source(Fetch::Hang)).unwrap())
        .trust(Issuer::keys(up.url(), source(Fetch::Late(keys(&up), SECOND))).unwrap())
        .build()
        .unwrap();
    let started = Instant::now();
    api.ready_for(up.url()).await.unwrap();
    assert_eq!(started.elapsed(), SECOND);
    api.try_verify(&good(&up).sign()).unwrap();
    assert!(!api.is_ready());
    for all in [timeout(MINUTE, api.ready_for(down.url())).await.is_ok(), timeout(MINUTE, api.ready()).await.is_ok()] {
        assert!(!all);
    }
    assert!(api.ready_for("https://other.example.test").await.is_err());
}
