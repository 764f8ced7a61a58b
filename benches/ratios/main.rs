//! What the layer costs, as ratios to a bare verification: `cargo bench --bench ratios`.
//!
//! All cases are measured in turn, a few milliseconds each, round after round, and the figures are medians over the rounds:
//! other load on the machine then affects all of them alike.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "nanoseconds and counts of a bench"
)]

mod admission;
mod cases;
mod end_to_end;
mod hand_written;
mod issuers;
mod opaque;
mod operations;
mod proofs;
mod revocation;
#[path = "../support/mod.rs"]
mod support;
mod two_threads;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use tower_bearer::clock::Clock as _;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestClock, TestIssuer, TokenBuilder};
use tower_bearer::validation::TokenCache;

use admission::admission;
use cases::{Cases, ROUNDS};
use end_to_end::end_to_end;
use hand_written::hand_written;
use issuers::issuers;
use opaque::opaque;
use operations::operations;
use proofs::proofs;
use revocation::revocation;
use support::{
    ALGORITHMS, Floor, Jsonwebtoken, TokenHash, bearer, call, call_bare, distinct, inner, issuer, large, protected,
    required, server, small,
};
use two_threads::two_threads;

/// What is measured together.
type Part = fn(&TestIssuer);

fn main() {
    let issuer = issuer();
    let parts: [(&str, Part); 13] = [
        ("first_use", first_use),
        ("repeats", repeats),
        ("slowest", slowest),
        ("admission", admission),
        ("hand_written", hand_written),
        ("refusals", refusals),
        ("issuers", issuers),
        ("proofs", proofs),
        ("opaque", opaque),
        ("operations", operations),
        ("revocation", revocation),
        ("two_threads", two_threads),
        ("end_to_end", end_to_end),
    ];
    // `cargo bench --bench ratios -- repeats` measures one part alone.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, measure) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            measure(&issuer);
        }
    }
}

fn first_use(issuer: &TestIssuer) {
    println!("\nFirst use, through the layer; times the bare verification\n");
    println!("| token | bytes | bare, ns | jsonwebtoken | cache off | cache on | off, ns more | on, ns more |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for algorithm in ALGORITHMS {
        for (size, token) in [("small", small(issuer, algorithm)), ("large", large(issuer, algorithm))] {
            // Each comes once: the admission filter has forgotten it when it comes again.
            let tokens: Vec<String> = distinct(&token, 500).collect();
            let length = tokens[0].len();
            let floors = Floor::of_all(issuer, algorithm, &tokens);
            let credentials: Vec<HeaderValue> = tokens.iter().map(|token| bearer(token)).collect();
            let off = server(issuer).token_cache(TokenCache::off()).build().unwrap();
            // With as few entries as this no token is still known when it comes again.
            let on = server(issuer).token_cache(TokenCache::default().entries(16)).build().unwrap();
            let jwt = Jsonwebtoken::new(issuer, algorithm);
            let (mut layer_off, mut layer_on) = (protected(&off), protected(&on));
            let mut next = [0; 4].map(|_| (0..500).cycle());
            let [floor_next, jwt_next, off_next, on_next] = &mut next;
            let mut cases = Cases::default();
            cases.add("floor", || floors[floor_next.next().unwrap()].verify());
            cases.add("jwt", || jwt.decode(&tokens[jwt_next.next().unwrap()]));
            cases.add("off", || assert_eq!(call(&mut layer_off, &credentials[off_next.next().unwrap()]), 200));
            cases.add("on", || assert_eq!(call(&mut layer_on, &credentials[on_next.next().unwrap()]), 200));
            cases.measure(ROUNDS);
            let [floor, jwt, off_ns, on_ns] = ["floor", "jwt", "off", "on"].map(|name| cases.median(name));
            drop(cases);
            let hits = on.token_cache_status().unwrap().hit_rate();
            assert!(hits < 0.02, "{hits}");
            println!(
                "| {algorithm} {size} | {length} | {floor:.0} | {:.3} | {:.3} | {:.3} | {:.0} | {:.0} |",
                jwt / floor,
                off_ns / floor,
                on_ns / floor,
                off_ns - floor,
                on_ns - floor
            );
        }
    }
}

