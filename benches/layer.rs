//! One request through the layer: `cargo bench --bench layer`. For comparisons see `ratios`, which measures all cases in turn.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends")]

mod support;

use std::sync::LazyLock;
use std::time::Duration;

use divan::Bencher;
use http::HeaderValue;
use support::{ALGORITHMS, bearer, call, distinct, inner, issuer, large, protected, required, server};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::TokenCache;

static ISSUER: LazyLock<TestIssuer> = LazyLock::new(issuer);

fn main() {
    divan::main();
}

#[divan::bench]
fn service_alone(bencher: Bencher<'_, '_>) {
    let credentials = bearer(&large(&ISSUER, Algorithm::ES256).sign());
    let mut service = inner();
    bencher.bench_local(|| call(&mut service, &credentials));
}

#[divan::bench(args = ALGORITHMS)]
fn first_use(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let api = server(&ISSUER).token_cache(TokenCache::off()).build().unwrap();
    let credentials = bearer(&large(&ISSUER, algorithm).sign());
    let mut service = protected(&api);
    bencher.bench_local(|| call(&mut service, &credentials));
}

/// A server that remembers `count` tokens, and their credentials.
fn remembered(count: usize) -> (tower_bearer::ResourceServer, Vec<HeaderValue>) {
    let room = TokenCache::default().entries(400_000).bytes(1 << 30);
    let api = server(&ISSUER).token_cache(room).build().unwrap();
    let remember = |token: String| {
        (0..2).for_each(|_| drop(api.try_verify(&token).unwrap()));
        bearer(&token)
    };
    let credentials = distinct(&large(&ISSUER, Algorithm::ES256), count).map(remember).collect();
    (api, credentials)
}

#[divan::bench(args = [1, 1000, 100_000])]
fn repeat(bencher: Bencher<'_, '_>, tokens: usize) {
    let (api, credentials) = remembered(tokens);
    let mut service = protected(&api);
    let mut random = fastrand::Rng::with_seed(1);
    bencher.bench_local(|| call(&mut service, random.choice(&credentials).unwrap()));
}

#[divan::bench(args = [1, 1000], threads = [1, 2])]
fn repeat_on_threads(bencher: Bencher<'_, '_>, tokens: usize) {
    let (api, credentials) = remembered(tokens);
    bencher
        .with_inputs(|| (protected(&api), fastrand::choice(&credentials).unwrap()))
        .bench_refs(|(service, credentials)| call(service, credentials));
}

#[divan::bench]
fn repeat_with_a_requirement(bencher: Bencher<'_, '_>) {
    let (api, credentials) = remembered(1);
    let mut service = required(&api);
    bencher.bench_local(|| call(&mut service, &credentials[0]));
}

#[divan::bench(args = ["garbage", "expired", "wrong audience", "bad signature", "absent kid"])]
fn refusal(bencher: Bencher<'_, '_>, kind: &str) {
    let token = large(&ISSUER, Algorithm::ES256);
    let token = match kind {
        "garbage" => "abc".to_owned(),
        "expired" => token.expired_for(Duration::from_secs(600)).sign(),
        "wrong audience" => token.audience("https://other.example.com").sign(),
        "bad signature" => token.signed_by(&issuer()).sign(),
        _ => token.header("kid", "absent").sign(),
    };
    let api = server(&ISSUER).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // A name that is not known is looked for once, and then known to be absent for 5 seconds.
    runtime.block_on(api.verify(&token)).unwrap_err();
    let _entered = runtime.enter();
    let (mut service, credentials) = (protected(&api), bearer(&token));
    bencher.bench_local(|| call(&mut service, &credentials));
}
