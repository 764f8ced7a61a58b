//! Who is in the table, and what it costs.

use std::sync::Arc;
use std::time::Duration;

use tower_bearer::Issuer;
use tower_bearer::server::ConfigError;
use tower_bearer::tenants::TenantSettings;

use super::{Database, Rig, iss};
use crate::harness::memory_source::{Fetch, keys};
use crate::harness::{AUDIENCE, good, small_issuer};

/// However many requests come at once, and whether or not the first of them is given up.
#[tokio::test(start_paused = true)]
async fn the_first_requests_of_a_tenant_share_one_call_and_one_fetch() {
    let rig = Arc::new(Rig::new(1));
    rig.database.set_delay(Duration::from_secs(1));
    rig.database.insert(&iss(0), &rig.source(), |issuer| issuer);
    let impatient = tokio::time::timeout(Duration::from_millis(500), rig.use_tenant(0)).await;
    assert!(impatient.is_err());
    let requests = (0..200).map(|_| {
        let rig = Arc::clone(&rig);
        tokio::spawn(async move { rig.use_tenant(0).await })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!((rig.database.calls(), rig.database.fetches()), (1, 1));
    assert_eq!(rig.use_tenant(0).await, 200);
    assert_eq!((rig.database.calls(), rig.database.fetches()), (1, 1), "it is in the table");
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_tenants_the_table_holds_as_many_as_it_may() {
    let rig = Rig::with(1000, |settings| settings.max_tenants(64), |builder| builder);
    for number in 0..1000 {
        assert_eq!(rig.use_tenant(number).await, 200, "{number}");
        assert!(rig.tenants().list().len() <= 64 + 16);
        // The budget of fetches is not the point here.
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let last: Vec<_> = (936..1000).map(iss).collect();
    assert_eq!(rig.active(), last, "those that were used last");
    assert_eq!((rig.database.calls(), rig.database.fetches()), (1000, 1000));
    for number in 936..1000 {
        assert_eq!(rig.use_tenant(number).await, 200);
    }
    assert_eq!((rig.database.calls(), rig.database.fetches()), (1000, 1000));
    assert_eq!(rig.use_tenant(0).await, 200, "one that has left comes back");
    assert_eq!((rig.database.calls(), rig.active().len()), (1001, 64));
}

/// The memory of a tenant that has left goes with its refreshes.
#[tokio::test(start_paused = true)]
async fn the_keys_of_a_tenant_that_has_left_are_refreshed_no_more() {
    let rig = Rig::with(3, |settings| settings.max_tenants(1), |builder| builder);
    let source = rig.source();
    rig.database.insert(&iss(0), &source, |issuer| issuer);
    assert_eq!(rig.use_tenant(0).await, 200);
    tokio::time::sleep(Duration::from_secs(25 * 60)).await;
    let fetches = source.fetches();
    assert!(fetches >= 3, "{fetches}: it is refreshed as long as it is there");
    assert_eq!(rig.use_tenant(1).await, 200);
    assert_eq!(rig.active(), [iss(1)]);
    tokio::time::sleep(Duration::from_secs(3 * 60 * 60)).await;
    assert_eq!(source.fetches(), fetches);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_idle_leaves_and_one_that_is_used_stays() {
    const MINUTE: Duration = Duration::from_secs(60);
    let rig = Rig::with(2, |settings| settings.idle_after(10 * MINUTE), |builder| builder);
    let source = rig.source();
    rig.database.insert(&iss(0), &source, |issuer| issuer);
    let token = rig.token(&iss(1)).expires_in(24 * 60 * MINUTE).sign();
    assert_eq!(rig.use_tenant(0).await, 200);
    for _ in 0..30 {
        assert_eq!(rig.status(&token).await, 200);
        tokio::time::sleep(MINUTE).await;
    }
    // No request has looked at it since.
    let fetches = source.fetches();
    tokio::time::sleep(60 * MINUTE).await;
    assert_eq!(source.fetches(), fetches, "nobody refreshes it any more");
    assert!(fetches <= 3, "{fetches}");
    assert_eq!(rig.database.calls_about(&iss(1)), 1, "a remembered token is a use");
    assert_eq!(rig.use_tenant(0).await, 200);
    assert_eq!(rig.database.calls_about(&iss(0)), 2);
}

/// No request has ever looked at it.
#[tokio::test(start_paused = true)]
async fn a_tenant_that_was_added_and_is_never_used_leaves_too() {
    let rig = Rig::with(0, |settings| settings.idle_after(Duration::from_secs(600)), |builder| builder);
    let source = rig.source();
    let issuer = Issuer::keys(&iss(0), source.clone()).unwrap();
    rig.tenants().add(issuer).unwrap();
    assert_eq!(source.holders(), 2);
    tokio::time::sleep(Duration::from_secs(1200)).await;
    assert!(rig.tenants().list().is_empty());
    // It is dropped a little later, when no thread can be reading it any more.
    let start = std::time::Instant::now();
    while source.holders() > 1 && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(1));
        assert!(rig.tenants().status(&iss(0)).is_none());
    }
    assert_eq!(source.holders(), 1);
}

/// By the clock of the server, however the task that looks for idle tenants fares.
#[tokio::test]
async fn a_tenant_that_was_idle_for_too_long_is_resolved_again_at_its_next_request() {
    let clock = tower_bearer::testing::TestClock::new();
    let of_server = clock.clone();
    let rig = Rig::with(1, |settings| settings.idle_after(Duration::from_secs(600)), |it| it.clock(of_server));
    let token = rig.token(&iss(0)).expires_in(Duration::from_secs(36000)).sign();
    assert_eq!(rig.status(&token).await, 200);
    clock.advance(Duration::from_secs(599));
    assert_eq!(rig.status(&token).await, 200);
    assert_eq!(rig.database.calls(), 1);
    clock.advance(Duration::from_secs(600));
    assert_eq!(rig.status(&token).await, 200);
    assert_eq!(rig.database.calls(), 2);
    clock.advance(Duration::from_secs(600));
    assert_eq!(rig.tenants().list(), []);
    assert_eq!(rig.tenants().status(&iss(0)), None);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_is_in_probation_until_a_token_of_it_is_accepted() {
    let rig = Rig::new(2);
    assert_eq!(rig.status(&rig.forged(&iss(0))).await, 401);
    let status = rig.tenants().status(&iss(0)).unwrap();
    assert!(!status.is_active && status.keys.is_usable, "{status:?}");
    assert_eq!(&*status.issuer, iss(0));
    assert_eq!(rig.use_tenant(0).await, 200);
    assert!(rig.tenants().status(&iss(0)).unwrap().is_active);
    assert_eq!(rig.tenants().status(&iss(1)), None);
    assert_eq!((rig.database.calls(), rig.database.fetches()), (1, 1));
    assert_eq!(rig.tenants().list().len(), 1);
}

/// Those that the server was built with take precedence over a tenant that the resolver knows by the same name.
#[tokio::test]
async fn the_issuers_that_the_server_was_built_with_take_precedence_and_never_leave() {
    let pinned = small_issuer();
    let trusted = pinned.issuer();
    let rig = Rig::with(200, |settings| settings.max_tenants(1), |builder| builder.trust(trusted));
    rig.database.insert(pinned.url(), &rig.source(), |issuer| issuer);
    for number in 0..20 {
        assert_eq!(rig.use_tenant(number).await, 200);
        assert_eq!(rig.status(&good(&pinned).sign()).await, 200);
    }
    assert_eq!(rig.status(&rig.token(pinned.url()).sign()).await, 401, "the keys of the tenant are not its keys");
    assert_eq!(rig.database.calls_about(pinned.url()), 0);
    assert_eq!(rig.api.status().len(), 1, "the status of the server is about them alone");
}

#[tokio::test]
async fn readiness_does_not_wait_for_tenants() {
    let rig = Rig::new(1);
    rig.database.insert(&iss(0), &crate::harness::memory_source::Source::new(Fetch::Hang), |issuer| issuer);
    assert!(rig.api.is_ready());
    rig.api.ready().await;
    rig.tenants().add(rig.database.get(&iss(0)).unwrap()).unwrap();
    assert!(rig.api.is_ready());
    rig.api.ready().await;
    assert!(rig.api.ready_for(&iss(0)).await.is_err());
}

#[test]
fn a_server_has_one_resolver_and_needs_no_other_issuer() {
    let builder = || tower_bearer::ResourceServer::builder(AUDIENCE);
    let resolver = || TenantSettings::new(Database::new());
    assert_eq!(builder().build().unwrap_err(), ConfigError::NoIssuer);
    assert!(builder().trust_resolved(resolver()).build().is_ok());
    let twice = builder().trust_resolved(resolver()).trust_resolved(Database::new()).build();
    assert_eq!(twice.unwrap_err(), ConfigError::ResolversTwice);
    let signer = small_issuer();
    let api = builder().trust(Issuer::keys("https://a.example", keys(&signer)).unwrap()).build().unwrap();
    assert!(api.tenants().is_none());
}

/// A customer who was removed while no process was told is refused after a while.
#[tokio::test(start_paused = true)]
async fn a_tenant_in_use_is_resolved_again_after_a_while() {
    let rig = Rig::with(2, |settings| settings.resolve_again_after(Duration::from_secs(600)), |builder| builder);
    for _ in 0..59 {
        assert_eq!((rig.use_tenant(0).await, rig.use_tenant(1).await), (200, 200));
        tokio::time::advance(Duration::from_secs(10)).await;
    }
    assert_eq!(rig.database.calls(), 2);
    rig.database.remove(&iss(0));
    assert_eq!(rig.use_tenant(0).await, 200);
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!((rig.use_tenant(0).await, rig.use_tenant(1).await), (401, 200));
    assert_eq!((rig.database.calls_about(&iss(0)), rig.database.calls_about(&iss(1))), (2, 2));
}
