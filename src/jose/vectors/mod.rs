//! Published vectors. Every key goes in as a JWK, and every signature is judged by
//! [`VerifyingKey::verify`](super::VerifyingKey::verify), as those of tokens are.

mod rfc;
mod wycheproof;

use std::sync::Arc;

use super::{JwkSet, JwkSetError, UnusableJwk, VerifyingKey};

/// The key of this JWK, as it would come in a set.
fn key(jwk: &str) -> Result<Arc<VerifyingKey>, UnusableJwk> {
    match JwkSet::from_json(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes()) {
        Ok(set) => Ok(Arc::clone(&set.keys()[0])),
        Err(JwkSetError::NoUsableKey { skipped }) => Err(skipped[0].reason.clone()),
        Err(other) => panic!("{other}"),
    }
}
