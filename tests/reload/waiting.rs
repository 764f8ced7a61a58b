//! A request that waits while the configuration is replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use tokio::time::{sleep, timeout};
use tower_bearer::certificate::{CertificateHeader, ClientCertificates, TrustedProxies};
use tower_bearer::testing::{Endpoint, Fault};

use super::{Rig, document, of};
use crate::harness::{AUDIENCE, good, present, send_with, small_issuer};

/// How long the issuer takes to answer.
const SLOW: Duration = Duration::from_millis(800);

/// The request has arrived, and waits.
async fn until_asked(issuer: &tower_bearer::testing::TestIssuer) {
    while issuer.requests(Endpoint::Jwks) == 0 {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Its issuer is gone or another one when the keys arrive.
#[tokio::test]
async fn a_request_whose_issuer_is_replaced_meanwhile_is_checked_by_the_new_configuration() {
    let other = small_issuer();
    for (what, status) in [("removed", 401), ("another audience", 401), ("another leeway", 200), ("another realm", 200)]
    {
        let issuer = small_issuer();
        issuer.fail(Endpoint::Jwks, Fault::Delay(SLOW));
        let rig = Rig::new(&document("", &[&other, &issuer]));
        let token = good(&issuer).sign();
        let settings = match what {
            "removed" => document("", &[&other]),
            "another audience" => format!("audience = {AUDIENCE:?}\n{}", of(&issuer, "audiences = [\"other\"]")),
            "another leeway" => document("leeway = 10", &[&other, &issuer]),
            _ => document("realm = \"new\"", &[&other, &issuer]),
        };
        let reload = async {
            until_asked(&issuer).await;
            rig.reload(&settings).await;
        };
        let request = crate::harness::request(Some(&token));
        let (by_layer, by_text, by_request, ()) =
            tokio::join!(present(&rig.app, &token), rig.api.verify(&token), rig.api.verify_request(&request), reload);
        assert_eq!(by_layer.status, status, "{what}");
        let is_good = [by_text.is_ok(), by_request.is_ok()];
        assert_eq!(is_good, [status == 200; 2], "{what}");
        assert_eq!(issuer.requests(Endpoint::Jwks), 1, "{what}");
    }
}

/// What else has changed does not concern it: it has the old configuration to its end.
#[tokio::test]
async fn a_request_that_waits_has_one_configuration() {
    let (issuer, other) = (small_issuer(), small_issuer());
    issuer.fail(Endpoint::Jwks, Fault::Delay(SLOW));
    let rig = Rig::new(&document("realm = \"old\"", &[&issuer]));
    let bad = good(&issuer).signed_by_other(&other);
    let reload = async {
        until_asked(&issuer).await;
        rig.reload(&document("realm = \"new\"", &[&issuer])).await;
        rig.api.verify("x").await.unwrap_err();
        assert!(present(&rig.app, "x").await.challenge().unwrap().contains("realm=\"new\""));
    };
    // Its issuer is the same, so it does not begin again.
    let weak = issuer.token().audience(AUDIENCE).sign();
    let (bad, weak, ()) = tokio::join!(present(&rig.app, &bad), present(&rig.app, &weak), reload);
    for (answer, status) in [(bad, StatusCode::UNAUTHORIZED), (weak, StatusCode::FORBIDDEN)] {
        assert_eq!(answer.status, status);
        assert!(answer.challenge().unwrap().contains("realm=\"old\""), "{answer:?}");
    }
}

/// The new configuration takes a header from every request, also from one that waits.
#[tokio::test]
async fn a_header_about_a_certificate_that_is_new_in_the_configuration_reaches_no_handler() {
    let issuer = small_issuer();
    issuer.fail(Endpoint::Jwks, Fault::Delay(SLOW));
    let has_header = Arc::new(AtomicBool::new(false));
    let rig = Rig::with(&document("", &[&issuer]), |watch| {
        let has_header = Arc::clone(&has_header);
        watch.customize(move |builder| {
            let proxies = TrustedProxies::at(["10.0.0.0/8"]).unwrap();
            let certificates = ClientCertificates::from_header(CertificateHeader::client_cert(proxies));
            if has_header.load(Ordering::Relaxed) { builder.client_certificates(certificates) } else { builder }
        })
    });
    let sees = |headers: HeaderMap| async move {
        if headers.contains_key("client-cert") { StatusCode::CONFLICT } else { StatusCode::NO_CONTENT }
    };
    let app = Router::new().route("/me", get(sees)).layer(rig.api.layer());
    let reload = async {
        until_asked(&issuer).await;
        has_header.store(true, Ordering::Relaxed);
        rig.reload(&document("", &[&issuer])).await;
    };
    let authorization = format!("Bearer {}", good(&issuer).sign());
    let headers = [("authorization", authorization), ("client-cert", ":AAAA:".to_owned())];
    let (answer, ()) = tokio::join!(send_with(&app, "/me", &headers), reload);
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

/// The issuer was a mistake, and is corrected.
#[tokio::test]
async fn readiness_does_not_wait_for_an_issuer_that_is_gone() {
    let (issuer, wrong) = (small_issuer(), small_issuer());
    wrong.fail(Endpoint::Jwks, Fault::Hang);
    let rig = Rig::new(&document("", &[&wrong]));
    assert!(!rig.api.is_ready());
    let api = rig.api.clone();
    let ready = tokio::spawn(async move { api.ready().await });
    let api = rig.api.clone();
    let url = wrong.url().to_owned();
    let ready_for = tokio::spawn(async move { api.ready_for(&url).await });
    sleep(Duration::from_millis(50)).await;
    rig.reload(&document("", &[&issuer])).await;
    timeout(Duration::from_secs(10), ready).await.unwrap().unwrap();
    assert!(timeout(Duration::from_secs(10), ready_for).await.unwrap().unwrap().is_err(), "it is not trusted");
    assert!(rig.api.is_ready());
}

trait SignedByOther {
    fn signed_by_other(&self, other: &tower_bearer::testing::TestIssuer) -> String;
}

impl SignedByOther for tower_bearer::testing::TokenBuilder {
    /// The token with the signature of another one, so that only the key tells that it is bad.
    fn signed_by_other(&self, other: &tower_bearer::testing::TestIssuer) -> String {
        let (token, signature) = (self.sign(), good(other).sign());
        let (start, _) = token.rsplit_once('.').unwrap();
        format!("{start}.{}", signature.rsplit_once('.').unwrap().1)
    }
}