fn repeats(issuer: &TestIssuer) {
    println!("\nRepeats through the layer, large ES256 tokens\n");
    println!(
        "| distinct tokens | service alone, ns | behind the layer, ns more | and `Require` | hash alone | cache alone | hit rate |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    for count in [1, 1000, 100_000] {
        let credentials: Vec<HeaderValue> =
            distinct(&large(issuer, Algorithm::ES256), count).map(|token| bearer(&token)).collect();
        let room = TokenCache::default().entries(400_000).bytes(1 << 30);
        let api = server(issuer).token_cache(room).build().unwrap();
        let (mut plain, mut layer, mut require) = (inner(), protected(&api), required(&api));
        for _ in 0..3 {
            for credentials in &credentials {
                assert_eq!(call(&mut layer, credentials), 200);
            }
        }
        let before = api.token_cache_status().unwrap();
        let mut random = [1, 2, 3, 4, 5, 6].map(fastrand::Rng::with_seed);
        let [one, two, three, four, five, six] = &mut random;
        let found: quick_cache::sync::Cache<u128, Arc<[u8; 1000]>> = quick_cache::sync::Cache::new(400_000);
        (0..count as u128).for_each(|key| found.insert(key, Arc::new([0; 1000])));
        let hasher = TokenHash::new();
        let mut cases = Cases::default();
        cases.add("service", || assert_eq!(call(&mut plain, &copy(one.choice(&credentials).unwrap())), 200));
        cases.add("layer", || assert_eq!(call(&mut layer, &copy(two.choice(&credentials).unwrap())), 200));
        cases.add("require", || assert_eq!(call(&mut require, &copy(three.choice(&credentials).unwrap())), 200));
        cases.add("cache", || {
            let found = found.get(&six.u128(..count as u128));
            std::hint::black_box(found.map(|entry| entry[0]));
        });
        cases.add("copy", || drop(std::hint::black_box(copy(five.choice(&credentials).unwrap()))));
        cases.add("hash", || {
            let credentials = copy(four.choice(&credentials).unwrap());
            hasher.hash(&credentials.as_bytes()[7..]);
        });
        cases.measure(ROUNDS);
        let [copied, service, layer, require, hash, cache] =
            ["copy", "service", "layer", "require", "hash", "cache"].map(|name| cases.median(name));
        drop(cases);
        let after = api.token_cache_status().unwrap();
        let hits = (after.hits - before.hits) as f64;
        println!(
            "| {count} | {service:.0} | {:.0} | {:.0} | {:.0} | {cache:.0} | {:.4} |",
            layer - service,
            require - service,
            hash - copied,
            hits / (hits + (after.misses - before.misses) as f64)
        );
    }
}

/// Single requests, because a median hides what happens now and then.
fn slowest(issuer: &TestIssuer) {
    println!("\nRepeats one by one, 1,000 large ES256 tokens, ns, the request itself counted\n");
    let api = server(issuer).build().unwrap();
    let credentials: Vec<HeaderValue> =
        distinct(&large(issuer, Algorithm::ES256), 1000).map(|token| bearer(&token)).collect();
    let (mut plain, mut layer) = (inner(), protected(&api));
    for _ in 0..3 {
        for credentials in &credentials {
            assert_eq!(call(&mut layer, credentials), 200);
        }
    }
    let mut times = [Vec::new(), Vec::new()];
    for credentials in credentials.iter().cycle().take(200_000) {
        let start = Instant::now();
        call(&mut plain, credentials);
        let middle = Instant::now();
        call(&mut layer, credentials);
        times[0].push((middle - start).as_nanos());
        times[1].push(middle.elapsed().as_nanos());
    }
    for (name, mut times) in ["service alone", "behind the layer"].into_iter().zip(times) {
        times.sort_unstable();
        let [median, p99, p999] = [50.0, 99.0, 99.9].map(|part| times[(times.len() as f64 * part / 100.0) as usize]);
        println!("{name}: median {median}, p99 {p99}, p99.9 {p999}");
    }
}

/// The same credentials as if they had been read from a socket: wherever they were before, their bytes are near now.
fn copy(credentials: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(credentials.as_bytes()).unwrap()
}

fn refusals(issuer: &TestIssuer) {
    println!("\nRefusals through the layer, ES256 tokens, ns, the request itself counted\n");
    for (size, token) in [("small", small(issuer, Algorithm::ES256)), ("large", large(issuer, Algorithm::ES256))] {
        refusals_of(issuer, size, &token);
    }
}

fn refusals_of(issuer: &TestIssuer, size: &str, token: &TokenBuilder) {
    let clock = TestClock::new();
    let api = server(issuer).build().unwrap();
    let next_day = server(issuer).clock(clock.clone()).build().unwrap();
    let forger = support::issuer();
    let good = token.sign();
    (0..3).for_each(|_| drop(next_day.try_verify(&good).unwrap()));
    // The keys stay fresh: only the time of day moves.
    clock.set(clock.now() + Duration::from_secs(25 * 60 * 60));
    let kinds = [
        ("no credentials", None),
        ("garbage", Some(bearer("abc"))),
        ("expired, good before", Some(bearer(&good))),
        ("expired, never good", Some(bearer(&token.clone().expired_for(Duration::from_secs(600)).sign()))),
        ("wrong audience", Some(bearer(&token.clone().audience("https://other.example.com").sign()))),
        ("a kid that was absent a moment ago", Some(bearer(&token.clone().header("kid", "absent").sign()))),
        ("bad signature", Some(bearer(&token.clone().signed_by(&forger).sign()))),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    // It is looked for once, and then known to be absent for 5 seconds.
    let absent = kinds[5].1.as_ref().unwrap().to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    runtime.block_on(async { api.verify(&absent).await.unwrap_err() });
    for (kind, credentials) in kinds {
        let mut layer = protected(if kind == "expired, good before" { &next_day } else { &api });
        let mut cases = Cases::default();
        cases.add(kind, || {
            let status = match &credentials {
                Some(credentials) => call(&mut layer, credentials),
                None => call_bare(&mut layer),
            };
            assert_eq!(status, 401);
        });
        cases.measure(ROUNDS);
        println!("{size} {kind}: {:.0}", cases.median(kind));
    }
}
