//! Conversion of key sets of the crate [`jsonwebtoken`](https://docs.rs/jsonwebtoken), version 12 (feature `jsonwebtoken`).

use jsonwebtoken::jwk;

use super::jwk::{JwkSet, JwkSetError};

/// The usable keys of a set that an application already holds as a [`jsonwebtoken::jwk::JwkSet`].
///
/// The same rules hold as for a [document](JwkSet::from_json): keys that cannot be used are [skipped](JwkSet::skipped).
/// If the document itself is available, read that instead: `jsonwebtoken` drops what it does not know. A key whose `alg` is
/// `ES512`, `Ed25519` or `ML-DSA-44` is skipped, and a key that was published with its private members is used.
///
/// ```
/// use tower_bearer::Issuer;
/// use tower_bearer::jose::JwkSet;
///
/// let document = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let held: jsonwebtoken::jwk::JwkSet = serde_json::from_str(document)?;
///
/// let keys = JwkSet::try_from(&held)?;
/// assert_eq!(keys.keys()[0].id(), Some("1"));
/// let issuer = Issuer::keys("https://login.example.com", keys)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If there are more than [`JwkSet::MAX_KEYS`] keys.
impl TryFrom<&jwk::JwkSet> for JwkSet {
    type Error = JwkSetError;

    fn try_from(set: &jwk::JwkSet) -> Result<Self, JwkSetError> {
        let document = serde_json::to_vec(set).map_err(|_| JwkSetError::NotAJwkSet)?;
        Self::from_json(&document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::UnusableJwk;

    fn converted(keys: &[&str]) -> Result<JwkSet, JwkSetError> {
        let document = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
        let set: jwk::JwkSet = serde_json::from_str(&document).unwrap();
        JwkSet::try_from(&set)
    }

    const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"ed","alg":"EdDSA","use":"sig",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const P256: &str = r#"{"kty":"EC","crv":"P-256","kid":"ec","key_ops":["verify"],
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

    #[test]
    fn a_converted_set_is_the_set_of_its_document() {
        let document = format!(r#"{{"keys":[{ED25519},{P256}]}}"#);
        let read = JwkSet::from_json(document.as_bytes()).unwrap();
        let converted = converted(&[ED25519, P256]).unwrap();
        assert_eq!(converted.keys(), read.keys());
        assert_eq!(converted.keys().len(), 2);
        assert_eq!(converted.skipped(), []);
    }

    #[test]
    fn keys_that_are_not_for_verifying_are_skipped() {
        let for_encryption = ED25519.replace("sig", "enc");
        let to_sign = P256.replace("verify", "sign");
        let symmetric = r#"{"kty":"oct","k":"AAAA","kid":"secret"}"#;
        let ml_dsa = r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}"#;
        let set = converted(&[&for_encryption, &to_sign, symmetric, ml_dsa, P256]).unwrap();
        assert_eq!(set.keys().len(), 1);
        let reasons: Vec<_> = set.skipped().iter().map(|skipped| &skipped.reason).collect();
        let lost_name = UnusableJwk::Algorithm { alg: "UNKNOWN_ALGORITHM".into() };
        let expected =
            [&UnusableJwk::Use { usage: "enc".into() }, &UnusableJwk::KeyOps, &UnusableJwk::Symmetric, &lost_name];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        assert!(converted(&[P256; JwkSet::MAX_KEYS]).is_ok());
        let found = JwkSet::MAX_KEYS + 1;
        assert_eq!(converted(&vec![P256; found]).err(), Some(JwkSetError::TooManyKeys { found }));
    }
}
