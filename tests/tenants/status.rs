//! What an operator learns about one tenant.

use tower_bearer::Issuer;
use tower_bearer::jose::JwkSet;
use tower_bearer::keys::IssuerStatus;

use super::{Rig, assert_later, iss};
use crate::harness::memory_source::{Fetch, HOUR, INSTANT, MINUTE, Source, keys};

const LIFETIME: std::time::Duration = MINUTE.saturating_mul(10);

impl Rig {
    fn keys_of(&self, number: usize) -> IssuerStatus {
        self.tenants().status(&iss(number)).unwrap().keys
    }
}

/// From the first keys over an outage to the recovery. What it says is what requests get.
#[tokio::test(start_paused = true)]
async fn the_status_of_a_tenant_tells_whether_its_keys_are_usable_and_how_old_they_are() {
    let rig = Rig::with(2, |settings| settings.idle_after(24 * HOUR), |builder| builder);
    let usable = Fetch::Keys(keys(&rig.signer), Some(LIFETIME));
    let source = Source::new(usable.clone());
    rig.database.insert(&iss(0), &source, |issuer| issuer);
    assert_eq!(rig.tenants().status(&iss(0)), None, "it is not loaded");
    assert_eq!((rig.use_tenant(0).await, rig.use_tenant(1).await), (200, 200));
    let fresh = rig.keys_of(0);
    assert!(fresh.is_usable && fresh.last_error.is_none() && fresh.fetches == 1, "{fresh:?}");
    assert_eq!((fresh.key_ids.len(), fresh.lifetime), (1, Some(LIFETIME)));
    assert!(fresh.age.unwrap() < MINUTE, "{fresh:?}");

    // Its provider cannot be reached. Its old keys are used, and it shows.
    source.set(Fetch::Fail);
    tokio::time::sleep(LIFETIME + MINUTE).await;
    let stale = rig.keys_of(0);
    assert!(stale.is_usable && stale.age > stale.lifetime, "{stale:?}");
    assert!(stale.failures > 0 && stale.last_error.is_some() && stale.fetches > 1, "{stale:?}");
    assert_eq!(rig.use_tenant(0).await, 200);

    // For an hour.
    tokio::time::sleep(HOUR).await;
    let unusable = rig.keys_of(0);
    assert!(!unusable.is_usable && unusable.last_error.is_some(), "{unusable:?}");
    assert_later(&rig.send(&rig.token(&iss(0)).sign()).await, 503);
    assert!(rig.keys_of(1).is_usable, "others are not concerned");
    let listed = rig.tenants().list();
    assert!(listed.contains(&rig.tenants().status(&iss(0)).unwrap()) && listed.len() == 2, "{listed:?}");

    // The longest back-off.
    source.set(usable);
    tokio::time::sleep(2 * MINUTE).await;
    let recovered = rig.keys_of(0);
    assert!(
        recovered.is_usable && recovered.last_error.is_none() && recovered.age < recovered.lifetime,
        "{recovered:?}"
    );
    assert_eq!(rig.use_tenant(0).await, 200);

    // It withdraws all its keys.
    source.set(Fetch::Keys(JwkSet::from_json(br#"{"keys":[]}"#).unwrap(), None));
    tokio::time::sleep(LIFETIME).await;
    let withdrawn = rig.keys_of(0);
    assert!(!withdrawn.is_usable && withdrawn.key_ids.is_empty() && withdrawn.last_error.is_none(), "{withdrawn:?}");
    assert_later(&rig.send(&rig.token(&iss(0)).sign()).await, 503);
}

/// It says so without a request, and a request is what starts a fetch.
#[tokio::test(start_paused = true)]
async fn a_tenant_that_was_added_is_not_usable_before_its_first_request() {
    let rig = Rig::new(0);
    let source = rig.source();
    rig.tenants().add(Issuer::keys(&iss(0), source.clone()).unwrap()).unwrap();
    tokio::time::sleep(MINUTE).await;
    let status = rig.tenants().status(&iss(0)).unwrap();
    assert!(status.is_active && !status.keys.is_usable && status.keys.age.is_none(), "{status:?}");
    assert_eq!(source.fetches(), 0);
    assert_eq!(rig.use_tenant(0).await, 200);
    tokio::time::sleep(INSTANT).await;
    assert!(rig.keys_of(0).is_usable);
}

/// The server's own answers about issuers are about those that it was built with: tenants are asked for here.
#[tokio::test]
async fn readiness_of_a_tenant_is_no_question_to_the_server() {
    let rig = Rig::new(1);
    assert_eq!(rig.use_tenant(0).await, 200);
    assert!(rig.api.ready_for(&iss(0)).await.is_err(), "whether or not it is usable");
    assert_eq!(rig.api.status(), []);
    assert!(rig.keys_of(0).is_usable);
}
