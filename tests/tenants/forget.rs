//! Tenants that are removed and added while the server runs.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::Request;
use http::header::AUTHORIZATION;
use tokio::sync::watch;
use tower_bearer::Issuer;
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::tenants::{ResolvedTenant, TenantError};
use tower_bearer::testing::TestClient;

use super::{Rig, iss, status_of};
use crate::harness::memory_source::{Fetch, Source, keys};
use crate::harness::{SlowStore, small_issuer};

const INSTANT: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_forgotten_tenant_is_refused_at_the_next_request_also_with_a_remembered_token() {
    let rig = Rig::new(2);
    let token = rig.token(&iss(0)).sign();
    for _ in 0..4 {
        assert_eq!(rig.status(&token).await, 200);
    }
    assert!(rig.api.token_cache_status().unwrap().hits > 0);
    assert_eq!(rig.use_tenant(1).await, 200);
    rig.database.remove(&iss(0));
    assert_eq!(rig.status(&token).await, 200, "nobody has said so");
    rig.tenants().forget(&iss(0));
    assert_eq!(rig.status(&token).await, 401);
    assert_eq!(rig.use_tenant(0).await, 401);
    assert_eq!(rig.use_tenant(1).await, 200);
    assert_eq!(rig.active(), [iss(1)]);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(rig.status(&token).await, 401);
    assert_eq!(rig.database.calls_about(&iss(0)), 2);
}

/// A replica of the database may lag behind.
#[tokio::test(start_paused = true)]
async fn a_forgotten_tenant_is_refused_for_five_seconds_whatever_the_resolver_says() {
    let rig = Rig::new(1);
    assert_eq!(rig.use_tenant(0).await, 200);
    rig.tenants().forget(&iss(0));
    tokio::time::advance(Duration::from_millis(4990)).await;
    assert_eq!(rig.use_tenant(0).await, 401);
    assert_eq!(rig.database.calls(), 1);
    tokio::time::advance(Duration::from_millis(10)).await;
    assert_eq!(rig.use_tenant(0).await, 200);
    assert_eq!((rig.database.calls(), rig.database.fetches()), (2, 2), "with keys of its own");
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_while_their_tenant_is_forgotten_are_refused() {
    let rig = Arc::new(Rig::new(0));
    // It waits for the resolver.
    rig.database.set_delay(Duration::from_secs(2));
    rig.insert(0);
    let waiting = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.use_tenant(0).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.database.calls(), 1);
    rig.tenants().forget(&iss(0));
    assert_eq!(waiting.await.unwrap(), 401);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(rig.tenants().list(), [], "the answer does not bring it back");

    // It waits for the first keys.
    rig.database.set_delay(Duration::ZERO);
    let (open, gate) = watch::channel(false);
    let source = Source::new(Fetch::Gate(keys(&rig.signer), gate));
    rig.database.insert(&iss(1), &source, |issuer| issuer);
    let waiting = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.use_tenant(1).await }
    });
    tokio::time::sleep(INSTANT).await;
    assert_eq!(source.fetches(), 1);
    rig.tenants().forget(&iss(1));
    open.send_replace(true);
    assert_eq!(waiting.await.unwrap(), 401);
    tokio::time::sleep(INSTANT).await;
    assert_eq!(rig.tenants().list(), []);
}

#[tokio::test]
async fn requests_that_wait_for_the_replay_store_while_their_tenant_is_forgotten_are_refused() {
    for (is_added_again, status) in [(false, 401), (true, 200)] {
        let store = SlowStore::new();
        let dpop = Dpop::at("https://api.example.test").unwrap().replay_store(store.clone());
        let rig = Rig::with(1, |settings| settings, |builder| builder.dpop(dpop));
        let client = TestClient::new(Algorithm::ES256);
        let token = rig.token(&iss(0)).bound_to(&client).sign();
        let request = Request::get("https://api.example.test/me")
            .header(AUTHORIZATION, format!("DPoP {token}"))
            .header("dpop", client.proof("GET", "https://api.example.test/me", &token).sign())
            .body(())
            .unwrap();
        let forget = store.meanwhile(async {
            rig.tenants().forget(&iss(0));
            if is_added_again {
                let issuer = Issuer::keys(&iss(0), rig.source()).unwrap();
                rig.tenants().add(ResolvedTenant::new(issuer)).unwrap();
                // Its keys are fetched at the first request.
                assert_eq!(rig.use_tenant(0).await, 200);
            }
        });
        let (answer, ()) = tokio::join!(rig.api.verify_request(&request), forget);
        assert_eq!(status_of(&answer), status, "{answer:?}");
    }
}

