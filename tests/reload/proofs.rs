//! DPoP: proofs that were used, and nonces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use tower_bearer::Issuer;
use tower_bearer::certificate::ClientCertificates;
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::tenants::{ResolveError, ResolvedTenant, TenantSettings, from_fn};
use tower_bearer::testing::{ProofBuilder, TestClient, TestIssuer};

use super::{Rig, document};
use crate::harness::{AUDIENCE, Answer, SlowStore, good, send_with, small_issuer};

const DPOP: &str = "[dpop]\nurl = \"https://api.example.test\"\n";
const NONCES: &str = "[dpop]\nurl = \"https://api.example.test\"\nnonces = true\n";

struct Client {
    client: TestClient,
    token: String,
}

impl Client {
    fn new(issuer: &TestIssuer) -> Self {
        let client = TestClient::new(Algorithm::ES256);
        Self { token: good(issuer).bound_to(&client).sign(), client }
    }

    fn proof(&self, nonce: Option<&str>) -> String {
        let proof = self.client.proof("GET", "https://api.example.test/me", &self.token);
        nonce.into_iter().fold(proof, ProofBuilder::nonce).sign()
    }

    async fn send(&self, rig: &Rig, proof: &str) -> Answer {
        let authorization = format!("DPoP {}", self.token);
        send_with(&rig.app, "/me", &[("authorization", authorization), ("dpop", proof.to_owned())]).await
    }
}

/// A proof that was used is refused after a reload, also if DPoP was off meanwhile.
#[tokio::test]
async fn a_used_proof_stays_used() {
    let issuer = small_issuer();
    let rig = Rig::new(&document(DPOP, &[&issuer]));
    let client = Client::new(&issuer);
    for between in [&[][..], &["realm = \"new\"\n"], &[""]] {
        let proof = client.proof(None);
        client.send(&rig, &proof).await.assert_ok();
        for settings in between {
            rig.reload(&document(
                &if settings.is_empty() { String::new() } else { format!("{settings}{DPOP}") },
                &[&issuer],
            ))
            .await;
        }
        rig.reload(&document(DPOP, &[&issuer])).await;
        let answer = client.send(&rig, &proof).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{between:?}");
        client.send(&rig, &client.proof(None)).await.assert_ok();
    }
}

#[tokio::test]
async fn random_nonces_stay_good() {
    let issuer = small_issuer();
    let rig = Rig::new(&document(NONCES, &[&issuer]));
    let client = Client::new(&issuer);
    let refused = client.send(&rig, &client.proof(None)).await;
    let nonce = refused.headers["dpop-nonce"].to_str().unwrap().to_owned();
    for own in [NONCES.to_owned(), format!("realm = \"new\"\n{NONCES}"), NONCES.replace("true", "{ lifetime = 200 }")] {
        rig.reload(&document(&own, &[&issuer])).await;
        client.send(&rig, &client.proof(Some(&nonce))).await.assert_ok();
    }
}

/// Keys that the operator sets are used from then on, and nonces of earlier keys are refused.
#[tokio::test]
async fn nonces_of_keys_that_are_no_longer_configured_are_refused() {
    let issuer = small_issuer();
    let with_key = |first: u8| {
        let key = URL_SAFE_NO_PAD.encode((0..32).map(|at: u8| first ^ at.wrapping_mul(37)).collect::<Vec<_>>());
        document(&NONCES.replace("true", &format!("{{ keys = [\"{key}\"] }}")), &[&issuer])
    };
    let random = document(NONCES, &[&issuer]);
    let client = Client::new(&issuer);
    for (before, after) in [(&random, &with_key(1)), (&with_key(1), &with_key(2)), (&with_key(1), &random)] {
        let rig = Rig::new(before);
        let refused = client.send(&rig, &client.proof(None)).await;
        let nonce = refused.headers["dpop-nonce"].to_str().unwrap().to_owned();
        client.send(&rig, &client.proof(Some(&nonce))).await.assert_ok();
        rig.reload(after).await;
        assert_eq!(client.send(&rig, &client.proof(Some(&nonce))).await.status, StatusCode::UNAUTHORIZED, "{after}");
    }
}

/// A layer that was made without DPoP knows its scheme as soon as the configuration has it.
#[tokio::test]
async fn dpop_is_switched_on_and_off() {
    let issuer = small_issuer();
    let rig = Rig::new(&document("", &[&issuer]));
    let client = Client::new(&issuer);
    for _ in 0..2 {
        let answer = client.send(&rig, &client.proof(None)).await;
        assert_eq!(
            (answer.status, answer.headers.get_all("www-authenticate").iter().count()),
            (StatusCode::UNAUTHORIZED, 1)
        );
        rig.reload(&document(DPOP, &[&issuer])).await;
        client.send(&rig, &client.proof(None)).await.assert_ok();
        let answer = crate::harness::send(&rig.app, "/me", []).await;
        assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 2, "both schemes");
        rig.reload(&document("", &[&issuer])).await;
    }
}

