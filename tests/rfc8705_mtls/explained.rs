//! What a developer learns of a certificate that is refused.

use tower_bearer::certificate::{CertificateError, CertificateHeader, ClientCertificates};
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestCertificate, TestClient};
use tower_bearer::validation::VerifyError;

use super::{CLIENT_CERT, PROXY, Rig, STRANGER, byte_sequence, from, over, proxies};
use crate::harness::{AUDIENCE, good};

/// The result, and what was expected and found of the certificate.
async fn explain(rig: &Rig, request: http::Request<()>) -> (Option<&'static str>, String, String, bool) {
    let explanation = rig.api.explain_request(&request).await.unwrap();
    let steps: Vec<_> = explanation.steps().iter().filter(|step| step.name == "certificate").collect();
    let [step] = &*steps else { panic!("{explanation}") };
    assert_eq!(step.source, "RFC 8705 §3");
    let failures: Vec<_> = explanation.failures().map(|step| step.name).collect();
    assert_eq!(failures, if step.holds { vec![] } else { vec!["certificate"] });
    let reason = explanation.verdict().err().map(|error| error.reason().unwrap());
    (reason, step.expected.clone(), step.found.clone(), step.holds)
}

#[tokio::test]
async fn both_thumbprints_and_the_source_are_shown() {
    let rig = Rig::new();
    let other = TestCertificate::new();
    let thumbprint = |certificate: &TestCertificate| format!("\"{}\"", certificate.extension().thumbprint());
    let (reason, expected, found, holds) = explain(&rig, over(rig.request(), Some(&rig.certificate))).await;
    let source = "the request extension tower_bearer::binding::certificate::client_certificate::ClientCertificate";
    assert_eq!(expected, format!("the certificate {} in {source}", thumbprint(&rig.certificate)));
    assert_eq!((reason, found, holds), (None, thumbprint(&rig.certificate), true));
    let (reason, _, found, _) = explain(&rig, over(rig.request(), Some(&other))).await;
    assert_eq!((reason, found), (Some("certificate_other"), thumbprint(&other)));
    let (reason, _, found, _) = explain(&rig, rig.request()).await;
    assert_eq!((reason, &*found), (Some("certificate_absent"), "none"));
}

#[tokio::test]
async fn what_is_wrong_with_the_header_is_shown() {
    let rig = Rig::with(ClientCertificates::from_header(CertificateHeader::client_cert(proxies())), |builder| builder);
    let own = byte_sequence(rig.certificate.der());
    for (peer, lines, reason, text) in [
        (PROXY, vec![], "certificate_absent", "none"),
        (STRANGER, vec![&*own], "certificate_untrusted", "the peer has another address"),
        (PROXY, vec!["zebra"], "certificate_malformed", "expected a colon at both ends"),
        (PROXY, vec![":zebra:"], "certificate_malformed", "expected base64 with padding"),
        (PROXY, vec![&*own, &*own], "certificate_several", "several"),
    ] {
        let lines: Vec<_> = lines.into_iter().map(|line| (CLIENT_CERT, line)).collect();
        let (found_reason, expected, found, _) = explain(&rig, from(peer, rig.request(), &lines)).await;
        assert_eq!(found_reason, Some(reason));
        assert!(found.contains(text) && !found.contains("zebra"), "{found}");
        assert!(expected.ends_with("in the header client-cert") || reason == "certificate_several", "{expected}");
    }
    let mut unknown = rig.request();
    unknown.headers_mut().insert(CLIENT_CERT, own.parse().unwrap());
    let (_, _, found, _) = explain(&rig, unknown).await;
    assert!(found.contains("PeerAddress"), "{found}");
}

#[tokio::test]
async fn a_token_that_is_bound_in_both_ways_has_the_steps_of_both() {
    let rig = Rig::with(ClientCertificates::from_connection(), |builder| builder.dpop(Dpop::at(AUDIENCE).unwrap()));
    let client = TestClient::new(Algorithm::ES256);
    let token = good(&rig.issuer).bound_to(&client).bound_to_certificate(rig.certificate.der()).sign();
    let proof = client.proof("GET", "https://api.example.test/me", &token).sign();
    let request = |certificate| {
        let request = http::Request::get("/me").header("authorization", format!("DPoP {token}")).header("dpop", &proof);
        over(request.body(()).unwrap(), certificate)
    };
    let good = rig.api.explain_request(&request(Some(&rig.certificate))).await.unwrap();
    assert!(good.verdict().is_ok(), "{good}");
    let names: Vec<_> = good.steps().iter().map(|step| step.name).collect();
    assert!(
        names.contains(&"certificate") && names.contains(&"htu") && names.contains(&"proof_signature"),
        "{names:?}"
    );
    let bad = rig.api.explain_request(&request(None)).await.unwrap();
    assert_eq!(bad.verdict().unwrap_err(), &VerifyError::Certificate(CertificateError::Absent));
    assert_eq!(bad.failures().map(|step| step.name).collect::<Vec<_>>(), ["certificate"]);
}