/// What is under way since before does not come back, and does not end what has begun since.
#[tokio::test(start_paused = true)]
async fn a_load_from_before_the_tenant_was_forgotten_does_not_count() {
    const OLD: &str = "https://old.example.test";
    const NEW: &str = "https://new.example.test";
    let rig = Rig::new(0);
    let token = |audience: &str| rig.token(&iss(0)).audience(audience).sign();
    let (old, new) = (token(OLD), token(NEW));
    // It is resolved after 4 seconds, and its keys come after 8.
    let late = Source::new(Fetch::Late(keys(&rig.signer), Duration::from_secs(4)));
    rig.database.insert(&iss(0), &late, |issuer| issuer.audiences([OLD]));
    rig.database.set_delay(Duration::from_secs(4));
    let (status, ()) = tokio::join!(rig.status(&old), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        rig.tenants().forget(&iss(0));
    });
    assert_eq!(status, 401);
    tokio::time::sleep(Duration::from_millis(5100)).await;
    assert_eq!(late.fetches(), 1);
    rig.database.insert(&iss(0), &rig.source(), |issuer| issuer.audiences([NEW]));
    // They wait for the second load from 6.1 to 10.1 seconds.
    assert_eq!(tokio::join!(rig.status(&new), rig.status(&old)), (200, 401));
    assert_eq!((late.fetches(), rig.database.calls()), (1, 2));
    assert_eq!((rig.status(&new).await, rig.status(&old).await), (200, 401));
    assert_eq!(rig.tenants().list().len(), 1);
}

/// The tenant is in use, and the request waits for a key that is new.
#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_a_new_key_of_a_forgotten_tenant_is_refused() {
    let rig = Arc::new(Rig::new(0));
    let source = rig.source();
    rig.database.insert(&iss(0), &source, |issuer| issuer);
    assert_eq!(rig.use_tenant(0).await, 200);
    // No token causes another fetch at once.
    tokio::time::advance(Duration::from_secs(60)).await;
    let (open, gate) = watch::channel(false);
    rig.signer.rotate();
    source.set(Fetch::Gate(keys(&rig.signer), gate));
    let waiting = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.use_tenant(0).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(source.fetches(), 2);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((source.fetches(), waiting.is_finished()), (2, false));
    rig.tenants().forget(&iss(0));
    tokio::time::sleep(INSTANT).await;
    assert!(waiting.is_finished(), "it need not wait for the fetch");
    open.send_replace(true);
    assert_eq!(waiting.await.unwrap(), 401);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_added_again_has_new_keys_alone() {
    let rig = Rig::new(1);
    let old = rig.token(&iss(0)).sign();
    for _ in 0..3 {
        assert_eq!(rig.status(&old).await, 200);
    }
    rig.tenants().forget(&iss(0));
    let successor = small_issuer();
    let source = Source::new(Fetch::Keys(keys(&successor), None));
    rig.database.insert(&iss(0), &source, |issuer| issuer);
    rig.tenants().add(rig.database.get(&iss(0)).unwrap()).unwrap();
    let new = rig.token(&iss(0)).signed_by(&successor).sign();
    assert_eq!(rig.status(&new).await, 200);
    assert_eq!(rig.status(&old).await, 401);
    assert_eq!((source.fetches(), rig.database.calls()), (1, 1), "no call: it was added");
}

