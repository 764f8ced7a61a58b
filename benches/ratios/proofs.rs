//! What a proof of possession (DPoP) costs.

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request};
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestClient, TestIssuer};

use crate::cases::Cases;
use crate::support::{ALGORITHMS, AUDIENCE, Floor, inner, large, protected, send, server};

const PROOF: HeaderName = HeaderName::from_static("dpop");
const ROUNDS: usize = 201;
/// More than are measured, and less than the replay store holds of one key.
const PROOFS: usize = 12_000;

/// A remembered token with a new proof in every request, through the layer, against the bare verification of the proofs.
pub(crate) fn proofs(issuer: &TestIssuer) {
    println!("\nA remembered ES256 token with a new DPoP proof, through the layer\n");
    println!("| proof | bytes | bare verification, ns | service alone, ns | behind the layer, ns | layer / bare |");
    println!("|---|---:|---:|---:|---:|---:|");
    for algorithm in ALGORITHMS {
        let client = TestClient::new(algorithm);
        let token = large(issuer, Algorithm::ES256).bound_to(&client).sign();
        let proof = || client.proof("GET", AUDIENCE, &token).id(&format!("{:032x}", fastrand::u128(..))).sign();
        let proofs: Vec<String> = (0..PROOFS).map(|_| proof()).collect();
        let floors = Floor::of_proofs(&client, algorithm, &proofs);
        let credentials = HeaderValue::from_str(&format!("DPoP {token}")).unwrap();
        let request = |proof: &str| {
            let mut request = Request::new(());
            request.headers_mut().insert(AUTHORIZATION, credentials.clone());
            request.headers_mut().insert(PROOF, HeaderValue::from_str(proof).unwrap());
            request
        };
        let api = server(issuer).dpop(Dpop::at(AUDIENCE).unwrap()).build().unwrap();
        let (mut plain, mut layer) = (inner(), protected(&api));
        let (mut new, mut any, mut verified) = (proofs.iter(), proofs.iter().cycle(), floors.iter().cycle());
        (0..3).for_each(|_| assert_eq!(send(&mut layer, request(new.next().unwrap())), 200));
        let mut cases = Cases::default();
        cases.add("bare", || verified.next().unwrap().verify());
        cases.add("service", || assert_eq!(send(&mut plain, request(any.next().unwrap())), 200));
        cases.add("layer", || assert_eq!(send(&mut layer, request(new.next().unwrap())), 200));
        cases.measure(ROUNDS);
        let [bare, service, layer] = ["bare", "service", "layer"].map(|name| cases.median(name));
        drop(cases);
        let bytes = proofs[0].len();
        println!("| {algorithm} | {bytes} | {bare:.0} | {service:.0} | {layer:.0} | {:.3} |", (layer - service) / bare);
    }
}
