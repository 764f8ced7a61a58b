//! What the dashboard shows of introspection, proofs, revocations and tenants is recorded when it happens. `tests/observability.rs` has
//! the other metrics, and `src/config/watch/follower.rs` those of reloads, which happen on another thread.

use std::time::Duration;

use http::Request;
use http::header::AUTHORIZATION;
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::tenants::{ResolveError, ResolvedTenant, TenantSettings, from_fn};
use tower_bearer::testing::{Endpoint, Fault, TestClient, TestClock};
use tower_bearer::{Issuer, ResourceServer, metrics};

use crate::harness::memory_source::{Fetch, Source, keys};
use crate::harness::scrape::{recording, scrape_after, value};
use crate::harness::{AUDIENCE, good, small_issuer};

fn request(token: &str) -> Request<()> {
    Request::get("/me").header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap()
}

#[test]
fn the_circuit_and_the_duration_of_calls_are_recorded() {
    let (clock, issuer) = (TestClock::new(), small_issuer());
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.introspection()).clock(clock.clone()).build().unwrap();
    let send = async || {
        let token = issuer.opaque_token(&issuer.token().audience(AUDIENCE));
        api.verify_request(&request(&token)).await.is_ok()
    };
    let labels = format!("{{issuer=\"{}\"}}", issuer.url());
    let scrape = recording(async |scrape| {
        let circuit = || value(&scrape.render(), metrics::INTROSPECTION_CIRCUIT_OPEN, &labels);
        assert!(send().await);
        assert_eq!(circuit(), "0");
        issuer.fail(Endpoint::Introspection, Fault::Status(503));
        for _ in 0..20 {
            assert!(!send().await);
        }
        assert_eq!(circuit(), "1");
        issuer.recover();
        clock.advance(Duration::from_secs(5));
        assert!(send().await);
        assert_eq!(circuit(), "0");
    });
    let name = format!("{}_count", metrics::INTROSPECTION_SECONDS);
    assert_eq!(value(&scrape, &name, &labels), issuer.requests(Endpoint::Introspection).to_string());
}

/// Its issuer may have been removed by a reload.
#[test]
fn a_server_that_is_dropped_leaves_no_open_circuit() {
    let issuer = small_issuer();
    let labels = format!("{{issuer=\"{}\"}}", issuer.url());
    issuer.fail(Endpoint::Introspection, Fault::Status(503));
    let scrape = scrape_after(async {
        let api = ResourceServer::builder(AUDIENCE).trust(issuer.introspection()).build().unwrap();
        for _ in 0..25 {
            let token = issuer.opaque_token(&issuer.token().audience(AUDIENCE));
            assert!(api.verify_request(&request(&token)).await.is_err());
        }
        assert!(issuer.requests(Endpoint::Introspection) < 25, "it is open");
    });
    assert_eq!(value(&scrape, metrics::INTROSPECTION_CIRCUIT_OPEN, &labels), "0");
}

#[test]
fn the_fill_of_the_replay_store_is_recorded() {
    let (issuer, client) = (small_issuer(), TestClient::new(Algorithm::ES256));
    let dpop = Dpop::at("https://api.example.test").unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).dpop(dpop).build().unwrap();
    let token = good(&issuer).bound_to(&client).sign();
    let scrape = scrape_after(async {
        for _ in 0..3 {
            let proof = client.proof("GET", "https://api.example.test/me", &token).sign();
            let request = Request::get("/me").header(AUTHORIZATION, format!("DPoP {token}")).header("dpop", proof);
            assert!(api.verify_request(&request.body(()).unwrap()).await.is_ok());
        }
    });
    assert_eq!(value(&scrape, metrics::REPLAY_STORE_ENTRIES, ""), "3");
    assert_eq!(value(&scrape, metrics::REPLAY_STORE_CAPACITY, ""), (1 << 20).to_string());
}

#[test]
fn the_number_of_revocations_is_recorded() {
    let revocations = Revocations::new(Duration::from_secs(60));
    let scrape = scrape_after(async {
        for session in ["a", "b", "b"] {
            let revocation = Revocation::session("https://login.example.test", session);
            revocations.revoke(&revocation).await.unwrap();
        }
    });
    assert_eq!(value(&scrape, metrics::REVOCATIONS, ""), "2");
}

#[test]
fn tenants_are_counted_by_what_was_found() {
    let signer = small_issuer();
    let source = Source::new(Fetch::Keys(keys(&signer), None));
    let resolver = from_fn(move |iss: String| {
        let tenant = match iss.as_str() {
            "https://none.example.test" => Ok(None),
            "https://down.example.test" => Err(ResolveError::new("the database is down")),
            _ => Ok(Some(ResolvedTenant::new(Issuer::keys(&iss, source.clone()).unwrap()))),
        };
        async move { tenant }
    });
    let scrape = scrape_after(async {
        let settings = TenantSettings::new(resolver).max_tenants(2);
        let api = ResourceServer::builder(AUDIENCE).trust_resolved(settings).build().unwrap();
        for name in ["a", "b", "c", "none", "down"] {
            let token = good(&signer).claim("iss", format!("https://{name}.example.test")).sign();
            assert_eq!(api.verify(&token).await.is_ok(), name.len() == 1, "{name}");
        }
    });
    for (result, count) in [("found", "3"), ("unknown", "1"), ("unavailable", "1")] {
        assert_eq!(value(&scrape, metrics::TENANT_LOADS, &format!("{{result=\"{result}\"}}")), count, "{result}");
    }
    assert_eq!(value(&scrape, metrics::TENANTS_IN_USE, ""), "2", "no more than the bound");
}