/// The same without `forget`: the settings of a tenant in use are replaced.
#[tokio::test(start_paused = true)]
async fn what_is_added_replaces_what_was_there() {
    let rig = Rig::new(1);
    let token = rig.token(&iss(0)).sign();
    for _ in 0..3 {
        assert_eq!(rig.status(&token).await, 200);
    }
    let stricter = Issuer::keys(&iss(0), rig.source()).unwrap().audiences(["https://other.example.test"]);
    rig.tenants().add(stricter).unwrap();
    assert_eq!(rig.status(&token).await, 401);
    assert_eq!(rig.active(), [iss(0)]);
    // Also while it is in probation.
    let rig = Rig::new(1);
    assert_eq!(rig.status(&rig.forged(&iss(0))).await, 401);
    let stricter = Issuer::keys(&iss(0), rig.source()).unwrap().audiences(["https://other.example.test"]);
    rig.tenants().add(stricter).unwrap();
    assert_eq!(rig.status(&token).await, 401);
    assert_eq!(rig.tenants().list().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_probed_works_at_once_where_it_is_added_and_elsewhere_within_five_seconds() {
    let rig = Rig::new(0);
    let elsewhere = Rig { signer: small_issuer(), ..Rig::new(0) };
    let token = rig.token(&iss(0)).sign();
    for rig in [&rig, &elsewhere] {
        assert_eq!(rig.status(&token).await, 401);
        assert_eq!(rig.status(&token).await, 401);
        assert_eq!(rig.database.calls(), 1, "it is known that there is none");
    }
    for database in [&rig.database, &elsewhere.database] {
        database.insert(&iss(0), &rig.source(), |issuer| issuer);
    }
    rig.tenants().add(rig.database.get(&iss(0)).unwrap()).unwrap();
    assert_eq!(rig.status(&token).await, 200);
    assert_eq!(elsewhere.status(&token).await, 401);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(elsewhere.status(&token).await, 200);
    // A probe that the resolver is still answering does not count either.
    rig.database.set_delay(Duration::from_secs(1));
    let probed = rig.token(&iss(1)).sign();
    let (status, ()) = tokio::join!(rig.status(&probed), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let source = rig.source();
        rig.tenants().add(Issuer::keys(&iss(1), source).unwrap()).unwrap();
    });
    assert_eq!(status, 200);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.status(&probed).await, 200, "the late answer does not count");
}

#[tokio::test]
async fn what_cannot_be_a_tenant_is_not_added() {
    let pinned = small_issuer();
    let trusted = pinned.issuer();
    let pattern = "https://login.example.com/{tenant}";
    let rig = Rig::with(1, |it| it.issuer_pattern(pattern).unwrap(), |builder| builder.trust(trusted));
    assert_eq!(rig.use_tenant(0).await, 200);
    let add = |issuer: Issuer| rig.tenants().add(ResolvedTenant::new(issuer)).unwrap_err();
    let keys = || rig.source();
    assert!(matches!(add(Issuer::keys(pinned.url(), keys()).unwrap()), TenantError::Pinned { .. }));
    let other = Issuer::keys("https://login.example.com/a/b", keys()).unwrap();
    assert!(matches!(add(other), TenantError::NoPattern { .. }));
    let no_algorithm = Issuer::keys(&iss(0), keys()).unwrap().algorithms([]);
    assert!(matches!(add(no_algorithm), TenantError::Issuer(_)));
    let no_key = Issuer::keys(&iss(0), JwkSet::from_json(br#"{"keys":[]}"#).unwrap()).unwrap();
    assert!(matches!(add(no_key), TenantError::Issuer(_)));
    let persisted = Issuer::discover(&iss(0)).unwrap().persist_keys("/nowhere/keys.json");
    assert!(matches!(add(persisted), TenantError::PersistedKeys { .. }));
    let introspected = Issuer::introspection(&iss(0), pinned.introspection_client()).unwrap();
    assert!(matches!(add(introspected), TenantError::Introspected { .. }));
    let domain = Issuer::spiffe("example.org", keys()).unwrap();
    assert!(matches!(add(domain), TenantError::NoSingleIdentifier { .. }));
    assert_eq!(rig.use_tenant(0).await, 200, "the table is as before");
}

/// Without a key that is new, nothing but the settings tells that a remembered token has to be validated again.
#[tokio::test]
async fn the_settings_of_what_is_added_count_also_if_the_keys_are_the_same_fixed_ones() {
    let rig = Rig::new(0);
    let fixed = keys(&rig.signer);
    let add = |audience: &str| {
        let issuer = Issuer::keys(&iss(0), fixed.clone()).unwrap().audiences([audience]);
        rig.tenants().add(issuer).unwrap();
    };
    let token = rig.token(&iss(0)).sign();
    add(crate::harness::AUDIENCE);
    for _ in 0..3 {
        assert_eq!(rig.status(&token).await, 200);
    }
    assert!(rig.api.token_cache_status().unwrap().hits > 0);
    add("https://other.example.test");
    assert_eq!(rig.status(&token).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_in_probation_is_forgotten_too() {
    let rig = Rig::new(1);
    assert_eq!(rig.status(&rig.forged(&iss(0))).await, 401);
    assert!(rig.tenants().status(&iss(0)).is_some());
    rig.tenants().forget(&iss(0));
    assert_eq!(rig.tenants().status(&iss(0)), None);
    assert_eq!(rig.use_tenant(0).await, 401);
}

/// It may leave the table within the five seconds for which there was no such tenant.
#[tokio::test(start_paused = true)]
async fn what_is_added_is_known_also_after_it_has_left_the_table() {
    let rig = Rig::with(1, |settings| settings.max_tenants(1), |builder| builder);
    assert_eq!(rig.use_tenant(1).await, 401);
    rig.insert(1);
    rig.tenants().add(rig.database.get(&iss(1)).unwrap()).unwrap();
    assert_eq!(rig.use_tenant(0).await, 200);
    assert_eq!(rig.active(), [iss(0)]);
    assert_eq!(rig.use_tenant(1).await, 200);
}

/// The tenant is loaded, and the request is about to go on.
#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_forgotten_in_the_moment_in_which_it_is_loaded_is_refused() {
    let rig = Rig::new(1);
    let mut waiting = pin!(rig.use_tenant(0));
    assert!(poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context))).await.is_pending());
    tokio::time::sleep(INSTANT).await;
    assert!(rig.tenants().status(&iss(0)).is_some());
    rig.tenants().forget(&iss(0));
    assert_eq!(waiting.await, 401);
    assert_eq!(rig.tenants().list(), []);
}

