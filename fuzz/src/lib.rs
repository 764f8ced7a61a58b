//! What the fuzz targets promise: a module for each, with a function `run` that takes any bytes and panics if the promise is
//! broken. `cargo fuzz` drives them, and so do the tests, with the committed corpora and changes of these.

#![forbid(unsafe_code)]

use std::{env, fs};

pub mod authentication;
pub mod authorization;
pub mod certificates;
pub mod challenge;
pub mod claims;
pub mod differential;
pub mod events;
pub mod issuer_pattern;
pub mod json;
pub mod jwks;
pub mod lines;
pub mod metadata;
pub mod model;
pub mod operations;
pub mod proof;
pub mod recipe;
pub mod requests;
pub mod sources;
pub mod target_uri;
pub mod template;
pub mod token;
pub mod uri_walk;
pub mod world;

// Sources of the crate that it keeps to itself: see [`metadata`].
#[expect(dead_code, reason = "the crate uses all of it")]
mod binding;
mod credentials;
#[expect(dead_code, reason = "the crate uses all of it")]
mod jose;
mod keys;
#[path = "../../src/token/numeric_date.rs"]
mod numeric_date;
#[path = "../../src/token/proof_binding.rs"]
mod proof_binding;
#[path = "../../src/redact.rs"]
#[expect(dead_code, reason = "the crate uses all of it")]
mod redact;

/// A target: what it is called, and what is done with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 14] = [
    ("authorization", authorization::run),
    ("certificates", certificates::run),
    ("challenge", challenge::run),
    ("claims", claims::run),
    ("differential", differential::run),
    ("events", events::run),
    ("issuer_pattern", issuer_pattern::run),
    ("jwks", jwks::run),
    ("metadata", metadata::run),
    ("operations", operations::run),
    ("proof", proof::run),
    ("sources", sources::run),
    ("target_uri", target_uri::run),
    ("token", token::run),
];

/// Makes a program of a target: libFuzzer's where cargo-fuzz builds it, else one that tries the files it is given.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::$name::run(input));

        #[cfg(not(fuzzing))]
        fn main() {
            $crate::try_files($crate::$name::run);
        }
    };
}

/// Tries the files that are named as arguments.
///
/// # Panics
///
/// If one cannot be read, or is a finding.
pub fn try_files(run: fn(&[u8])) {
    for path in env::args().skip(1) {
        run(&fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")));
        println!("{path}: as promised");
    }
}
