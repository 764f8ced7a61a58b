//! What an opaque token costs: when its answer is known, and when its issuer has to be asked.

use std::time::Instant;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use tower::{Service as _, ServiceExt as _};
use tower_bearer::ResourceServer;
use tower_bearer::testing::TestIssuer;

use crate::cases::{Cases, ROUNDS};
use crate::support::{AUDIENCE, bearer, call, inner, protected};

/// How many tokens the issuer is asked about, and how many bare requests stand between them.
const QUESTIONS: usize = 2_000;

pub(crate) fn opaque(_: &TestIssuer) {
    let issuer = TestIssuer::builder().algorithms([tower_bearer::jose::Algorithm::ES256]).start();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.introspection()).build().unwrap();
    let token = || issuer.opaque_token(&issuer.token().audience(AUDIENCE).scope("read:me write:me"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("\nOpaque tokens through the layer\n");

    let known: Vec<String> = (0..1_000).map(|_| token()).collect();
    runtime.block_on(async {
        for token in &known {
            api.verify(token).await.unwrap();
        }
    });
    let credentials: Vec<HeaderValue> = known.iter().map(|token| bearer(token)).collect();
    let (mut plain, mut layer) = (inner(), protected(&api));
    let mut random = [1, 2].map(fastrand::Rng::with_seed);
    let [one, two] = &mut random;
    let mut cases = Cases::default();
    cases.add("service", || assert_eq!(call(&mut plain, one.choice(&credentials).unwrap()), 200));
    cases.add("layer", || assert_eq!(call(&mut layer, two.choice(&credentials).unwrap()), 200));
    cases.measure(ROUNDS);
    let [service, behind] = ["service", "layer"].map(|name| cases.median(name));
    drop(cases);
    println!("known, of 1,000: service alone {service:.0} ns, behind the layer {:.0} ns more", behind - service);

    // A client like that of the crate, which keeps its connection.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let new: Vec<String> = (0..QUESTIONS).map(|_| token()).collect();
    let mut times = [Vec::new(), Vec::new()];
    runtime.block_on(async {
        for token in &new {
            let start = Instant::now();
            let form = format!("token={token}&token_type_hint=access_token");
            let request = client.post(issuer.introspection_url()).basic_auth("test-api", Some("test-secret"));
            let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
            request.send().await.unwrap().bytes().await.unwrap();
            let middle = Instant::now();
            let mut request = http::Request::new(());
            request.headers_mut().insert(AUTHORIZATION, bearer(token));
            let response = layer.ready().await.unwrap().call(request).await.unwrap();
            assert_eq!(response.status(), 200);
            times[0].push((middle - start).as_nanos());
            times[1].push(middle.elapsed().as_nanos());
        }
    });
    let [bare, asked] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    println!("new: a bare request {bare} ns, through the layer {asked} ns, {} ns more", asked as f64 - bare as f64);
}
