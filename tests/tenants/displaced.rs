//! Tenants that leave their probation while a request is about to use them.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tower_bearer::Issuer;
use tower_bearer::testing::TestClock;

use super::{Rig, iss};
use crate::harness::memory_source::{INSTANT, MINUTE};

const IN_PROBATION: usize = 16;
const ONE: &str = "https://one.example.test";
const OTHER: &str = "https://other.example.test";

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Polls the request of an unknown tenant until it waits, and lets its load end. It does not know yet that it may go on.
async fn until_loaded(request: Pin<&mut impl Future<Output = u16>>) {
    assert!(poll_once(request).await.is_pending());
    tokio::time::sleep(INSTANT).await;
}

impl Rig {
    /// Sixteen other tenants come into probation, so that `t0` leaves it.
    async fn displace(&self) {
        for number in 1..=IN_PROBATION {
            assert!(self.tenants().status(&iss(0)).is_some(), "{number}");
            assert_eq!(self.status(&self.forged(&iss(number))).await, 401);
        }
        assert_eq!(self.tenants().status(&iss(0)), None);
        assert_eq!(self.tenants().list().len(), IN_PROBATION);
    }

    /// Records `t0` with this audience.
    fn record(&self, audience: &str) {
        self.database.insert(&iss(0), &self.source(), |issuer| issuer.audiences([audience]));
    }

    /// The status of a token of `t0` with this audience.
    async fn use_with(&self, audience: &str) -> u16 {
        self.status(&self.token(&iss(0)).audience(audience).sign()).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_on_with_a_tenant_that_others_have_displaced() {
    let rig = Rig::new(IN_PROBATION + 1);
    let source = rig.source();
    rig.database.insert(&iss(0), &source, |issuer| issuer);
    let mut request = pin!(rig.use_tenant(0));
    until_loaded(request.as_mut()).await;
    rig.displace().await;
    assert_eq!(request.await, 200);
    assert_eq!(rig.active(), [iss(0)]);
    assert_eq!((rig.database.calls_about(&iss(0)), source.fetches()), (1, 1));
    tokio::time::sleep(25 * MINUTE).await;
    assert!(source.fetches() >= 3, "its keys are refreshed as those of any tenant in use");
}

#[tokio::test(start_paused = true)]
async fn a_displaced_tenant_that_is_forgotten_is_refused() {
    let rig = Rig::new(IN_PROBATION + 1);
    let mut request = pin!(rig.use_tenant(0));
    until_loaded(request.as_mut()).await;
    rig.displace().await;
    rig.tenants().forget(&iss(0));
    assert_eq!(request.await, 401);
    assert_eq!(rig.active(), [""; 0]);
    assert_eq!(rig.use_tenant(0).await, 401);
    assert_eq!(rig.database.calls_about(&iss(0)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_displaced_tenant_that_is_replaced_has_the_new_settings() {
    let rig = Rig::new(IN_PROBATION + 1);
    rig.record(ONE);
    let (mut good, mut bad) = (pin!(rig.use_with(OTHER)), pin!(rig.use_with(ONE)));
    assert!(poll_once(good.as_mut()).await.is_pending());
    until_loaded(bad.as_mut()).await;
    rig.displace().await;
    rig.tenants().add(Issuer::keys(&iss(0), rig.source()).unwrap().audiences([OTHER])).unwrap();
    assert_eq!((bad.await, good.await), (401, 200));
    assert_eq!(rig.active(), [iss(0)]);
}

/// The tenant is loaded twice, because it was displaced in between, and its settings have changed between the loads. Whichever is accepted
/// first counts for both requests.
#[tokio::test(start_paused = true)]
async fn of_two_copies_of_a_tenant_the_one_that_is_accepted_first_counts() {
    for is_old_first in [true, false] {
        let rig = Rig::new(IN_PROBATION + 1);
        rig.record(ONE);
        let mut old = pin!(rig.use_with(ONE));
        until_loaded(old.as_mut()).await;
        rig.displace().await;
        rig.record(OTHER);
        let mut new = pin!(rig.use_with(OTHER));
        until_loaded(new.as_mut()).await;
        assert_eq!(rig.database.calls_about(&iss(0)), 2);
        let (statuses, counts, other) = if is_old_first {
            ((old.await, new.await), ONE, OTHER)
        } else {
            let new = new.await;
            ((old.await, new), OTHER, ONE)
        };
        assert_eq!(statuses, if is_old_first { (200, 401) } else { (401, 200) });
        assert_eq!((rig.use_with(counts).await, rig.use_with(other).await), (200, 401), "{counts}");
        assert_eq!(rig.tenants().list().iter().filter(|status| *status.issuer == *iss(0)).count(), 1);
        assert_eq!(rig.database.calls_about(&iss(0)), 2);
        // Nothing of either is left.
        rig.tenants().forget(&iss(0));
        assert_eq!((rig.use_with(ONE).await, rig.use_with(OTHER).await), (401, 401));
    }
}

/// The same, where both copies have been displaced.
#[tokio::test(start_paused = true)]
async fn of_two_displaced_copies_the_one_that_is_accepted_first_counts() {
    let rig = Rig::new(IN_PROBATION + 1);
    rig.record(ONE);
    let mut old = pin!(rig.use_with(ONE));
    until_loaded(old.as_mut()).await;
    rig.displace().await;
    rig.record(OTHER);
    let mut new = pin!(rig.use_with(OTHER));
    until_loaded(new.as_mut()).await;
    // The others have to come again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    (1..=IN_PROBATION).for_each(|number| rig.tenants().forget(&iss(number)));
    tokio::time::sleep(Duration::from_secs(5)).await;
    rig.displace().await;
    assert_eq!((new.await, old.await), (200, 401));
    assert_eq!((rig.use_with(OTHER).await, rig.use_with(ONE).await), (200, 401));
}

/// The clock of the server has jumped, so that the tenant was idle before its first token was accepted.
#[tokio::test(start_paused = true)]
async fn a_tenant_that_was_idle_in_probation_and_is_forgotten_is_refused() {
    for is_forgotten in [false, true] {
        let clock = TestClock::new();
        let of_server = clock.clone();
        let rig = Rig::with(1, |settings| settings.idle_after(MINUTE), |builder| builder.clock(of_server));
        let mut request = pin!(rig.use_tenant(0));
        until_loaded(request.as_mut()).await;
        clock.advance(MINUTE);
        assert_eq!(rig.tenants().list(), []);
        if is_forgotten {
            rig.tenants().forget(&iss(0));
        }
        assert_eq!(request.await, if is_forgotten { 401 } else { 200 });
        assert_eq!(rig.active().len(), usize::from(!is_forgotten));
    }
}
