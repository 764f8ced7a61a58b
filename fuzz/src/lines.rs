//! Inputs that say what a request looks like: a line each, with tokens named where they stand.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_bearer::jose::Algorithm;

use crate::template::{Filled, filled};
use crate::world::{AUDIENCE, KEYS, STRANGER, good};

/// The one good token that there is.
pub static GOOD: LazyLock<String> = LazyLock::new(|| good(Algorithm::ES256).sign());

/// What stands for which token.
static NAMES: LazyLock<[(&'static [u8], String); 5]> = LazyLock::new(|| {
    let strange = STRANGER.token_by(Algorithm::ES256).audience(AUDIENCE).sign();
    let elsewhere = KEYS.token_by(Algorithm::ES256).audience("https://other.example.test").sign();
    let unknown = good(Algorithm::ES256).header("kid", "unknown").sign();
    let encoded = URL_SAFE_NO_PAD.encode(&*GOOD);
    [
        (b"GOOD", GOOD.clone()),
        (b"ENCODED", encoded),
        (b"STRANGE", strange),
        (b"ELSEWHERE", elsewhere),
        (b"UNKNOWN", unknown),
    ]
});

/// The lines, with tokens in the place of `$GOOD`, `$STRANGE`, `$ELSEWHERE` and `$UNKNOWN`, and of `$ENCODED` the good one in base64url.
pub fn lines(input: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    input.split(|byte| *byte == b'\n').map(|line| filled(line, named))
}

fn named(part: &[u8]) -> Filled<'_> {
    NAMES.iter().find_map(|(name, token)| Some((token.as_bytes().to_vec(), part.strip_prefix(*name)?)))
}