/// The tenant has been in probation for so long that it leaves, and a request still holds it.
#[tokio::test]
async fn a_request_that_holds_an_idle_tenant_of_the_probation_is_refused_after_it_is_forgotten() {
    let clock = tower_bearer::testing::TestClock::new();
    let of_server = clock.clone();
    let rig = Rig::with(1, |settings| settings.idle_after(Duration::from_secs(60)), |it| it.clock(of_server));
    let mut waiting = pin!(rig.use_tenant(0));
    assert!(poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context))).await.is_pending());
    while rig.tenants().status(&iss(0)).is_none() {
        tokio::time::sleep(INSTANT).await;
    }
    clock.advance(Duration::from_secs(60));
    assert_eq!(rig.tenants().list(), []);
    rig.tenants().forget(&iss(0));
    assert_eq!(waiting.await, 401);
    assert_eq!(rig.tenants().list(), []);
}

/// Strangers name tenants that do not exist, as fast as the resolver may be called.
#[tokio::test(start_paused = true)]
async fn no_stranger_shortens_the_five_seconds_of_a_forgotten_tenant() {
    let rig = Rig::new(1);
    assert_eq!(rig.use_tenant(0).await, 200);
    rig.tenants().forget(&iss(0));
    for number in 1..1200 {
        assert_ne!(rig.status(&rig.forged(&iss(number))).await, 200);
        tokio::time::advance(Duration::from_millis(3)).await;
    }
    assert_eq!(rig.use_tenant(0).await, 401, "it was forgotten less than four seconds ago");
    assert_eq!(rig.database.calls_about(&iss(0)), 1);
}

/// The name of a policy of Azure AD B2C says more than the identifier of its issuer.
#[tokio::test]
async fn what_is_listed_can_be_forgotten() {
    let rig = Rig::new(0);
    let tenant = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
    rig.tenants().add(Issuer::azure_b2c("contoso.b2clogin.com", tenant, "B2C_1_signin").unwrap()).unwrap();
    let listed = rig.tenants().list();
    assert_eq!(&*listed[0].issuer, format!("https://contoso.b2clogin.com/{tenant}/v2.0/"));
    assert!(rig.tenants().status(&listed[0].issuer).is_some());
    rig.tenants().forget(&listed[0].issuer);
    assert_eq!(rig.tenants().list(), []);
}
