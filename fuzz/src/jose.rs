//! What the sources that are compiled in name as `crate::jose`.

pub(crate) use self::algorithm::{Algorithm, AlgorithmSet};
pub(crate) use self::base64url::encode as encode_base64url;
pub(crate) use self::embedded_key::{EmbeddedKey, ParsedKey};
pub(crate) use self::json_error::JsonError;
pub(crate) use self::jws::Scratch;
pub(crate) use self::jws_error::JwsError;
pub(crate) use self::jws_with_key::JwsWithKey;
pub(crate) use self::key::Thumbprint;
pub(crate) use self::strict_json::{Member, Members, read_object, read_struct};
pub(crate) use self::unusable_jwk::UnusableJwk;

// What their unit tests name.
#[cfg(test)]
pub(crate) use self::jwk::JwkSet;

#[path = "../../src/jose/algorithm.rs"]
mod algorithm;
#[path = "../../src/jose/embedded_key.rs"]
mod embedded_key;
#[path = "../../src/jose/header.rs"]
mod header;
#[path = "../../src/jose/json_error.rs"]
mod json_error;
#[path = "../../src/jose/jwk.rs"]
mod jwk;
#[path = "../../src/jose/jws.rs"]
mod jws;
#[path = "../../src/jose/jws_error.rs"]
mod jws_error;
#[path = "../../src/jose/jws_with_key.rs"]
mod jws_with_key;
#[path = "../../src/jose/key.rs"]
mod key;
#[path = "../../src/jose/known_headers.rs"]
mod known_headers;
#[path = "../../src/jose/strict_json.rs"]
mod strict_json;
#[path = "../../src/jose/unusable_jwk.rs"]
mod unusable_jwk;

/// In place of the crate's own decoder: one that is not the crate's.
mod base64url {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    pub(super) fn decoded_length(length: usize) -> usize {
        length / 4 * 3 + length % 4 * 3 / 4
    }

    pub(super) fn decode_into(text: &[u8], bytes: &mut [u8]) -> bool {
        decode(text).is_some_and(|decoded| {
            bytes.copy_from_slice(&decoded);
            true
        })
    }

    pub(super) fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(text).ok()
    }

    pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(super) fn encode_to(bytes: &[u8], text: &mut String) {
        URL_SAFE_NO_PAD.encode_string(bytes, text);
    }
}
