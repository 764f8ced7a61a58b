//! What tokens and proofs are built with: the corpus changes both in the same ways.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tower_bearer::testing::{ProofBuilder, TokenBuilder};

/// A builder of the crate's own tests.
pub(super) trait Builder: Clone {
    fn claim(self, name: &str, value: Value) -> Self;
    fn without_claim(self, name: &str) -> Self;
    fn header(self, name: &str, value: Value) -> Self;
    fn without_header(self, name: &str) -> Self;
    fn raw_header(self, header: Vec<u8>) -> Self;
    fn raw_payload(self, payload: Vec<u8>) -> Self;
    fn signing_input(&self) -> String;
    fn sign(&self) -> String;

    /// The header and the payload.
    fn decoded(&self) -> [String; 2] {
        let input = self.signing_input();
        let (header, payload) = input.split_once('.').unwrap();
        [header, payload].map(|part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
    }

    /// With a claim, and if need be a header parameter, that make it exactly so long.
    fn padded(self, length: usize) -> Self {
        let with = |header: usize, claim: usize| {
            self.clone().header("pad", "x".repeat(header).into()).claim("pad", "x".repeat(claim).into())
        };
        // Base64url without padding has no length that is 1 more than a multiple of 4, so one part alone does not reach all.
        for header in 0..3 {
            let missing = length - with(header, 0).sign().len();
            for claim in (missing * 3 / 4).saturating_sub(2)..=missing * 3 / 4 + 2 {
                let builder = with(header, claim);
                if builder.sign().len() == length {
                    return builder;
                }
            }
        }
        panic!("no proof has {length} bytes")
    }
}

macro_rules! delegate {
    ($($builder:ident),*) => {$(
        impl Builder for $builder {
            fn claim(self, name: &str, value: Value) -> Self {
                self.claim(name, value)
            }

            fn without_claim(self, name: &str) -> Self {
                self.without_claim(name)
            }

            fn header(self, name: &str, value: Value) -> Self {
                self.header(name, value)
            }

            fn without_header(self, name: &str) -> Self {
                self.without_header(name)
            }

            fn raw_header(self, header: Vec<u8>) -> Self {
                self.raw_header(header)
            }

            fn raw_payload(self, payload: Vec<u8>) -> Self {
                self.raw_payload(payload)
            }

            fn signing_input(&self) -> String {
                self.signing_input()
            }

            fn sign(&self) -> String {
                self.sign()
            }
        }
    )*};
}

delegate!(TokenBuilder, ProofBuilder);
