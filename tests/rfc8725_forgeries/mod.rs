//! The forgeries that RFC 8725 warns of: all are refused, and none causes a request.

mod algorithms;
mod claims;
mod encoding;
mod keys;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestIssuer, TokenBuilder};

use crate::harness::{AUDIENCE, fetches};

fn token_by(issuer: &TestIssuer, algorithm: Algorithm) -> TokenBuilder {
    issuer.token_by(algorithm).audience(AUDIENCE).scope("read:me")
}

fn rsa_and_ec_issuer() -> TestIssuer {
    TestIssuer::builder().algorithms([Algorithm::RS256, Algorithm::ES256]).start()
}

fn bytes(base64url: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(base64url.as_str().unwrap()).unwrap()
}

/// How often an issuer was asked for anything.
fn all_requests(issuer: &TestIssuer) -> usize {
    let (metadata, keys) = fetches(issuer);
    metadata + keys
}
