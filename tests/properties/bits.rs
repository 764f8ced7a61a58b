//! A good token with one bit changed is refused: what is signed, and the signature, as bytes and as text.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use tower_bearer::ResourceServer;
use tower_bearer::jose::Algorithm;

use super::good_token::GoodToken;
use super::{Servers, for_every_algorithm, paused_runtime, times};
use crate::harness::ISSUER;

/// Of what is signed, for each algorithm.
const TOKENS: usize = 10_000;
/// How many bits of what is signed are changed of one good token …
const OF_ONE: usize = 100;
/// … and how many of its signature: all of them are verified, which takes longer.
const OF_ITS_SIGNATURE: usize = 25;

#[derive(Clone, Copy, Debug)]
enum Part {
    Signed,
    Signature,
}

/// Rows E21 to E23, F3.
#[test]
fn no_token_with_one_bit_changed_is_accepted() {
    for_every_algorithm(|algorithm, random| {
        let started = Instant::now();
        paused_runtime().block_on(change_bits(algorithm, random));
        println!(
            "{algorithm}: {} tokens in {:?}",
            times(TOKENS) / OF_ONE * (OF_ONE + OF_ITS_SIGNATURE),
            started.elapsed()
        );
    });
}

async fn change_bits(algorithm: Algorithm, mut random: Rng) {
    let servers = Servers::of(&ISSUER);
    for _ in 0..times(TOKENS) / OF_ONE {
        let good = GoodToken::random(&ISSUER, algorithm, servers.now, &mut random);
        let token = good.sign(&mut random);
        servers.remember(&good, &token).await;
        // Each of its servers has its turn.
        let mut turn = servers.that_accept(&good).collect::<Vec<_>>().into_iter().cycle();
        let hits = |server: &ResourceServer| server.token_cache_status().map(|status| status.hits);
        let before = hits(&servers.generic);
        for (part, count) in [(Part::Signed, OF_ONE), (Part::Signature, OF_ITS_SIGNATURE)] {
            for number in 0..count {
                let changed = if number % 2 == 0 {
                    with_byte_changed(&token, part, &mut random)
                } else {
                    with_character_changed(&token, part, &mut random)
                };
                assert_ne!(changed, token);
                let verdict = turn.next().unwrap().verify(&changed).await;
                assert!(verdict.is_err(), "{part:?}: {token} became {changed}");
            }
        }
        assert_eq!(hits(&servers.generic), before);
        servers.still_accept(&good, &token).await;
    }
}

/// One bit of what the header, the payload or the signature says, and all of it written again.
fn with_byte_changed(token: &str, part: Part, random: &mut Rng) -> String {
    let mut parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let bytes = &mut parts[match part {
        Part::Signed => random.usize(..2),
        Part::Signature => 2,
    }];
    let place = random.usize(..bytes.len());
    bytes[place] ^= 1 << random.u8(..8);
    parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect::<Vec<_>>().join(".")
}

/// One bit of the text, the dots among it; it stays ASCII, because a token is a string.
fn with_character_changed(token: &str, part: Part, random: &mut Rng) -> String {
    let signed = token.rfind('.').unwrap();
    let place = match part {
        Part::Signed => random.usize(..=signed),
        Part::Signature => random.usize(signed + 1..token.len()),
    };
    let mut bytes = token.as_bytes().to_vec();
    bytes[place] ^= 1 << random.u8(..7);
    String::from_utf8(bytes).unwrap()
}
