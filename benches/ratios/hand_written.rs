//! What the hand-written parts of the JOSE code save: the base64url decoder and the memory of headers.

use std::hint::black_box;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use siphasher::sip128::SipHasher24;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;

use crate::cases::{Cases, ROUNDS};
use crate::support::{TokenHash, server, small};

/// The refusal of an expired token of ours, beside what the `base64` crate alone takes to decode it, and what it takes to hash
/// it for the cache, and what `SipHash` alone would. A token whose header no verified token had is not hashed.
pub(crate) fn hand_written(issuer: &TestIssuer) {
    println!("\nRefusals of expired ES256 tokens, by `try_verify`, beside what the replaced parts would take\n");
    println!(
        "| bytes | refused, ns | with an unknown header | decoding by the base64 crate | hashing | by SipHash-2-4 alone |"
    );
    println!("|---:|---:|---:|---:|---:|---:|");
    let api = server(issuer).build().unwrap();
    let token = small(issuer, Algorithm::ES256).claim("pad", "x".repeat(600));
    // Its header is known from now on.
    api.try_verify(&token.clone().sign()).unwrap();
    let expired = token.expired_for(Duration::from_secs(90));
    let (known, unknown) = (expired.clone().sign(), expired.header("x", 1).sign());
    let parts: Vec<&str> = known.split('.').collect();
    let (token_hash, siphash) = (TokenHash::new(), SipHasher24::new_with_key(&[7; 16]));
    let mut decoded = vec![0; known.len()];
    let mut cases = Cases::default();
    cases.add("known", || drop(black_box(api.try_verify(&known).unwrap_err())));
    cases.add("unknown", || drop(black_box(api.try_verify(&unknown).unwrap_err())));
    cases.add("base64", || {
        for part in &parts {
            black_box(URL_SAFE_NO_PAD.decode_slice(part, &mut decoded).unwrap());
        }
    });
    cases.add("hash", || token_hash.hash(known.as_bytes()));
    cases.add("siphash", || {
        black_box(siphash.hash(known.as_bytes()));
    });
    cases.measure(ROUNDS);
    let [refused, unknown, base64, hash, siphash] =
        ["known", "unknown", "base64", "hash", "siphash"].map(|name| cases.median(name));
    println!("| {} | {refused:.0} | {unknown:.0} | {base64:.0} | {hash:.0} | {siphash:.0} |", known.len());
}
