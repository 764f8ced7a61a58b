//! What a developer learns of a proof that is refused.

use std::time::{Duration, SystemTime};

use http::header::AUTHORIZATION;
use tower_bearer::jose::Algorithm;
use tower_bearer::server::Explanation;
use tower_bearer::testing::{ProofBuilder, TestClient};
use tower_bearer::validation::VerifyError;

use super::{PROOF, Rig, URL, request};

async fn explain(rig: &Rig, proof: &ProofBuilder, forwarded_host: Option<&str>) -> Explanation {
    let authorization = format!("DPoP {}", rig.token);
    let mut request = request(&[(AUTHORIZATION, &authorization), (PROOF, &proof.sign())]);
    if let Some(host) = forwarded_host {
        request.headers_mut().insert("x-forwarded-host", host.parse().unwrap());
        request.headers_mut().insert("x-forwarded-proto", "https".parse().unwrap());
    }
    rig.api.explain_request(&request).await.unwrap()
}

fn failure(explanation: &Explanation) -> (&'static str, String) {
    let failures: Vec<_> = explanation.failures().collect();
    let [step] = &*failures else { panic!("{explanation}") };
    (step.name, format!("expected {}; found {}", step.expected, step.found))
}

#[tokio::test]
async fn the_skew_of_the_clock_and_both_targets_are_shown() {
    let rig = Rig::new();
    let skewed = rig.proof().issued_at(SystemTime::now() - Duration::from_secs(3600));
    let explanation = explain(&rig, &skewed, None).await;
    let (name, text) = failure(&explanation);
    assert!(name == "proof_iat" && (text.contains("(3600 s ago)") || text.contains("(3601 s ago)")), "{text}");
    assert!(matches!(explanation.verdict(), Err(VerifyError::Proof(_))));
    assert!(explanation.to_string().starts_with("refused: proof_too_old\n"), "{explanation}");

    let elsewhere = rig.client.proof("GET", "https://shop.example.test/me", &rig.token);
    let (name, text) = failure(&explain(&rig, &elsewhere, Some("shop.example.test")).await);
    assert_eq!(name, "htu");
    assert!(text.contains(URL) && text.contains("https://shop.example.test/me"), "{text}");
    assert!(text.contains("X-Forwarded-Host") && text.ends_with("would have resulted in"), "{text}");
}

/// The replay store is not asked, so a good proof can be explained before and after it is used.
#[tokio::test]
async fn a_good_proof_is_explained_without_using_it() {
    let rig = Rig::new();
    let proof = rig.proof();
    for _ in 0..2 {
        let explanation = explain(&rig, &proof, None).await;
        assert!(explanation.verdict().is_ok() && explanation.failures().count() == 0, "{explanation}");
        assert!(explanation.steps().iter().any(|step| step.name == "proof_signature"), "{explanation}");
    }
    assert_eq!(rig.send(&proof.sign()).await.status(), 200);
    let forged = rig.proof().signed_by(&TestClient::new(Algorithm::ES256));
    assert_eq!(failure(&explain(&rig, &forged, None).await).0, "proof_signature");
}

#[tokio::test]
async fn a_request_without_a_proof_is_explained() {
    let rig = Rig::new();
    for (scheme, expected) in [("DPoP", "no DPoP header"), ("Bearer", "the token alone")] {
        let authorization = format!("{scheme} {}", rig.token);
        let explanation = rig.api.explain_request(&request(&[(AUTHORIZATION, &authorization)])).await.unwrap();
        let (name, text) = failure(&explanation);
        assert!(name == "proof" && text.contains(expected), "{text}");
    }
    assert!(rig.api.explain_request(&request(&[])).await.is_none());
}
