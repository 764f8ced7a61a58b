//! One token, outside of any request: `cargo bench --bench validate`. For comparisons see `ratios`, which measures all cases
//! in turn.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends")]

mod support;

use std::sync::LazyLock;

use divan::Bencher;
use support::{ALGORITHMS, Floor, Jsonwebtoken, issuer, large, server, small};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestIssuer, TokenBuilder};
use tower_bearer::validation::TokenCache;

static ISSUER: LazyLock<TestIssuer> = LazyLock::new(issuer);

fn main() {
    divan::main();
}

type MakeToken = fn(&TestIssuer, Algorithm) -> TokenBuilder;

/// Small and large.
const SIZES: [usize; 2] = [400, support::LARGE];

fn token(algorithm: Algorithm, size: usize) -> String {
    let make: MakeToken = if size == support::LARGE { large } else { small };
    make(&ISSUER, algorithm).sign()
}

#[divan::bench(args = ALGORITHMS, consts = SIZES)]
fn bare_verification<const SIZE: usize>(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let floor = Floor::of(&ISSUER, algorithm, &token(algorithm, SIZE));
    bencher.bench(|| floor.verify());
}

#[divan::bench(args = ALGORITHMS, consts = SIZES)]
fn jsonwebtoken<const SIZE: usize>(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let (jwt, token) = (Jsonwebtoken::new(&ISSUER, algorithm), token(algorithm, SIZE));
    bencher.bench(|| jwt.decode(&token));
}

#[divan::bench(args = ALGORITHMS, consts = SIZES)]
fn first_use<const SIZE: usize>(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let api = server(&ISSUER).token_cache(TokenCache::off()).build().unwrap();
    let token = token(algorithm, SIZE);
    bencher.bench(|| api.try_verify(&token).unwrap());
}

#[divan::bench(consts = SIZES, threads = [1, 2])]
fn repeat<const SIZE: usize>(bencher: Bencher<'_, '_>) {
    let api = server(&ISSUER).build().unwrap();
    let token = token(Algorithm::ES256, SIZE);
    (0..2).for_each(|_| drop(api.try_verify(&token).unwrap()));
    bencher.bench(|| api.try_verify(&token).unwrap());
}
