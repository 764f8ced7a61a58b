//! Published vectors. Every key goes in as a JWK, and every signature is verified by
//! [`VerifyingKey::verify`](super::VerifyingKey::verify), as those of tokens are.

mod rfc;
mod thumbprints;
mod wycheproof;

use std::sync::Arc;

use super::{JwkSet, UnusableJwk, VerifyingKey};

/// The key of this JWK, as it would come in a set.
fn key(jwk: &str) -> Result<Arc<VerifyingKey>, UnusableJwk> {
    let set = JwkSet::from_json(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes()).expect("a set of one");
    set.keys().first().cloned().ok_or_else(|| set.skipped()[0].reason.clone())
}

fn thumbprint(jwk: &str) -> String {
    key(jwk).unwrap().thumbprint().to_string()
}
