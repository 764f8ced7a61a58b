//! Random values, digests, and comparison in constant time.

use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 256 random bits, as they may stand in a URL, a form and a cookie.
pub(crate) fn random() -> String {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).expect("the system has random numbers");
    base64url(&bytes)
}

/// Six digits, for a user to type.
pub(crate) fn one_time_code() -> String {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).expect("the system has random numbers");
    format!("{:06}", u64::from_le_bytes(bytes) % 1_000_000)
}

/// Whether two secrets are one. Their digests are compared, so that not even their lengths show.
pub(crate) fn are_equal(one: &str, other: &str) -> bool {
    constant_time::verify_slices_are_equal(sha256(one).as_ref(), sha256(other).as_ref()).is_ok()
}

pub(crate) fn sha256(text: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, text.as_bytes())
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