/// The issuer is replaced while the request waits for the store. Its proof is used once.
#[tokio::test]
async fn a_request_that_waits_for_the_store_is_checked_by_the_new_configuration() {
    let other = small_issuer();
    for (what, status) in [("removed", 401), ("another leeway", 200)] {
        let issuer = small_issuer();
        let store = SlowStore::new();
        let dpop = Dpop::at("https://api.example.test").unwrap().replay_store(store.clone());
        let rig =
            Rig::with(&document("", &[&issuer]), |watch| watch.customize(move |builder| builder.dpop(dpop.clone())));
        let client = Client::new(&issuer);
        rig.api.ready().await;
        let reload = store.meanwhile(async {
            let settings =
                if what == "removed" { document("", &[&other]) } else { document("leeway = 10", &[&issuer]) };
            rig.reload(&settings).await;
        });
        let proof = client.proof(None);
        let (answer, ()) = tokio::join!(client.send(&rig, &proof), reload);
        assert_eq!(answer.status, status, "{what}");
    }
}

/// It has waited for the store. What the new configuration says about the request itself counts, as its issuers do.
#[tokio::test]
async fn a_request_that_waits_for_the_store_has_the_certificate_that_the_new_configuration_requires() {
    let issuer = small_issuer();
    let is_strict = Arc::new(AtomicBool::new(false));
    let store = SlowStore::new();
    let dpop = Dpop::at("https://api.example.test").unwrap().replay_store(store.clone());
    let rig = Rig::with(&document("", &[&issuer]), |watch| {
        let is_strict = Arc::clone(&is_strict);
        watch.customize(move |builder| {
            let builder = builder.dpop(dpop.clone());
            if is_strict.load(Ordering::Relaxed) {
                builder.client_certificates(ClientCertificates::from_connection().required())
            } else {
                builder
            }
        })
    });
    let client = Client::new(&issuer);
    rig.api.ready().await;
    let reload = store.meanwhile(async {
        is_strict.store(true, Ordering::Relaxed);
        rig.reload(&document("", &[&issuer])).await;
    });
    let proof = client.proof(None);
    let (answer, ()) = tokio::join!(client.send(&rig, &proof), reload);
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "its token is bound to no certificate");
}

/// The same with a tenant, whose value is another one after the reload.
#[tokio::test]
async fn a_request_that_waits_for_the_store_fits_its_tenant_in_the_new_configuration() {
    let (pinned, signer) = (small_issuer(), small_issuer());
    let own_keys = crate::harness::memory_source::keys(&signer);
    let resolver = from_fn(move |iss: String| {
        let issuer = Issuer::keys(&iss, own_keys.clone()).map_err(ResolveError::new);
        async move { Ok(Some(ResolvedTenant::new(issuer?).value(()))) }
    });
    let settings = TenantSettings::new(resolver);
    let is_strict = Arc::new(AtomicBool::new(false));
    let store = SlowStore::new();
    let dpop = Dpop::at("https://api.example.test").unwrap().replay_store(store.clone());
    let rig = Rig::with(&document("", &[&pinned]), |watch| {
        let is_strict = Arc::clone(&is_strict);
        watch.customize(move |builder| {
            let strict = settings.clone().check(|_, (): &()| false);
            let settings = if is_strict.load(Ordering::Relaxed) { strict } else { settings.clone() };
            builder.dpop(dpop.clone()).trust_resolved(settings)
        })
    });
    let client = TestClient::new(Algorithm::ES256);
    let of_tenant =
        || signer.token().claim("iss", "https://login.example.com/acme").audience(AUDIENCE).scope("read:me");
    let client = Client { token: of_tenant().bound_to(&client).sign(), client };
    assert!(rig.api.verify(&of_tenant().sign()).await.is_ok());
    let reload = store.meanwhile(async {
        is_strict.store(true, Ordering::Relaxed);
        rig.reload(&document("", &[&pinned])).await;
        // The tenant is loaded, and a token without a request fits it no more.
        let error = rig.api.verify(&of_tenant().sign()).await.unwrap_err();
        assert_eq!(error.reason(), Some("tenant_mismatch"));
    });
    let proof = client.proof(None);
    let (answer, ()) = tokio::join!(client.send(&rig, &proof), reload);
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "no request fits any tenant");
}
